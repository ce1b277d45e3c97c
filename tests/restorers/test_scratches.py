"""Scratches: lines that go their own way are found, what lies over the picture is taken off; poles stay."""

from functools import cache
from typing import Literal

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from restorers.cleaning.lines import Grid, Line, lines
from restorers.cleaning.mends import Mending
from restorers.cleaning.scratches import Part, scratches, segments
from restorers.cleaning.shelf import Shelf
from restorers.clip import Origin
from restorers.colorspace import Space
from restorers.detail import granularity
from restorers.repair import Repair
from restorers.restorer import Bench
from tests.benchmarks import moves, repairers, spoilt
from tests.benchmarks.footage import decoded
from tests.restorers.footage import clip_of, footage_of
from tests.restorers.scenes import scene

SIZE = (216, 288)
LENGTH = 11
GRAIN = 0.03  # density

Shape = Literal["straight", "slanted", "wobbling"]
Damage = Literal["dark", "bright", "opaque"]


@cache
def film(camera: Literal["static", "pan"]) -> Tensor:
    """A moving photograph with grain of 0.03 D; no blacks deeper than a print's."""
    clean = scene(LENGTH, SIZE, camera=camera, weave_px=0, object_share=0).clean.clamp(max=1.6)
    return clean + 0.03 * torch.randn(clean.shape, generator=torch.Generator().manual_seed(2))


def cover(path: NDArray[np.float64], width: float = 2.0) -> Tensor:
    """How much of each pixel lies under a line along columns `(T, H)`, `(T, 1, H, W)`."""
    apart = np.abs(np.arange(SIZE[1]) - path[..., None])
    return torch.from_numpy(np.clip(width / 2 + 0.5 - apart, 0, 1)).float()[:, None]


def swaying(slant: float = 0.0) -> NDArray[np.float64]:
    """Columns `(T, H)` of a line that sways slowly, by `slant` pixels a row."""
    along = np.arange(LENGTH)[:, None] + np.arange(SIZE[0]) / SIZE[0]
    return np.asarray(90 + np.sin(0.9 * along) + slant * (np.arange(SIZE[0]) - SIZE[0] / 2))


def shelf_of(frames: Tensor) -> Shelf:
    return Shelf(clip_of(frames), granularity.measured(footage_of(frames)))


def parts(frames: Tensor) -> dict[int, list[Part]]:
    shelf = shelf_of(frames)
    found = scratches({n: lines(shelf, n) for n in range(len(frames))}, SIZE)
    return {n: segments(shelf, found, n) for n in range(len(frames))}


def hidden(found: dict[int, list[Part]]) -> NDArray[np.bool_]:
    mask = np.zeros((LENGTH, *SIZE), bool)
    for number, ones in found.items():
        for one in ones:
            top, left, bottom, right = one.box
            assert not (mask[number, top:bottom, left:right] & one.mask).any()
            mask[number, top:bottom, left:right] |= one.mask
    return mask


def repaired(frames: Tensor, repair: Repair | None = None) -> tuple[Mending, Tensor, Tensor]:
    remedy = (repair or Repair()).examine(footage_of(frames), Bench())
    done = remedy.apply(clip_of(frames), Bench())
    return remedy, done.frames, done.origin


@pytest.mark.parametrize("slant", [0.0, 0.04])
@pytest.mark.parametrize("depth", [0.25, -0.6])
def test_a_scratch_is_found_where_it_runs_and_nowhere_else(slant: float, depth: float) -> None:
    clean, over = film("pan"), cover(swaying(slant))
    found = parts(clean + depth * over if depth > 0 else clean * (1 + depth * over))
    truth, mask = (over[:, 0] > 0.4).numpy(), hidden(found)
    near = (cover(swaying(slant), 6.0)[:, 0] > 0).numpy()
    visible = truth & (clean.mean(1).numpy() > 0.3)
    assert mask[visible].mean() > 0.75
    assert mask[~near].mean() < 0.001
    assert {one.polarity for ones in found.values() for one in ones} == {"dark" if depth > 0 else "bright"}
    assert all(one.kind == "scratch" and 0 < one.confidence < 1 for ones in found.values() for one in ones)


def test_a_scratch_has_one_name_on_all_its_frames() -> None:
    found = parts(film("pan") + 0.4 * cover(swaying()))
    assert len({one.track for ones in found.values() for one in ones}) == 1
    assert all(found[n] for n in range(LENGTH))


