import numpy as np
import pytest
import torch

from restorers.training.painting import KINDS, LARGE, SIZE, Painting, patches


def lesson(count: int = 4, kept_back: int = 1) -> Painting:
    """Photographs each of one level and some noise, so that it can be told which one is shown."""
    chance = np.random.default_rng(2)
    photographs = [np.clip(chance.normal(40 + 50 * i, 1, (100, 120, 3)), 0, 255).astype(np.uint8) for i in range(count)]
    shape = np.zeros((60, 60), bool)
    shape[20:30, 25:29] = True
    return Painting(photographs, [shape], kept_back=kept_back, width=4, depth=4)


@pytest.mark.parametrize("step", [0, 3, 5000])
def test_a_step_shows_the_same_whenever_it_is_asked_for(step: int) -> None:
    once, again = lesson().batch(step), lesson().batch(step)
    assert all(torch.equal(a, b) for a, b in zip(once, again, strict=True))
    assert not torch.equal(once[2], lesson().batch(step + 4)[2])


def test_every_picture_is_known_somewhere_and_hidden_somewhere() -> None:
    for step in range(8):
        _, known, clean = lesson().batch(step)
        size = LARGE if step % 4 == 3 else SIZE
        assert clean.shape[-2:] == known.shape[-2:] == (size, size)
        hidden = 1 - known.mean((1, 2, 3))
        assert hidden.min() > 0
        assert hidden.max() <= 0.36
        assert set(known.unique().tolist()) == {0.0, 1.0}


def test_grain_is_on_what_is_shown_and_not_on_what_is_asked_for() -> None:
    grainy, _, clean = lesson().batch(4000)
    rough = (grainy - clean).flatten(1).std(1)
    assert (rough > 0.005).any()
    assert clean.flatten(2).std(2).max() < 0.02


def test_pictures_kept_back_are_never_shown() -> None:
    school = lesson(count=4, kept_back=2)
    assert len(school.shown) == len(school.kept_back) == 2
    assert not any(np.array_equal(a, b) for a in school.shown for b in school.kept_back)


def test_too_few_photographs_are_refused() -> None:
    with pytest.raises(ValueError, match="more than 4 photographs"):
        lesson(count=4, kept_back=4)


@pytest.mark.parametrize("kind", [*KINDS, "patches"])
def test_holes_are_of_the_sizes_they_are_said_to_be(kind: str) -> None:
    hole, size = KINDS.get(kind, (patches, SIZE))
    least, most = {"dust": (3, 1200), "hair": (8, 500), "scratch": (100, 700), "blotch": (60, 3000)}.get(
        kind, (0, 2500)
    )
    sizes = [int(hole(np.random.default_rng(seed), size).sum()) for seed in range(40)]
    assert least <= min(sizes)
    assert max(sizes) <= most
    assert len(set(sizes)) > 5


def test_what_has_learned_nothing_is_no_better_than_a_smooth_filling() -> None:
    scores = lesson().scores(lesson().network().eval())
    assert scores["dust, painted, dB"] == scores["dust, smooth, dB"]
