"""What fusing with the neighbors takes off, what it leaves, and what it says it left."""

import cv2
import numpy as np
import pytest
import scipy.fft
import torch
from torch import Tensor

from restorers.clip import Clip
from restorers.damage.graining import clumped
from restorers.detail import blocks
from restorers.detail.course import Courses
from restorers.detail.fusion import REACH, Fused, fused, recalled
from restorers.detail.grain import LEVELS, GrainModel
from restorers.detail.granularity import autocorrelation
from restorers.detail.tiles import STEP, TILE, analyzed, bands, coefficient_variance, synthesized
from restorers.geometry.motion import flow
from restorers.restorer import Bench
from tests.restorers.footage import clip_of
from tests.restorers.scenes import Camera, scene

SIGMA = 0.05
MIDDLE = 3


def stock(*, sigma: float = SIGMA, common: float = 0.0, lags: np.ndarray | None = None) -> GrainModel:
    """Grain of the same strength at every density, white unless its autocorrelation is given."""
    if lags is None:
        lags = np.zeros((25, 25), np.float32)
        lags[12, 12] = 1
    correlation = np.full((3, 3), common, np.float32)
    np.fill_diagonal(correlation, 1)
    curve = np.full((3, len(LEVELS)), sigma, np.float32)
    return GrainModel(sigma=curve, correlation=correlation, autocorrelation=lags, blocks=100, method="temporal")


def noise(shape: tuple[int, ...], *, sigma: float = SIGMA, seed: int = 0) -> Tensor:
    return sigma * torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def shot(camera: Camera = "pan", *, share: float = 0.06) -> Tensor:
    """Seven frames as filmed, an object that crosses them on its own."""
    return scene(7, (128, 160), camera=camera, weave_px=0, object_share=share).clean


def fuse(clip: Clip, number: int = MIDDLE, model: GrainModel | None = None, *, strength: float = 1.0) -> Fused:
    return fused(clip, number, Courses.of(clip, Bench()), model or stock(), strength=strength)


def error(done: Tensor, clean: Tensor) -> float:
    return float((done - clean).square().mean().sqrt())


def flat(frames: int = 7, *, seed: int = 0) -> Clip:
    return clip_of(0.8 + noise((frames, 3, 96, 136), seed=seed))


@pytest.mark.parametrize("camera", ["static", "pan", "zoom"])
def test_neighbors_take_off_grain_that_a_frame_alone_must_keep(camera: Camera) -> None:
    clean = shot(camera)
    clip = clip_of(clean + noise(tuple(clean.shape)))
    alone = fuse(clip.between(MIDDLE, MIDDLE + 1)).frame
    together = fuse(clip).frame
    assert error(alone, clean[MIDDLE]) < 0.75 * SIGMA
    assert error(together, clean[MIDDLE]) < 0.8 * error(alone, clean[MIDDLE])


def test_detail_is_as_sharp_as_it_was() -> None:
    clean = shot("pan", share=0)
    done = fuse(clip_of(clean + noise(tuple(clean.shape), sigma=0.02)), model=stock(sigma=0.02)).frame
    fine, kept = (p.mean(0).numpy() - cv2.GaussianBlur(p.mean(0).numpy(), (0, 0), 1.5) for p in (clean[MIDDLE], done))
    assert float((fine * kept).sum() / (fine * fine).sum()) > 0.95


def test_nothing_haunts_the_places_that_an_object_hides_in_the_neighbors() -> None:
    errors = []
    clean = shot("static", share=0.08)
    for seed in range(2):
        clip = clip_of(clean + noise(tuple(clean.shape), seed=seed))
        moves = [(clean[MIDDLE] - clean[n]).abs().mean(0) > 0.1 for n in (MIDDLE - 1, MIDDLE + 1)]
        ring = moves[0] | moves[1]
        alone = fuse(clip.between(MIDDLE, MIDDLE + 1)).frame
        errors.append([error(done[:, ring], clean[MIDDLE][:, ring]) for done in (fuse(clip).frame, alone)])
    assert np.mean(errors, 0)[0] <= np.mean(errors, 0)[1]


def test_what_is_there_for_one_frame_alone_stays_and_gets_no_support() -> None:
    clip = flat()
    y, x = np.mgrid[:96, :136]
    sign = torch.from_numpy((np.hypot(x - 68, y - 48) < 10).astype(np.float32))
    clip.frames[MIDDLE] += 0.6 * sign
    done = fuse(clip)
    assert float(done.frame[:, sign > 0].mean()) == pytest.approx(1.4, abs=0.02)
    assert float(done.support[44:52, 64:72].mean()) < 0.3
    assert float(done.support[:24].mean()) > 0.7
    assert float(fuse(clip, MIDDLE + 1).frame[:, sign > 0].mean()) == pytest.approx(0.8, abs=0.02)