@pytest.mark.parametrize("depth", [0.4, -0.6])
def test_most_of_what_lies_over_the_picture_is_taken_off_and_nothing_else_is_touched(depth: float) -> None:
    clean, over = film("pan"), cover(swaying(), 3.0)
    damaged = clean + depth * over if depth > 0 else clean * (1 + depth * over)
    _, mended, origin = repaired(damaged)
    core = ((over > 0.9) & (clean.mean(1, keepdim=True) > 0.3)).expand_as(clean)
    before, after = (float(((frames - clean)[core] ** 2).mean()) for frames in (damaged, mended))
    untouched = (origin == Origin.UNTOUCHED).unsqueeze(1).expand_as(clean)
    assert after < before / 3
    assert float((origin[core[:, 0]] != Origin.UNTOUCHED).float().mean()) > 0.7
    assert torch.equal(mended[untouched], damaged[untouched])


def test_where_nothing_is_left_of_the_picture_most_is_not_made_of_the_scratch() -> None:
    clean, over = film("pan"), cover(swaying())
    damaged = clean * (1 - over) + 2.4 * over
    _, _, origin = repaired(damaged)
    core = (over > 0.9)[:, 0]
    assert float((origin[core] == Origin.CORRECTED).float().mean()) < 0.5
    assert float((origin[core] > Origin.GRAIN).float().mean()) > 0.3


def running(shape: Shape, seed: int) -> NDArray[np.float64]:
    """Columns `(T, H)` of a line that is straight, slanted along the film, or wobbles."""
    chance = np.random.default_rng(seed)
    along = np.arange(LENGTH)[:, None] + np.arange(SIZE[0]) / SIZE[0]
    start = chance.uniform(0.3, 0.7) * SIZE[1]
    if shape == "slanted":
        return np.asarray(start + 4.0 * (along - LENGTH / 2))
    sway = 1.5 * np.sin(chance.uniform(0.5, 0.9) * along + chance.uniform(0, 6)) if shape == "wobbling" else 0 * along
    return np.asarray(start + sway)


def uneven(seed: int) -> NDArray[np.float64]:
    """A share `(T, H)` around 1 by which a scratch is deeper or less deep along the film."""
    along = np.arange(LENGTH)[:, None] + np.arange(SIZE[0]) / SIZE[0]
    knots = np.arange(-1, LENGTH + 2, 0.4)
    return np.interp(along, knots, 1 + 0.2 * np.random.default_rng((seed, 1)).normal(size=len(knots)))


def scratched(clean: Tensor, kind: Damage, shape: Shape, seed: int) -> Tensor:
    """A film with one scratch: one that darkens it, one that takes density off, or one that hides it."""
    over, depth = cover(running(shape, seed), 2.0), torch.from_numpy(uneven(seed)).float()[:, None, :, None]
    if kind == "dark":
        return clean + 0.3 * depth * over
    return clean * (1 - 0.5 * depth * over) if kind == "bright" else clean * (1 - over) + 2.4 * over


def succeeded(clean: Tensor, damaged: Tensor, mended: Tensor, grain: float) -> float:
    """Share of a scratch's pieces of 24 rows that are mended within two sigmas of grain, with no new edge of three."""
    off, change = (np.asarray((frames - clean).mean(1)) for frames in (mended, damaged))
    done = []
    for number in range(LENGTH):
        for top in range(0, SIZE[0], 24):
            cut = np.s_[number, top : top + 24]
            part = np.abs(change[cut]) >= 3 * grain
            if part.sum() < 9:
                continue
            square = np.ones((3, 3), np.uint8)
            wide, core = (turn(part.astype(np.uint8), square) > 0 for turn in (cv2.dilate, cv2.erode))
            step = np.quantile(np.abs(cv2.blur(off[cut], (3, 3)))[wide & ~core], 0.9)
            done.append(np.abs(off[cut][part]).mean() <= 2 * grain and step <= 3 * grain)
    assert len(done) > LENGTH
    return float(np.mean(done))


def success(kind: Damage, shape: Shape, seed: int) -> float:
    """Share of the pieces of one scratch on a pan that repair mends well; all that it does not mark is as it was."""
    smooth = scene(LENGTH, SIZE, camera="pan", weave_px=0, object_share=0).clean.clamp(max=1.6)
    grain = GRAIN * torch.randn((LENGTH, 1, *SIZE), generator=torch.Generator().manual_seed(seed))
    damaged = scratched(smooth + grain, kind, shape, seed)
    _, mended, origin = repaired(damaged)
    untouched = (origin == Origin.UNTOUCHED).unsqueeze(1).expand_as(mended)
    assert torch.equal(mended[untouched], damaged[untouched])
    return succeeded(smooth, damaged, mended, GRAIN)


def test_a_dark_scratch_is_mended_within_two_sigmas_of_grain_and_leaves_no_edge() -> None:
    assert success("dark", "wobbling", 1) >= 0.85


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "least"), [("dark", 0.85), ("bright", 0.75), ("opaque", 0.5)])
def test_scratches_are_mended_within_two_sigmas_of_grain_and_leave_no_edge(kind: Damage, least: float) -> None:
    """The goal is 0.85; what takes density off, and what hides the picture where it hardly moves, falls short of it."""
    shapes: tuple[Shape, ...] = ("straight", "slanted", "wobbling")
    assert np.mean([success(kind, shape, seed) for shape in shapes for seed in (1, 2)]) >= least


