"""The detector: its evidence, what it makes of it, and what it learns from."""

from collections.abc import Iterable
from dataclasses import replace
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from restorers.cleaning.blemishes import blemishes
from restorers.cleaning.cells import TILE
from restorers.cleaning.detector import candidates, detected, log_odds
from restorers.cleaning.evidence import CELL, MARGIN, PLANES, Suspects, contrast, planes, suspects
from restorers.cleaning.found import Found, covered, kind_of
from restorers.cleaning.shelf import Shelf
from restorers.clip import Clip
from restorers.colorspace import Space
from restorers.detail.grain import GrainModel
from restorers.detail.granularity import autocorrelation
from restorers.networks.detector import Detector
from restorers.networks.weights import card, opened
from restorers.repair import Repair
from restorers.restorer import Bench, MissingWeights
from restorers.training.calibration import calibrated, calibration_error
from restorers.training.detection import SURE, Detection, Film, examples, soiled
from restorers.training.loop import trained
from restorers.training.scenery import photographed
from tests.restorers.footage import footage_of
from tests.restorers.scenes import canvas, scene

SIZE = (128, 176)


@cache
def film(seed: int = 3, *, often: bool = True) -> Film:
    """A photograph under a moving camera, with grain and, if not told otherwise, dirt."""
    chance = np.random.default_rng(seed)
    photograph = (canvas(256, 768) * 255).astype(np.uint8).mean(2).astype(np.uint8)
    clean = photographed([photograph], SIZE, 4, chance)
    for attempt in range(50):
        made = soiled(clean, [], np.random.default_rng((seed, attempt)))
        if bool(np.abs(made.change).any()) == often:
            return made
    raise AssertionError("no such film came up")


def network() -> Detector:
    return opened("detector", Detector, Bench())


def found_on(film: Film, number: int, confidence: float = 0.5) -> list[Found]:
    sides = film.neighbors(number)
    ends = number in (0, len(film.frames) - 1)
    judged = candidates(film.frames[number], sides, film.sigma[number], network(), max_area=4000, one_sided=ends)
    return detected(judged, network(), confidence=confidence)


def test_a_cell_is_judged_alike_whatever_is_judged_beside_it() -> None:
    one = film()
    sides, seen = one.suspects(1)
    assert len(seen.cells) > 2
    alone = Suspects(seen.excess, seen.cells[1:2], seen.levels)
    every = planes(one.frames[1], sides, one.sigma[1], seen)
    single = planes(one.frames[1], sides, one.sigma[1], alone)
    assert np.array_equal(every[1:2], single)
    again = np.repeat(every, 9, 0)[:20]
    assert np.array_equal(log_odds(network(), again)[0], log_odds(network(), every[:1])[0])


def test_evidence_is_what_it_says() -> None:
    """Against a plain comparison in NumPy where nothing moves."""
    random = np.random.default_rng(1)
    still = np.float32(0.8) + 0.02 * random.standard_normal((3, *SIZE)).astype(np.float32)
    still[1, 60:64, 80:85] += 0.4
    sigma = np.full_like(still, 0.02)
    one = Film(still, sigma, np.zeros_like(still))
    flat = tuple(
        replace(side, flow=np.zeros_like(side.flow), back=np.zeros_like(side.back)) for side in one.neighbors(1)
    )
    seen = suspects(still[1], (flat[0], flat[1]), sigma[1])
    assert [1, 2] in seen.cells.tolist()
    index = seen.cells.tolist().index([1, 2])
    evidence = planes(still[1], (flat[0], flat[1]), sigma[1], seen)[index]
    assert evidence.shape == (PLANES, TILE, TILE)
    cut = np.s_[CELL - MARGIN : CELL - MARGIN + TILE, 2 * CELL - MARGIN : 2 * CELL - MARGIN + TILE]
    for plane, other, level in ((0, 0, 0), (1, 2, 1)):
        steps = np.repeat(np.repeat(seen.levels[level], 4, 0), 4, 1)[: SIZE[0], : SIZE[1]]
        apart = ((still[1] - still[other] - steps) / 0.02)[cut]
        assert np.allclose(evidence[plane], np.clip(apart, -8, 8), atol=1e-3)
        shown = still[other] + steps
        most = cv2.dilate(shown, np.ones((9, 9), np.uint8))[cut]
        above = ((still[1][cut] - most) / 0.02)[12:-12, 12:-12]
        assert np.allclose(evidence[7 + level][12:-12, 12:-12].clip(0), above.clip(0, 8), atol=1e-3)


