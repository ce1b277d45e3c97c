"""The steadying layer: borders are what the neighbors saw there, cropped or repeated, and marked as what they are."""

from typing import Literal

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from skimage import data

from restorers.clip import Clip, Origin
from restorers.colorspace import Space
from restorers.detail.grain import GrainModel
from restorers.enhancing.diagnosis import Diagnosis
from restorers.enhancing.enlargement import Enlargement
from restorers.geometry.warp import AFFINE
from restorers.render import Span, opened
from restorers.restorer import Bench
from restorers.steadiness.steadying import REACH, Steadying, covering_zoom
from tests.restorers.footage import ArraySource, clip_of

SIZE = (108, 144)
LENGTH = 8
FIRST = 100
MARGIN = 40


def remedy(
    weave: NDArray[np.floating],
    pan: NDArray[np.floating],
    borders: Literal["fill", "repeat", "crop"] = "fill",
    zoom: float = 1.0,
) -> Steadying:
    """A layer for frames that lie at weave + pan, `(T, 2)` each, in pixels."""
    path, course = np.zeros((2, len(weave), 2, len(AFFINE)), np.float32)
    path[:, :, 0], course[:, :, 0] = weave + pan, pan
    return Steadying(
        first=FIRST,
        size=SIZE,
        static=not pan.any(),
        steady=False,
        warp=False,
        path=path,
        course=course,
        correction=path - course,
        error=np.zeros((2, len(AFFINE)), np.float32),
        agreement=np.ones(len(weave), np.float32),
        period=None,
        borders=borders,
        zoom=zoom,
    )


def scene() -> NDArray[np.float32]:
    """A photograph larger than the frame, softened so that no fraction of a pixel is lost, `(H, W, 3)` in density."""
    size = (SIZE[1] + 2 * MARGIN, SIZE[0] + 2 * MARGIN)
    picture = cv2.resize(data.coffee(), size, interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), 1.2), np.float32)


def filmed(places: NDArray[np.floating]) -> torch.Tensor:
    """Frames `(T, 3, H, W)` of the scene: what is at the frame's (x, y) + place in the steadied one is at (x, y)."""
    frames = []
    for dx, dy in places:
        shift = np.array([[1, 0, dx - MARGIN], [0, 1, dy - MARGIN]])
        frame = cv2.warpAffine(scene(), shift, SIZE[::-1], flags=cv2.INTER_CUBIC)
        frames.append(frame.transpose(2, 0, 1))
    return torch.from_numpy(np.stack(frames))


@pytest.fixture(scope="module")
def weave() -> NDArray[np.float64]:
    return np.random.default_rng(7).normal(0, 1.6, (LENGTH, 2))


STILL = np.zeros((LENGTH, 2))
PAN = np.stack((-2.5 * np.arange(LENGTH), np.zeros(LENGTH)), axis=1)


def borrowed(origin: torch.Tensor) -> torch.Tensor:
    return (origin > Origin.BORROWED - 32) & (origin < Origin.BORROWED + 32)


@pytest.mark.parametrize("pan", [STILL, PAN], ids=["static", "pan"])
def test_borders_show_the_scene_that_the_frame_did_not(weave: NDArray[np.float64], pan: NDArray[np.float64]) -> None:
    truth = filmed(pan)
    clip = clip_of(filmed(weave + pan), first=FIRST)
    filled, repeated = (remedy(weave, pan, borders).apply(clip, Bench()) for borders in ("fill", "repeat"))
    uncovered = repeated.origin == Origin.INTERPOLATED
    lent = borrowed(filled.origin)
    assert (lent & uncovered).sum() > 0.6 * uncovered.sum()
    errors = [(c.frames - truth).abs().mean(dim=1)[lent & uncovered].mean() for c in (filled, repeated)]
    assert errors[0] < 0.004
    assert errors[0] < 0.3 * errors[1]
    untouched = ~lent
    assert torch.equal(filled.frames.movedim(1, -1)[untouched], repeated.frames.movedim(1, -1)[untouched])