@pytest.mark.parametrize("camera", ["static", "pan"])
def test_a_pole_stays(camera: Literal["static", "pan"]) -> None:
    """It moves with the picture, or stands in a picture that stands."""
    moves = 1.5 if camera == "pan" else 0.0
    path = np.broadcast_to(90 - moves * np.arange(LENGTH)[:, None], (LENGTH, SIZE[0]))
    assert not hidden(parts(film(camera) + 0.6 * cover(path))).any()


@pytest.mark.parametrize("camera", ["static", "pan"])
def test_a_pole_that_something_passes_stays(camera: Literal["static", "pan"]) -> None:
    moves = 1.5 if camera == "pan" else 0.0
    path = np.broadcast_to(90 - moves * np.arange(LENGTH)[:, None], (LENGTH, SIZE[0]))
    frames = film(camera) + 0.6 * cover(path)
    for number in range(LENGTH):
        left = 20 + 12 * number
        frames[number, :, 60:140, left : left + 40] = film(camera)[0, :, 100:180, 200:240]
    assert not hidden(parts(frames)).any()


@pytest.mark.parametrize("camera", ["static", "pan"])
def test_blinds_stay(camera: Literal["static", "pan"]) -> None:
    """Slats through the whole frame, in a picture that stands or moves."""
    moves = 1.5 if camera == "pan" else 0.0
    edges = 60 - moves * np.arange(LENGTH)[:, None] + np.arange(0, 150, 15)
    slats = torch.stack([cover(np.broadcast_to(one[:, None], (LENGTH, SIZE[0]))) for one in edges.T]).amax(0)
    assert not hidden(parts(film(camera) + 0.5 * slats)).any()


@pytest.mark.footage
@pytest.mark.parametrize(("photograph", "seed"), [("kodim24.png", 402), ("kodim01.png", 415), ("kodim02.png", 416)])
def test_lines_of_a_photograph_under_a_swaying_camera_stay_where_it_is_scratched(photograph: str, seed: int) -> None:
    """Faint ones, of which grain and a thing that passes let much be seen to change."""
    picture = moves.photographed(photograph, moves.sway, 16, size=(360, 640), share=0.05, seed=seed)
    shot = spoilt.spoilt(picture, spoilt.lines(3), seed=seed)
    frames = decoded(shot.found).in_space(Space.DENSITY).frames
    shelf = Shelf(clip_of(frames), granularity.measured(footage_of(frames)))
    tracked = scratches({n: lines(shelf, n) for n in range(len(frames))}, (360, 640))
    near, grid = repairers.grown(shot.touched, 3), Grid.of((360, 640))
    rows = grid.rows_of(np.arange(grid.strips)).round().astype(int)
    hits: dict[str, list[float]] = {}
    for number, ones in tracked.items():
        for one in ones:
            columns = one.columns.round().astype(int).clip(0, 639)
            hits.setdefault(one.track, []).append(float(near[number, rows, columns].mean()))
    assert len(hits) >= 2
    assert min(float(np.mean(shares)) for shares in hits.values()) > 0.4


def test_a_scratch_on_a_picture_that_stands_is_found_by_what_changes_of_it() -> None:
    over, depth = cover(swaying()), torch.from_numpy(uneven(3)).float()[:, None, :, None]
    mask = hidden(parts(film("static") + 0.4 * depth * over))
    truth = (over[:, 0] > 0.4).numpy() & (film("static").mean(1).numpy() > 0.3)
    assert mask[truth].mean() > 0.75


@pytest.mark.parametrize("camera", ["static", "pan"])
def test_clean_film_has_no_scratches(camera: Literal["static", "pan"]) -> None:
    assert not hidden(parts(film(camera))).any()


def test_lines_do_not_depend_on_the_window() -> None:
    frames = film("pan") + 0.4 * cover(swaying())
    model = granularity.measured(footage_of(frames))
    wide, narrow = Shelf(clip_of(frames), model), Shelf(clip_of(frames).between(1, 8), model)

    def told(line: Line) -> tuple[object, ...]:
        return line.polarity, line.top, line.columns.tobytes(), line.score, line.drift

    assert [told(line) for line in lines(wide, 4)] == [told(line) for line in lines(narrow, 4)]


def test_a_grid_of_a_large_frame_is_as_coarse_as_flow() -> None:
    grid = Grid.of((1080, 1920))
    assert grid.small == (540, 960)
    assert float(grid.columns_of(np.array([0], np.int16))[0]) == pytest.approx(0.5)