def specked(count: int, seed: int = 6) -> Film:
    """A pan over a photograph with grain, and so many specks of 2 to 6 pixels a frame, bright and dark."""
    random = np.random.default_rng(seed)
    clean = scene(4, SIZE, camera="pan", weave_px=0, object_share=0).clean.mean(1).numpy()
    sound = np.asarray(clean + 0.02 * random.standard_normal(clean.shape), np.float32)
    frames = sound.copy()
    for frame in frames:
        for _ in range(count):
            y, x = (int(random.integers(8, n - 8)) for n in SIZE)
            speck = cv2.circle(np.zeros(SIZE, np.uint8), (x, y), int(random.integers(1, 4)), 1, -1) > 0
            frame[speck] = 0.05 if frame[speck].mean() > 0.8 else 1.7
    return Film(frames, np.full_like(frames, 0.02), frames - sound)


def told(seeds: Iterable[int]) -> tuple[float, float]:
    """Shares of the dirt on films that the network finds, and of what it finds that is dirt or next to it."""
    hits, right = [], []
    for dirty, number in ((specked(6, seed), number) for seed in seeds for number in (1, 2)):
        truth = dirty.truth(number) == SURE
        seen = covered(found_on(dirty, number), SIZE)
        hits.append(seen[truth])
        right.append(cv2.dilate(truth.astype(np.uint8), np.ones((5, 5), np.uint8))[seen] > 0)
    return float(np.concatenate(hits).mean()), float(np.concatenate(right).mean())


def test_dirt_is_found_and_a_clean_film_is_left_alone() -> None:
    found, right = told([6])
    assert found > 0.8
    assert right > 0.95
    clean = specked(0)
    assert not [one for number in range(4) for one in found_on(clean, number)]


def test_dirt_is_found_on_films_of_all_kinds() -> None:
    found, right = told(range(6, 14))
    assert found > 0.75
    assert right > 0.98


def test_rules_find_the_same_in_a_pass_that_is_shared() -> None:
    dirty = specked(6)
    gray, sides, sigma = dirty.frames[1], dirty.neighbors(1), dirty.sigma[1]
    alone = blemishes(gray, sides, sigma, sensitivity=6.0, max_area=4000)
    shared = blemishes(gray, sides, sigma, contrast(gray, sides, sigma), sensitivity=6.0, max_area=4000)
    assert len(alone) >= 4
    assert [(one.box, one.mask.tolist()) for one in alone] == [(one.box, one.mask.tolist()) for one in shared]


@pytest.mark.parametrize(("clump", "side"), [(0.0, 3), (0.8, 3), (2.0, 7)])
def test_larger_grain_is_averaged_over_larger_patches(clump: float, side: int) -> None:
    noise = np.random.default_rng(2).standard_normal((8, 64, 64))
    fields = gaussian_filter(noise, (0, clump, clump), mode="wrap").astype(np.float32)
    still = Clip(torch.full((1, 3, 8, 8), 0.5), Space.DENSITY, 0)
    model = GrainModel(
        sigma=np.full((3, 17), 0.02, np.float32),
        correlation=np.eye(3, dtype=np.float32),
        autocorrelation=autocorrelation(fields),
        blocks=8,
        method="temporal",
    )
    assert Shelf(still, model).grains == side


