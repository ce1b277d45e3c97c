"""A fade is guessed from pictures alone, with how likely it does good; and what cannot be told is not made up."""

from pathlib import Path

import numpy as np
import pytest
import torch
from skimage import data

from restorers.decay import DecayCorrection
from restorers.dyes.fade import Fade
from restorers.networks.card import Recipe
from restorers.networks.unfader import NUMBERS, Unfader
from restorers.restorer import Bench, MissingWeights
from restorers.training.loop import trained
from restorers.training.unfading import Unfading, unlikelihood
from restorers.unfading.blind import SIGNS
from restorers.unfading.picking import WORDS
from tests.restorers.footage import clip_of, footage_of
from tests.restorers.reels import Reel, reel

BENCH = Bench()
FADES = (Fade((0.35, 0.88, 0.62), stain=0.12), Fade((0.3, 0.95, 0.8), stain=0.05), Fade((0.5, 0.85, 0.5), stain=0.15))


def films(fade: Fade) -> Reel:
    """A reel of ten frames."""
    return reel(fade=fade, others=True)


@pytest.mark.parametrize("fade", FADES, ids=lambda fade: str(fade.share))
def test_a_guess_brings_a_faded_reel_closer_to_what_it_was(fade: Fade) -> None:
    old = films(fade)
    remedy = DecayCorrection(nodes=33).examine(footage_of(old.seen), BENCH)
    assert remedy.confidence >= 0.9
    assert old.error(remedy.apply(clip_of(old.seen), BENCH).frames) < 0.7 * old.error(old.seen)
    assert "guessed from 10 frames, without references" in remedy.summary()
    thin, dense = remedy.references  # for a person to look at, not to tell by
    assert (thin.was, dense.was) == WORDS
    assert (thin.frame, thin.left) == (0, None)  # clear film lies there
    assert max(thin.found) < 0.2 < max(dense.found)


def test_a_guess_that_may_do_harm_is_not_made() -> None:
    sound = films(Fade())
    remedy = DecayCorrection(confidence=0.99, nodes=33).examine(footage_of(sound.seen), BENCH)
    assert remedy.identity
    assert "the evidence is weak" in remedy.summary()
    assert remedy.confidence < 0.99


def test_a_guess_wants_its_network_and_references_do_not(tmp_path: Path) -> None:
    nowhere = Bench(weights=lambda name: tmp_path / name)
    with pytest.raises(MissingWeights, match="unfader"):
        DecayCorrection().examine(footage_of(films(FADES[0]).seen), nowhere)
    assert DecayCorrection().networks == ("unfader",)
    assert DecayCorrection(image="silver").networks == ()


def photographs() -> list[np.ndarray]:
    pictures = (data.astronaut(), data.coffee(), data.chelsea(), data.rocket())
    return [picture[:200, :300] for picture in pictures]


@pytest.fixture(scope="module")
def lesson() -> Unfading:
    return Unfading(photographs(), kept_back=1, signs=SIGNS, width=32, reels=48)


def test_a_lesson_shows_the_same_reels_whenever_it_is_asked(lesson: Unfading) -> None:
    told: list[tuple[int, int]] = []
    again = Unfading(photographs(), kept_back=1, signs=SIGNS, width=32, reels=48, tell=lambda *done: told.append(done))
    assert told[-1] == (48, 48)
    for one, other in zip(lesson.batch(3), again.batch(3), strict=True):
        assert torch.equal(one, other)
    signs, fades = lesson.batch(0)
    assert signs.shape[1] == SIGNS
    assert fades.shape[1] == NUMBERS
    assert 0.1 < float((fades[:, 0].abs() < 0.2).float().mean()) < 0.5  # some have hardly faded, or not at all


def test_an_unfader_learns_what_it_is_shown(lesson: Unfading) -> None:
    losses: list[float] = []
    network = trained(
        lesson, Recipe(steps=60, rate=3e-3, warming=5), device=torch.device("cpu"), keep=lambda *_: None,
        tell=lambda _, loss: losses.append(loss),
    )  # fmt: skip
    assert np.mean(losses[-5:]) < np.mean(losses[:5]) - 2
    assert set(lesson.scores(network)) >= {"cyan, mean error", "cyan, mean error of the mean"}


def test_as_many_signs_as_are_made_out_are_asked_for() -> None:
    with pytest.raises(ValueError, match=f"{SIGNS} signs are made out on a reel, not 3"):
        Unfading(photographs(), kept_back=1, signs=3, width=32, reels=8)


def test_how_unlikely_a_fade_is_is_that_of_a_gaussian() -> None:
    network = Unfader(SIGNS, 16)
    mean, factor = network(torch.randn(5, SIGNS, generator=torch.Generator().manual_seed(0)))
    fades = torch.randn(5, NUMBERS, generator=torch.Generator().manual_seed(1))
    oracle = torch.distributions.MultivariateNormal(mean, precision_matrix=factor @ factor.mT)
    constant = NUMBERS / 2 * np.log(2 * np.pi)
    torch.testing.assert_close(unlikelihood(mean, factor, fades), -oracle.log_prob(fades) - constant)