def test_the_share_says_how_much_grain_is_left() -> None:
    for strength in (0.5, 0.8, 1.0):
        for frames in (1, 7):
            clip = flat(frames)
            done = fuse(clip, frames // 2, strength=strength)
            left = float((done.frame - 0.8).std()) / SIGMA
            assert float(done.share.square().mean().sqrt()) == pytest.approx(left, abs=0.06)


def test_no_strength_leaves_the_frame_as_it_is() -> None:
    clip = flat()
    done = fuse(clip, strength=0)
    assert torch.equal(done.frame, clip[MIDDLE])
    torch.testing.assert_close(done.share, torch.ones(clip.size))


def test_a_frame_depends_on_three_neighbors_each_side_alone() -> None:
    clean = scene(11, (96, 130), camera="pan", weave_px=0).clean
    clip = clip_of(clean + noise(tuple(clean.shape)), first=70)
    whole = fuse(clip, 75)
    part = fuse(clip.between(75 - REACH, 75 + REACH + 1), 75)
    assert all(torch.equal(a, b) for a, b in zip(whole, part, strict=True))
    assert not torch.equal(whole.frame, fuse(clip.between(75 - REACH + 1, 75 + REACH), 75).frame)


@pytest.mark.parametrize("size", [(16, 21), (66, 131)])
def test_blocks_leave_no_seam_whatever_the_size(size: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    clean = scene(3, size, camera="pan", weave_px=0).clean
    clip = clip_of(clean + noise(tuple(clean.shape)))
    usual = fuse(clip, 1)
    monkeypatch.setattr(blocks, "BLOCK", (32, 64))
    for one, two in zip(usual, fuse(clip, 1), strict=True):
        torch.testing.assert_close(one, two, atol=1e-4, rtol=0)


def test_blemishes_lend_nothing() -> None:
    clean = shot("pan", share=0)
    clip = clip_of(clean + noise(tuple(clean.shape)))
    hidden = torch.zeros_like(clip.origin, dtype=torch.bool)
    hidden[MIDDLE - 1, 40:52, 60:75] = hidden[MIDDLE, 80:90, 30:42] = True
    spoiled = clip_of(torch.where(hidden[:, None], 0.0, clip.frames))
    done = fused(spoiled, MIDDLE, Courses.of(spoiled, Bench(), hidden), stock(), blemished=hidden)
    sound = fuse(clip)
    assert error(done.frame, clean[MIDDLE]) < 1.1 * error(sound.frame, clean[MIDDLE])
    at = hidden[MIDDLE]
    codes = (spoiled[MIDDLE].clamp(0, 2) * 127).permute(1, 2, 0).numpy().astype(np.uint8)
    telea = cv2.inpaint(codes, at.numpy().astype(np.uint8), 3, cv2.INPAINT_TELEA)
    guessed = torch.from_numpy(telea).permute(2, 0, 1) / 127
    assert error(done.frame[:, at], clean[MIDDLE][:, at]) < 0.5 * error(guessed[:, at], clean[MIDDLE][:, at])
    near = hidden[MIDDLE - 1]
    assert float(done.support[near].mean()) < float(sound.support[near].mean()) - 0.05


def test_a_blemish_that_no_neighbor_helps_with_stays_what_it_is() -> None:
    clip = flat(1)
    clip.frames[0, :, 40:50, 40:50] = 0
    hidden = torch.zeros_like(clip.origin, dtype=torch.bool)
    hidden[0, 40:50, 40:50] = True
    done = fused(clip, 0, Courses.of(clip, Bench(), hidden), stock(), blemished=hidden)
    assert float(done.frame[:, 43:47, 43:47].abs().max()) < 0.1


def test_neighbors_know_a_hidden_place_better_than_their_median() -> None:
    clean = shot("pan")
    clip = clip_of(clean + noise(tuple(clean.shape)))
    hidden = torch.zeros_like(clip.origin, dtype=torch.bool)
    for index, (y, x) in enumerate(((30, 30), (60, 75), (90, 40), (50, 120), (95, 110))):
        hidden[MIDDLE, y : y + 6 + 2 * index, x : x + 14 - 2 * index] = True
    hidden[MIDDLE + 1, 28:40, 33:45] = True
    spoiled = clip_of(torch.where(hidden[:, None], 0.0, clip.frames))
    at, courses = hidden[MIDDLE], Courses.of(spoiled, Bench(), hidden)
    known = recalled(spoiled, MIDDLE, courses, stock(), hidden)
    flows = {n: courses.course(MIDDLE, n) for n in (MIDDLE - 1, MIDDLE + 1)}
    brought = [block.stack(clip, MIDDLE, flows, None) for block in blocks.blocks(clip.size)]
    median = torch.stack(brought[0].others).mean(0)[:, blocks.MARGIN :, blocks.MARGIN :][:, :128, :160]
    there = at & (known.support > 0.3)
    assert len(brought) == 1
    assert float(there.sum()) > 0.7 * float(at.sum())
    assert error(known.frame[:, there], clean[MIDDLE][:, there]) < 0.75 * error(
        median[:, there], clean[MIDDLE][:, there]
    )
    assert torch.equal(known.frame[:, ~at], spoiled[MIDDLE][:, ~at])
    lost = at & ((known.frame - clean[MIDDLE]).abs().mean(0) > 4 * SIGMA)  # on the thing that moves
    assert bool(lost.any())
    assert float(known.support[lost].max()) < 0.3
    assert set(known.donor[there].tolist()) <= {-3, -2, -1, 1, 2, 3}
    assert not bool(known.donor[~at].any())


@pytest.mark.parametrize("frames", [1, 7])
def test_nobody_knows_a_place_that_is_hidden_in_all_frames(frames: int) -> None:
    clip = flat(frames)
    hidden = torch.zeros_like(clip.origin, dtype=torch.bool)
    hidden[:, 40:56, 40:56] = True
    known = recalled(clip, frames // 2, Courses.of(clip, Bench(), hidden), stock(), hidden)
    assert float(known.support[44:52, 44:52].max()) < 0.01
    assert not bool(known.donor[46:50, 46:50].any())


def test_what_is_recalled_does_not_hang_on_the_frame_itself() -> None:
    clip = clip_of(shot("pan") + noise((7, 3, 128, 160)))
    hidden = torch.zeros_like(clip.origin, dtype=torch.bool)
    hidden[MIDDLE, 50:62, 70:80] = True
    both = []
    for filling in (0.0, 2.0):
        spoiled = clip_of(torch.where(hidden[:, None], filling, clip.frames))
        both.append(
            recalled(spoiled, MIDDLE, Courses.of(spoiled, Bench(), hidden), stock(), hidden).frame[:, hidden[MIDDLE]]
        )
    assert error(both[0], both[1]) < 0.3 * SIGMA


def test_film_whose_colors_share_all_their_grain_is_calmed_as_well() -> None:
    clean = shot("pan")
    gray = clean.mean(1, keepdim=True).expand(-1, 3, -1, -1)
    clip = clip_of(gray + noise((7, 1, 128, 160)))
    done = fuse(clip, model=stock(common=1.0)).frame
    assert error(done, gray[MIDDLE]) < 0.6 * SIGMA
    assert float((done[0] - done[2]).abs().max()) < 1e-3


def test_clumps_are_known_for_grain_by_their_spectrum() -> None:
    fields = clumped(np.random.default_rng(4).standard_normal((7, 3, 128, 160), np.float32), 0.8)
    lags = autocorrelation(fields[:, 0])
    clean = shot("static", share=0)
    clip = clip_of(clean + SIGMA * torch.from_numpy(fields))
    known, taken_for_white = fuse(clip, model=stock(lags=lags)), fuse(clip)
    assert error(known.frame, clean[MIDDLE]) < 0.9 * error(taken_for_white.frame, clean[MIDDLE])


def test_the_camera_is_followed_more_exactly_than_flow_alone_does() -> None:
    clip = scene(2, (128, 160), camera="pan", weave_px=0, object_share=0.06).clean
    courses = Courses.of(clip_of(clip + noise(tuple(clip.shape), sigma=0.1)), Bench())
    ways = (courses.course(0, 1), flow(courses.pictures[0], courses.pictures[1]))
    miss = [float(np.median(np.hypot(*(2 * way + np.float32([1.5, 0.3])).transpose(2, 0, 1)))) for way in ways]
    assert miss[0] < 0.5 * miss[1]


def test_tiles_are_cosine_transforms() -> None:
    plane = noise((1, 32, 44), sigma=1)
    tiles = analyzed(plane)[0].numpy()
    theirs = scipy.fft.dctn(plane[0, 8:16, 20:28].numpy(), norm="ortho")
    order = np.argsort(np.hypot(*np.mgrid[:TILE, :TILE]).ravel(), kind="stable")
    np.testing.assert_allclose(tiles[:, 2, 5], theirs.ravel()[order], atol=1e-5)


def test_tiles_add_up_to_the_picture() -> None:
    plane = noise((2, 32, 44), sigma=1)
    inside = (..., slice(STEP, -STEP), slice(STEP, -STEP))
    torch.testing.assert_close(synthesized(analyzed(plane))[inside], plane[inside], atol=1e-5, rtol=0)
    assert [stop for _, stop in bands()][-1] == TILE**2


def test_the_variance_of_coefficients_is_that_of_such_grain() -> None:
    fields = clumped(np.random.default_rng(0).standard_normal((12, 128, 128), np.float32), 0.9)
    measured = analyzed(torch.from_numpy(fields)).numpy().var((0, 2, 3))
    found = coefficient_variance(autocorrelation(fields))
    strong = measured > 0.05
    np.testing.assert_allclose(found[strong], measured[strong], rtol=0.15)
    assert float(found.mean()) == pytest.approx(1, abs=0.05)
