import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from restorers.cleaning.found import Found, covered
from restorers.cleaning.shelf import Shelf
from restorers.cleaning.stains import stains
from restorers.clip import Origin
from restorers.damage.soiling import drop
from restorers.detail import granularity
from restorers.repair import Repair
from restorers.restorer import Bench
from tests.restorers.footage import clip_of, footage_of
from tests.restorers.test_bands import GRAIN, SIZE, panned

Mask = NDArray[np.bool_]
AT = (2, 4, 6)


def stained(frames: Tensor, seed: int, *, bright: bool = False) -> tuple[Tensor, Mask]:
    """Frames with a dried drop on three of them, and where it changes density by two sigmas of grain or more."""
    chance, worn = np.random.default_rng(seed), frames.clone()
    for at in AT:
        cover = drop(chance, chance.uniform(10, 16)) * np.float32(chance.uniform(0.2, 0.4))
        y, x = (int(chance.integers(3, size - part - 3)) for size, part in zip(SIZE, cover.shape, strict=True))
        under = worn[at, :, y : y + cover.shape[0], x : x + cover.shape[1]]
        under += torch.from_numpy(cover) * (-under if bright else 0.9)
    return worn, ((worn - frames).abs().mean(1) >= 2 * GRAIN).numpy()


def found(frames: Tensor) -> dict[int, list[Found]]:
    footage = footage_of(frames)
    shelf = Shelf(footage.clip(footage.first, footage.stop), granularity.measured(footage))
    return {n: some for n in shelf.clip.numbers if (some := stains(shelf, n))}


def test_half_of_the_stains_are_found_and_little_else() -> None:
    hits, right, every = [], 0, 0
    for seed in range(6):
        worn, truth = stained(panned((0, 1.5, 4)[seed % 3], seed=seed), seed, bright=seed % 4 == 3)
        some = found(worn)
        masks = np.stack([covered(some.get(n, []), SIZE) for n in range(len(worn))])
        hits += [masks[at][truth[at]].mean() > 0.5 for at in AT if truth[at].any()]
        right, every = right + int((masks & truth).sum()), every + int(masks.sum())
        assert {one.kind for each in some.values() for one in each} <= {"stain"}
        assert {one.polarity for each in some.values() for one in each} <= {"bright" if seed % 4 == 3 else "dark"}
    assert np.mean(hits) >= 0.5
    assert right / every >= 0.6


@pytest.mark.parametrize(("speed", "tilt"), [(0, 0), (1.5, 0), (4, 1), (9, 0)])
def test_clean_film_has_no_stains(speed: float, tilt: float) -> None:
    assert found(panned(speed, tilt)) == {}


def test_a_flash_and_what_moves_are_no_stains() -> None:
    flash, ball = panned(1.5).clone(), panned(1.5).clone()
    flash[5] -= 0.2
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    for time, frame in enumerate(ball):
        frame[:, torch.from_numpy(np.hypot(y - 70, x - 30 - 9 * time) < 12)] = 1.0
    assert found(flash) == {}
    assert found(ball) == {}


def test_what_is_seen_through_a_stain_stays_the_frame_s_own() -> None:
    clean = panned(1.5)
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    soft = 0.2 * np.exp(-((((y - 70) / 16.0) ** 2 + ((x - 90) / 16.0) ** 2) ** 2)).astype(np.float32)
    worn = clean.clone()
    worn[4] += torch.from_numpy(soft)
    remedy = Repair(scratches=False, fill="nothing").examine(footage_of(worn), Bench())
    (stain,) = [blemish for blemish in remedy.blemishes if blemish.kind == "stain"]
    assert (stain.action, stain.polarity, stain.first) == ("corrected", "dark", 4)
    done = remedy.apply(clip_of(worn), Bench())
    seen = done.origin[4] == Origin.CORRECTED
    assert float((done.frames - clean)[4][:, seen].square().mean().sqrt()) < 1.2 * GRAIN  # another frame's: 1.4
    assert float((worn - clean)[4][:, seen].square().mean().sqrt()) > 4 * GRAIN
    elsewhere = torch.from_numpy(~remedy.touched(4))
    assert torch.equal(done.frames[4][:, elsewhere], worn[4][:, elsewhere])


def test_stains_can_be_left_alone() -> None:
    worn, _ = stained(panned(1.5), 1)
    remedy = Repair(scratches=False, stains=False, fill="nothing").examine(footage_of(worn), Bench())
    assert not any(blemish.kind == "stain" for blemish in remedy.blemishes)