def test_a_jump_is_filled_from_the_frames_beside_it_brought_to_its_level() -> None:
    places = np.zeros((LENGTH, 2))
    places[4] = (0, -14)
    frames = filmed(places)
    frames[4] += 0.1
    out = remedy(places, STILL).apply(clip_of(frames, first=FIRST), Bench())
    assert {int(mark) for mark in out.origin[4].unique()} == {int(Origin.RESAMPLED), Origin.borrowed(-1)}
    top = out.origin[4, :13]
    assert (top == Origin.borrowed(-1)).all()
    assert float((out.frames[4] - filmed(STILL)[4] - 0.1)[:, :14].abs().mean()) < 0.004


def test_a_neighbor_that_shows_something_else_lends_nothing() -> None:
    places = np.zeros((LENGTH, 2))
    places[4] = (0, -14)
    frames = filmed(places)
    frames[:4], frames[5:] = frames[:4].flip(2), frames[5:].flip(2)
    out = remedy(places, STILL).apply(clip_of(frames, first=FIRST), Bench())
    assert (out.origin[4, :13] == Origin.INTERPOLATED).float().mean() > 0.9
    assert torch.equal(out.frames[4, :, 2], out.frames[4, :, 6])


def test_every_pixel_says_where_it_comes_from(weave: NDArray[np.float64]) -> None:
    clip = clip_of(filmed(weave), first=FIRST)
    out = remedy(weave, STILL).apply(clip, Bench())
    for index in range(LENGTH):
        distances = {int(mark) - Origin.BORROWED for mark in out.origin[index][borrowed(out.origin[index])].unique()}
        assert distances <= {k for k in range(-REACH, REACH + 1) if k and 0 <= index + k < LENGTH}
    repeated = remedy(weave, STILL, "repeat").apply(clip, Bench())
    assert {int(mark) for mark in repeated.origin.unique()} == {int(Origin.RESAMPLED), int(Origin.INTERPOLATED)}


@pytest.mark.parametrize("window", [1, 3, 5])
def test_windows_of_any_length_give_the_same_pixels(weave: NDArray[np.float64], window: int) -> None:
    source = ArraySource(filmed(weave + PAN), Space.DENSITY, first=FIRST)
    span = Span(FIRST, FIRST + LENGTH, (remedy(weave, PAN),))
    whole = opened(source, span, FIRST, FIRST + LENGTH, Bench())
    starts = range(FIRST, FIRST + LENGTH, window)
    parts = [opened(source, span, n, min(n + window, FIRST + LENGTH), Bench(workers=2)) for n in starts]
    assert torch.equal(torch.cat([part.frames for part in parts]), whole.frames)
    assert torch.equal(torch.cat([part.origin for part in parts]), whole.origin)


def test_only_filled_borders_need_neighbors(weave: NDArray[np.float64]) -> None:
    assert remedy(weave, STILL).halo == REACH
    assert remedy(weave, STILL, "repeat").halo == 0
    assert remedy(weave, STILL, "crop", 1.1).halo == 0
    assert remedy(weave, STILL).model_copy(update={"steady": True}).halo == 0


def test_a_frame_that_lies_right_is_left_bit_for_bit(weave: NDArray[np.float64]) -> None:
    places = weave.copy()
    places[3] = 0
    clip = clip_of(filmed(places), first=FIRST)
    out = remedy(places, STILL).apply(clip, Bench())
    assert torch.equal(out.frames[3], clip.frames[3])
    assert (out.origin[3] == Origin.UNTOUCHED).all()


def test_a_clip_without_its_neighbors_is_still_steadied(weave: NDArray[np.float64]) -> None:
    clip = Clip(filmed(weave)[4:5], Space.DENSITY, FIRST + 4)
    out = remedy(weave, STILL).apply(clip, Bench())
    assert not borrowed(out.origin).any()


