from collections import Counter
from collections.abc import Container, Iterator
from dataclasses import replace
from functools import cache
from typing import Literal

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from restorers.cleaning.found import Found
from restorers.cleaning.mending import borrowed
from restorers.cleaning.mends import Mending
from restorers.cleaning.shelf import Shelf
from restorers.clip import Clip, Origin
from restorers.detail import granularity
from restorers.render import Footage
from restorers.repair import Repair
from restorers.restorer import Bench
from tests.restorers.footage import clip_of, footage_of
from tests.restorers.scenes import scene

Mask = NDArray[np.bool_]
SIZE = (144, 192)


@cache
def film(camera: Literal["static", "pan"], length: int = 8, size: tuple[int, int] = SIZE) -> Tensor:
    """A moving photograph with grain of 0.03 D and no damage."""
    clean = scene(length, size, camera=camera, weave_px=0, object_share=0).clean
    return clean + 0.03 * torch.randn(clean.shape, generator=torch.Generator().manual_seed(2))


def soiled(frames: Tensor, count: int = 6, seed: int = 0) -> tuple[Tensor, Mask]:
    """Frames with specks of 2 to 6 pixels, bright and dark, and where they are."""
    random = np.random.default_rng(seed)
    dirty, mask = frames.clone(), np.zeros((len(frames), *frames.shape[2:]), bool)
    for t, frame in enumerate(dirty):
        for _ in range(count):
            y, x = (int(random.integers(8, n - 8)) for n in frame.shape[1:])
            axes = (int(random.integers(1, 4)), int(random.integers(1, 3)))
            speck = np.zeros(mask[t].shape, np.uint8)
            cv2.ellipse(speck, (x, y), axes, float(random.integers(180)), 0, 360, 1, -1)
            under = float(frame[:, speck > 0].mean())
            frame[:, torch.from_numpy(speck > 0)] = 0.05 if under > 0.8 else 1.7
            mask[t] |= speck > 0
    return dirty, mask


def touched(remedy: Mending, shape: tuple[int, ...], first: int = 0) -> Mask:
    return np.stack([remedy.touched(number) for number in range(first, first + shape[0])])


def examined(frames: Tensor, repair: Repair | None = None, *, first: int = 0) -> Mending:
    return (repair or Repair()).examine(footage_of(frames, first=first), Bench())


def psnr(one: Tensor, two: Tensor, where: Mask) -> float:
    error = (one - two).permute(0, 2, 3, 1)[torch.from_numpy(where)]
    return float(-10 * torch.log10((error**2).mean() / 1.97**2))


@pytest.mark.parametrize("camera", ["static", "pan"])
def test_dust_is_found_and_little_else(camera: Literal["static", "pan"]) -> None:
    dirty, truth = soiled(film(camera))
    found = touched(examined(dirty), dirty.shape)
    square = np.ones((3, 3), np.uint8)
    near = np.stack([cv2.dilate(m.astype(np.uint8), square, iterations=2).astype(bool) for m in truth])
    objects = [cv2.connectedComponents(m.astype(np.uint8))[1] for m in truth]
    hits = [found[t][o == i].any() for t, o in enumerate(objects) for i in range(1, o.max() + 1)]
    assert (found & near).sum() / found.sum() > 0.95
    assert np.mean(hits) > 0.8


@pytest.mark.parametrize("detector", ["network", "classical"])
def test_what_is_found_is_listed_under_its_class(detector: Literal["network", "classical"]) -> None:
    dirty = film("static").clone()
    dirty[2, :, 60:62, 40:70] = 1.7
    dirty[3, :, 30:33, 100:103] = 0.05
    found = {b.kind: b.first for b in examined(dirty, Repair(detector=detector)).blemishes}
    assert found == {"hair": 2, "dirt": 3}  # of a picture of 144 lines


def test_dust_on_a_frame_shown_twice_is_found() -> None:
    once, truth = soiled(film("pan"))
    shown = [0, 1, 2, 3, 3, 4, 5, 5, 6, 7]
    coded = 0.003 * torch.randn((len(shown), *once.shape[1:]), generator=torch.Generator().manual_seed(4))
    dirty = once[shown] + coded
    found = touched(examined(dirty), dirty.shape)
    for t in (3, 4, 6, 7):
        objects = cv2.connectedComponents(truth[shown[t]].astype(np.uint8))[1]
        assert np.mean([found[t][objects == i].any() for i in range(1, objects.max() + 1)]) > 0.8