def test_kinds_go_by_shape_and_size() -> None:
    y, x = np.mgrid[:60, :60]
    disc = np.hypot(y - 30, x - 30)
    assert kind_of(disc < 3, 20, 480) == "dust"
    assert kind_of(disc < 8, 20, 480) == "dirt"
    assert kind_of(disc < 8, 20, 2160) == "dust"
    assert kind_of(disc < 25, 20, 480) == "blotch"
    assert kind_of(disc < 12, 4, 480) == "stain"
    assert kind_of((np.abs(y - x) < 2) & (y > 5), 20, 480) == "hair"


def test_the_network_is_small_and_its_card_is_true() -> None:
    said = card("detector", Bench())
    assert said.parameters == sum(each.numel() for each in network().parameters()) <= 150_000
    assert any("non-commercial" in each.licence for each in said.data)


def test_without_its_weights_nothing_is_examined(tmp_path: Path) -> None:
    frames = torch.full((4, 3, 64, 64), 0.5)
    bench = replace(Bench(), weights=lambda name: tmp_path / f"{name}.safetensors")
    with pytest.raises(MissingWeights, match="detector"):
        Repair(detector="network").examine(footage_of(frames), bench)
    Repair(detector="classical").examine(footage_of(frames), bench)


def test_a_recipe_names_the_network_only_where_it_is_used() -> None:
    assert "detector" in Repair(detector="network").networks
    assert "detector" not in Repair(detector="classical").networks


def test_a_lesson_teaches() -> None:
    made: list[tuple[int, int]] = []
    cells = examples((film(3), film(5), film(8)).__getitem__, 3, most=6, tell=lambda *done: made.append(done))
    assert made == [(1, 3), (2, 3), (3, 3)]
    lesson = Detection(cells, cells, [film(3)], {"width": 16}, size=8)
    recipe = card("detector", Bench()).recipe.model_copy(update={"steps": 25, "warming": 2})
    told: list[float] = []
    learned = trained(
        lesson, recipe, device=torch.device("cpu"), keep=lambda *_: None, tell=lambda _, loss: told.append(loss)
    )
    assert np.mean(told[-5:]) < 0.7 * np.mean(told[:5])
    assert set(lesson.scores(learned)) == {"f1", "precision", "recall", "calibration error"}
    first, again = lesson.batch(7), lesson.batch(7)
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))


def test_confidence_is_fitted_to_what_is_right() -> None:
    chance = np.random.default_rng(4)
    odds, area = chance.normal(1, 2, 4000), chance.integers(4, 200, 4000)
    true = 1 / (1 + np.exp(-(0.5 * odds + 0.8 * np.log(area) - 3)))
    right = chance.random(4000) < true
    objects = [((o, a), bool(r)) for o, a, r in zip(odds, np.log(area), right, strict=True)]
    slope, size, offset = calibrated([objects[n : n + 20] for n in range(0, 4000, 20)], (1, 0, 0))
    sure = 1 / (1 + np.exp(-(slope * odds + size * np.log(area) + offset)))
    assert np.abs(sure - true).max() < 0.08
    assert calibration_error(sure.astype(np.float32), right) < 0.03 < calibration_error(1 / (1 + np.exp(-odds)), right)
    assert calibrated([], (1, 0, 0)) == (1, 0, 0)


def test_a_film_full_of_suspects_counts_as_one_film() -> None:
    """A rain storm, whose thousand drops are no dirt, among forty films where the network is right."""
    right = [[((1.0, 0.0), True)] * 20 for _ in range(40)]
    storm = [((1.0, 0.0), False)] * 1000
    slope, _, offset = calibrated([*right, storm], (1, 0, 0))
    assert slope + offset > 2


def test_confidence_that_is_right_has_no_error() -> None:
    sure = np.repeat(np.float32([0.1, 0.5, 0.9]), 10)
    right = np.concatenate([np.arange(10) < n for n in (1, 5, 9)])
    assert calibration_error(sure, right) == pytest.approx(0, abs=1e-6)
    assert calibration_error(sure, ~right) == pytest.approx((0.8 + 0 + 0.8) / 3, abs=1e-6)