def test_the_crop_is_the_smallest_that_shows_no_border(weave: NDArray[np.float64]) -> None:
    layer = remedy(weave, STILL)
    zoom = covering_zoom(layer.correction.astype(np.float64), layer.modes, SIZE)
    clip = clip_of(filmed(weave), first=FIRST)
    cropped = remedy(weave, STILL, "crop", zoom).apply(clip, Bench())
    assert cropped.frames.shape == clip.frames.shape
    assert (cropped.origin == Origin.RESAMPLED).all()
    farthest = np.abs(weave).max(axis=0)
    assert zoom == pytest.approx(1 / (1 - 2 * (farthest / (SIZE[1], SIZE[0])).max()), rel=0.02)
    less = remedy(weave, STILL, "crop", 1 + 0.9 * (zoom - 1)).apply(clip, Bench())
    assert (less.origin == Origin.INTERPOLATED).any()
    assert covering_zoom(0 * layer.correction.astype(np.float64), layer.modes, SIZE) == 1


def test_the_summary_says_what_became_of_the_borders(weave: NDArray[np.float64]) -> None:
    farthest = np.hypot(*weave.T)
    told = f"up to {farthest.max():.1f} px, in frame {FIRST + int(farthest.argmax())}"
    assert f"borders, {told}, filled from up to 2 neighbors each side" in remedy(weave, STILL).summary()
    assert f"borders, {told}, repeat the edge" in remedy(weave, STILL, "repeat").summary()
    assert "enlarged by 2.50 % so that no border is seen" in remedy(weave, STILL, "crop", 1.025).summary()


def test_the_layer_survives_being_written_down(weave: NDArray[np.float64]) -> None:
    layer = remedy(weave, PAN, "crop", 1.03)
    again = Steadying.loaded(*layer.dumped())
    clip = clip_of(filmed(weave + PAN), first=FIRST)
    assert torch.equal(again.apply(clip, Bench()).frames, layer.apply(clip, Bench()).frames)


def enlargement(grain: str = "keep") -> Enlargement:
    correlated = np.zeros((25, 25))
    correlated[12, 12] = 1
    found = GrainModel(
        levels=(0.0, 1.0),
        sigma=np.full((3, 2), 0.01),
        correlation=np.eye(3),
        autocorrelation=correlated,
        blocks=1,
        method="temporal",
    )
    return Enlargement(
        found=Diagnosis(grain=found, visible=0.01, film=1, kind="film", coding=0, blur=0),
        factor=2,
        grain=grain,
        film=True,
        laid=None,
        amount=1,
        profile="linear",
        invention=1,
        precision=None,
        brought=None,
        device="cpu",
        ran="",
    )


def test_a_steadied_shot_is_enlarged_in_the_same_resampling(weave: NDArray[np.float64]) -> None:
    layer, larger, frames = remedy(weave, PAN), enlargement(), filmed(weave + PAN)
    source, bench = ArraySource(frames, Space.DENSITY, first=FIRST), Bench()
    span = Span(FIRST, FIRST + LENGTH, (layer, larger))
    once = opened(source, span, FIRST, FIRST + LENGTH, bench)
    twice = larger.apply(layer.apply(clip_of(frames, first=FIRST), bench), bench)
    assert once.frames.shape == twice.frames.shape == (LENGTH, 3, 2 * SIZE[0], 2 * SIZE[1])
    assert once.origin.shape == (LENGTH, 2 * SIZE[0], 2 * SIZE[1])
    inner = slice(24, -24)
    assert float((once.frames - twice.frames)[..., inner, inner].abs().mean()) < 0.003
    assert (borrowed(once.origin) & borrowed(twice.origin)).sum() > 0.6 * borrowed(twice.origin).sum()
    parts = [opened(source, span, n, n + 2, bench) for n in range(FIRST, FIRST + LENGTH, 2)]
    assert torch.equal(torch.cat([part.frames for part in parts]), once.frames)
    assert torch.equal(torch.cat([part.origin for part in parts]), once.origin)


def test_what_is_to_lose_its_grain_first_is_enlarged_afterwards(weave: NDArray[np.float64]) -> None:
    layer, larger, frames = remedy(weave, STILL, "repeat"), enlargement("none"), filmed(weave)
    source, bench = ArraySource(frames, Space.DENSITY, first=FIRST), Bench()
    both = opened(source, Span(FIRST, FIRST + LENGTH, (layer, larger)), FIRST + 3, FIRST + 5, bench)
    by_hand = larger.apply(layer.apply(clip_of(frames, first=FIRST), bench), bench)
    assert torch.equal(both.frames, by_hand.between(FIRST + 3, FIRST + 5).frames)