def test_a_thing_on_its_way_through_frames_shown_twice_is_no_dust() -> None:
    frames = film("static").clone()
    for t, frame in enumerate(frames):
        ball = cv2.circle(np.zeros(SIZE, np.uint8), (20 + 20 * t, 70 + 5 * t), 4, 1, -1)
        frame[:, torch.from_numpy(ball > 0)] = 0.1
    remedy = examined(frames[[0, 1, 2, 3, 3, 4, 5, 5, 6, 7]])
    assert not [b for b in remedy.blemishes if b.action != "left"]


def test_a_donor_with_dirt_of_its_own_lends_nothing() -> None:
    dirty = film("static").clone()
    dirty[3, :, 60:65, 80:85] = 1.8
    dirty[[2, 4, 5], :, 60:65, 80:85] = 0.1
    speck = Found((60, 80, 65, 85), np.ones((5, 5), bool), "dark", contrast=30, confidence=0.9)
    model = granularity.measured(footage_of(film("static")))
    _, marks = borrowed(Shelf(clip_of(dirty), model, {2: [speck], 4: [speck], 5: [speck]}), 3, speck, Bench())
    assert set(marks.tolist()) <= {Origin.borrowed(-2), Origin.borrowed(-3), Origin.borrowed(3)}


@pytest.mark.parametrize("camera", ["static", "pan"])
def test_a_mend_is_closer_to_the_film_than_inpainting(camera: Literal["static", "pan"]) -> None:
    clean = scene(8, SIZE, camera=camera, weave_px=0, object_share=0).clean
    dirty, truth = soiled(film(camera))
    remedy = examined(dirty)
    mended = remedy.apply(clip_of(dirty), Bench()).frames
    inpainted = dirty.clone()
    for frame, hidden in zip(inpainted, truth, strict=True):
        hole = cv2.dilate(hidden.astype(np.uint8), np.ones((3, 3), np.uint8))
        for channel in frame:
            channel[:] = torch.from_numpy(cv2.inpaint(channel.numpy() * 10_000, hole, 3, cv2.INPAINT_TELEA) / 10_000)
    seen = truth & touched(remedy, dirty.shape)
    assert psnr(mended, clean, seen) > psnr(inpainted, clean, seen) + 5


def test_every_other_pixel_is_the_same_number() -> None:
    dirty, _ = soiled(film("pan"))
    remedy = examined(dirty)
    mended = remedy.apply(clip_of(dirty), Bench())
    outside = torch.from_numpy(~touched(remedy, dirty.shape)).unsqueeze(1).expand_as(dirty)
    assert torch.equal(mended.frames[outside], dirty[outside])
    assert ((mended.origin == Origin.UNTOUCHED).numpy() == ~touched(remedy, dirty.shape)).all()


@pytest.mark.parametrize("camera", ["static", "pan"])
def test_clean_film_is_left_alone(camera: Literal["static", "pan"]) -> None:
    frames = film(camera)
    assert touched(examined(frames), frames.shape).mean() <= 0.0005


def test_a_thing_on_its_way_is_no_dust() -> None:
    frames = film("static").clone()
    for t, frame in enumerate(frames):
        ball = cv2.circle(np.zeros(SIZE, np.uint8), (20 + 20 * t, 70 + 5 * t), 4, 1, -1)
        frame[:, torch.from_numpy(ball > 0)] = 0.1
    inner = [b for b in examined(frames).blemishes if b.action != "left"]
    assert not inner


def test_a_mend_carries_the_grain_of_the_film() -> None:
    clean = torch.full((7, 3, *SIZE), 0.7)
    frames = clean + 0.04 * torch.randn(clean.shape, generator=torch.Generator().manual_seed(3))
    dirty, truth = soiled(frames, count=14)
    remedy = examined(dirty)
    mended = remedy.apply(clip_of(dirty), Bench()).frames
    seen = torch.from_numpy(truth & touched(remedy, dirty.shape))
    assert float((mended - clean).permute(0, 2, 3, 1)[seen].std()) == pytest.approx(0.04, rel=0.15)


