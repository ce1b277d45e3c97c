"""Scratches: lines that go their own way are found, what lies over the picture is taken off; poles stay."""

from functools import cache
from typing import Literal

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
from restorers.detail import granularity
from restorers.repair import Repair
from restorers.restorer import Bench
from tests.restorers.footage import clip_of, footage_of
from tests.restorers.scenes import scene

SIZE = (216, 288)
LENGTH = 11


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


@pytest.mark.parametrize("camera", ["static", "pan"])
def test_a_pole_stays(camera: Literal["static", "pan"]) -> None:
    """It moves with the picture, or stands in a picture that stands."""
    moves = 1.5 if camera == "pan" else 0.0
    path = np.broadcast_to(90 - moves * np.arange(LENGTH)[:, None], (LENGTH, SIZE[0]))
    assert not hidden(parts(film(camera) + 0.6 * cover(path))).any()


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