class Narrow(Footage):
    """Footage opened three frames at a time."""

    def windows(
        self, length: int = 3, *, halo: int = 0, wanted: Container[int] | None = None
    ) -> Iterator[tuple[range, Clip]]:
        return super().windows(min(length, 3), halo=halo, wanted=wanted)


def test_windows_of_any_length_find_and_mend_the_same() -> None:
    dirty, _ = soiled(film("pan", 11), seed=5)
    footage = footage_of(dirty, first=100)
    wide = Repair().examine(footage, Bench())
    narrow = Repair().examine(Narrow(footage.source, footage.spans, footage.space), Bench())
    threads = Repair().examine(footage, replace(Bench(), workers=2))
    assert wide.dumped()[0] == narrow.dumped()[0] == threads.dumped()[0]
    assert np.array_equal(wide.values, narrow.values)
    assert np.array_equal(wide.values, threads.values)
    clip = clip_of(dirty, first=100)
    whole = wide.apply(clip, Bench())
    assert torch.equal(whole[105], wide.apply(clip.between(105, 106), Bench())[105])


def test_the_remedy_survives_storage() -> None:
    dirty, _ = soiled(film("pan"))
    remedy = examined(dirty)
    same = Mending.loaded(*remedy.dumped())
    clip = clip_of(dirty)
    assert torch.equal(remedy.apply(clip, Bench()).frames, same.apply(clip, Bench()).frames)
    assert torch.equal(remedy.apply(clip, Bench()).origin, same.apply(clip, Bench()).origin)


def test_marks_name_the_donors() -> None:
    dirty, _ = soiled(film("static"))
    remedy = examined(dirty, Repair(fill="nothing"))
    mended = remedy.apply(clip_of(dirty), Bench())
    pieces = [piece for piece in remedy.pieces if piece[0].action == "borrowed"]
    assert pieces
    for blemish, (part,) in pieces:
        places = torch.from_numpy(remedy.places[part.start : part.start + part.area]).long()
        marks = Counter(mended.origin[part.frame].flatten()[places].tolist())
        assert set(marks) == {Origin.borrowed(donor) for donor in blemish.donors}
        assert marks[Origin.borrowed(blemish.donors[0])] == max(marks.values())


@pytest.mark.parametrize("length", [1, 2])
def test_a_shot_too_short_to_compare_is_left_alone(length: int) -> None:
    dirty, _ = soiled(film("static")[:length])
    clip = clip_of(dirty)
    assert examined(dirty).apply(clip, Bench()) is clip


def test_a_flash_is_not_repaired() -> None:
    frames = film("static").clone()
    frames[4] -= 0.5
    frames[4, :, 40:110, 30:150] += 0.7
    assert not touched(examined(frames), frames.shape)[4].any()


def scratched(frames: Tensor, column: int) -> Tensor:
    out = frames.clone()
    out[..., column : column + 2] = out[..., column : column + 2] * 0.3 + 1.3
    return out


def test_a_scratch_the_picture_moves_under_is_mended() -> None:
    clean = film("pan", 10)
    remedy = examined(scratched(clean, 90))
    mended = remedy.apply(clip_of(scratched(clean, 90)), Bench()).frames
    column = np.zeros((10, *SIZE), bool)
    column[..., 90:92] = True
    found = touched(remedy, clean.shape)[..., 90:92].mean()
    assert found > 0.8
    assert psnr(mended, clean, column) > psnr(scratched(clean, 90), clean, column) + 10


def test_a_pole_in_a_picture_that_holds_still_stays() -> None:
    frames = scratched(film("static", 10), 90)
    assert not touched(examined(frames), frames.shape)[..., 90:92].any()


def test_without_leave_to_interpolate_nothing_is_interpolated() -> None:
    frames = scratched(film("pan", 10), 90)
    remedy = examined(frames, Repair(fill="nothing"))
    assert not any(b.action == "interpolated" for b in remedy.blemishes)
    assert all(b.reason for b in remedy.blemishes if b.action == "left")
