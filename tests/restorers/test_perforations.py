"""Perforations: found where a scan shows them, told to a few hundredths of a pixel, and never found in a picture."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from restorers.colorspace import Space, converted, density
from restorers.geometry import warp
from restorers.render import Footage
from restorers.restorer import Bench, RestorationError
from restorers.stabilization import Stabilization
from restorers.steadiness import gauges, perforations
from restorers.steadiness.aperture import Opening, extension, restriction
from restorers.steadiness.gauges import (
    BELL_HOWELL,
    EIGHT,
    KODAK_STANDARD,
    NINE_AND_A_HALF,
    SIXTEEN,
    SUPER_EIGHT,
)
from restorers.steadiness.perforations import FilmPath
from restorers.steadiness.steadying import Steadying
from tests.restorers.footage import footage_of
from tests.restorers.overscans import Overscan, Scanned, rounded, scanned
from tests.restorers.scenes import scene

SIZE = (270, 360)
LENGTH = 10
BOTH = ("left", "right")
FILMS = {
    "35 mm": Overscan(KODAK_STANDARD, BOTH),
    "35 mm, Bell & Howell, one edge": Overscan(BELL_HOWELL, ("left",)),
    "35 mm, holes masked to black": Overscan(KODAK_STANDARD, BOTH, masked=True),
    "16 mm": Overscan(SIXTEEN, ("right",), frames_seen=1.25),
    "16 mm, both edges": Overscan(SIXTEEN, BOTH, frames_seen=1.25),
    "8 mm": Overscan(EIGHT, ("left",), frames_seen=1.4),
    "Super 8": Overscan(SUPER_EIGHT, ("left",)),
    "9.5 mm": Overscan(NINE_AND_A_HALF, ("middle",), frames_seen=1.2),
}
HOLES = dict(zip(FILMS, (8, 4, 8, 2, 4, 2, 1, 2), strict=True))


@cache
def shot(film: str, pan_px: float = 1.5) -> Scanned:
    return scanned(replace(FILMS[film], pan_px=pan_px), LENGTH, SIZE, seed=5)


@cache
def told(film: str) -> FilmPath:
    found = perforations.found(footage_of(shot(film).frames, first=40), Bench())
    assert found is not None
    return found


def astray(found: FilmPath, shot: Scanned) -> NDArray[np.float64]:
    """How far coefficients are from the truth, `(T, 2, 3)` pixels, the level of the shot aside."""
    apart = found.places - shot.film
    return np.asarray(apart - np.median(apart, axis=0))


@pytest.mark.parametrize("film", FILMS)
def test_each_gauge_is_known_by_its_holes(film: str) -> None:
    found = told(film)
    assert found.gauge.name == FILMS[film].gauge.name
    assert found.holes == HOLES[film]


@pytest.mark.parametrize("film", ["35 mm", "35 mm, holes masked to black", "16 mm, both edges", "9.5 mm"])
def test_the_film_is_placed_to_a_few_hundredths_of_a_pixel_while_the_camera_pans(film: str) -> None:
    apart = astray(told(film), shot(film))
    assert np.sqrt((apart**2).mean(axis=0)).max() < 0.05


@pytest.mark.parametrize("film", FILMS)
def test_the_error_is_honest_where_one_edge_tells_little_of_rotation(film: str) -> None:
    found = told(film)
    assert (np.abs(astray(found, shot(film))) < 4 * found.error + 0.04).mean() > 0.95
    assert np.sqrt((astray(found, shot(film))[:, :, 0] ** 2).mean()) < 0.15


def test_torn_dirty_and_worn_holes_are_outvoted() -> None:
    bad = scanned(replace(FILMS["35 mm"], torn=0.4, worn_px=0.2, dust=25, grain=10, flare=0.5), LENGTH, SIZE, seed=6)
    found = perforations.found(footage_of(bad.frames), Bench())
    assert found is not None
    assert np.sqrt((astray(found, bad)[:, :, 0] ** 2).mean()) < 0.15


def test_modes_are_those_of_warp() -> None:
    at = np.array([[0.0, 0.0], [200.0, 31.0], [359.0, 269.0]])
    field = warp.field(torch.eye(3), SIZE, warp.AFFINE).numpy()
    expected = [field[:, int(y), int(x)] for x, y in at]
    assert perforations._modes(at, SIZE) == pytest.approx(np.array(expected), abs=1e-4)


def test_windows_and_threads_do_not_change_what_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Footage, "WINDOW", 3)
    again = perforations.found(footage_of(shot("16 mm").frames, first=7), Bench(workers=2))
    assert again is not None
    assert np.array_equal(again.places, told("16 mm").places)
    assert np.array_equal(again.error, told("16 mm").error)


def test_a_frame_that_shows_no_hole_is_told_by_its_neighbors_and_not_trusted() -> None:
    frames = shot("35 mm").frames.clone()
    frames[4] = 1.5
    found = perforations.found(footage_of(frames), Bench())
    assert found is not None
    assert np.isinf(found.error[4]).all()
    assert np.isfinite(np.delete(found.error, 4, axis=0)).all()
    assert found.places[4] == pytest.approx((found.places[3] + found.places[5]) / 2)


def test_holes_that_are_gone_for_much_of_the_shot_are_no_reference() -> None:
    frames = shot("35 mm").frames.clone()
    frames[6:] = 1.5
    assert perforations.found(footage_of(frames), Bench()) is None


Painted = Callable[[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]], NDArray[np.float64]]


def windows(picture: NDArray[np.float64], x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    for top in (30, 95, 160):
        picture = np.maximum(picture, rounded(x, y, (20, top, 55, top + 25), 0.5))
    return picture


def round_windows(picture: NDArray[np.float64], x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    for top in (22, 82, 142):
        picture = np.maximum(picture, rounded(x, y, (20, top, 55, top + 25), 6.5))
    return picture


def windows_in_a_black_wall(
    picture: NDArray[np.float64], x: NDArray[np.float64], y: NDArray[np.float64]
) -> NDArray[np.float64]:
    return windows(np.where(x < 70, 0.05, picture), x, y)


def letterbox(picture: NDArray[np.float64], x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(np.abs(y - SIZE[0] / 2) > 0.38 * SIZE[0], 0.0, picture)


def pillarbox(picture: NDArray[np.float64], x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(np.abs(x - SIZE[1] / 2) > 0.38 * SIZE[1], 0.0, picture)


def matte(picture: NDArray[np.float64], x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    return picture * rounded(x, y, (20, 20, SIZE[1] - 20, SIZE[0] - 20), 30)


def vignette(picture: NDArray[np.float64], x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    return picture * np.exp(-((np.hypot(x - SIZE[1] / 2, y - SIZE[0] / 2) / 160) ** 4))


def moon(picture: NDArray[np.float64], x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.maximum(0.2 * picture, rounded(x, y, (30, 30, 80, 80), 25))


def logo(picture: NDArray[np.float64], x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.maximum(picture, rounded(x, y, (300, 20, 340, 45), 6))


@pytest.mark.parametrize(
    "painted",
    [windows, round_windows, windows_in_a_black_wall, letterbox, pillarbox, matte, vignette, moon, logo],
    ids=lambda painted: painted.__name__,
)
@pytest.mark.parametrize("camera", ["static", "pan"])
def test_what_is_in_the_picture_is_not_taken_for_perforations(painted: Painted, camera: str) -> None:
    y, x = np.mgrid[: SIZE[0], : SIZE[1]].astype(np.float64)
    frames = picture_frames(camera).transpose(0, 2, 3, 1)
    shown = np.stack([np.stack([painted(frame[..., c], x, y) for c in range(3)]) for frame in frames])
    seen = density(torch.from_numpy(np.clip(shown, 0, 1) ** 2.4)).float()
    assert perforations.found(footage_of(seen), Bench()) is None


@cache
def picture_frames(camera: str) -> NDArray[np.float64]:
    """Display values `(T, 3, H, W)` of an aged shot."""
    kind = "pan" if camera == "pan" else "static"
    aged = scene(4, SIZE, camera=kind, grain=4, dust=4, seed=2).aged  # type: ignore[arg-type]
    return np.clip(converted(aged, Space.DENSITY, Space.REC709).double().numpy(), 0, 1)


@pytest.mark.parametrize("film", FILMS)
def test_the_picture_is_seen_without_the_film_around_it(film: str) -> None:
    left, top, right, bottom = told(film).opening
    frame = shot(film).frames[:, 0].double()
    lit = (10 ** (-0.45 * frame) > (0.45 if FILMS[film].masked else 0.15)).double().mean(dim=0)
    edge = torch.cat(
        (lit[top, left:right], lit[bottom - 1, left:right], lit[top:bottom, left], lit[top:bottom, -1 + right])
    )
    assert edge.mean() > 0.5
    assert (right - left) * (bottom - top) > 0.3 * SIZE[0] * SIZE[1]
    assert told(film).opening != (0, 0, SIZE[1], SIZE[0])


@pytest.mark.parametrize("modes", [warp.AFFINE, warp.WARP], ids=["affine", "warp"])
def test_coefficients_of_the_opening_move_it_the_same_in_the_frame(modes: tuple[tuple[int, int], ...]) -> None:
    opening = Opening(70, 20, 300, 250)
    inside = np.random.default_rng(1).normal(size=(2, len(modes)))
    whole = inside @ extension(modes, opening, SIZE).T
    fields = [
        warp.field(torch.from_numpy(inside), (230, 230), modes).numpy(),
        warp.field(torch.from_numpy(whole), SIZE, modes).numpy()[:, 20:250, 70:300],
    ]
    assert np.sqrt(((fields[0] - fields[1]) ** 2).mean()) < (1e-5 if modes == warp.AFFINE else 0.2 * fields[0].std())


def test_what_the_film_does_to_the_opening_is_what_it_does_to_the_frame() -> None:
    opening = Opening(70, 20, 300, 250)
    there = restriction(opening, SIZE)
    assert extension(warp.AFFINE, opening, SIZE) @ there == pytest.approx(np.eye(3), abs=1e-9)


@cache
def panned() -> Scanned:
    """A panning, swaying camera whose picture weaves on the film, which weaves in the scanner."""
    film = replace(FILMS["35 mm"], pan_px=1.2, sway_px=5, camera_weave_px=0.4)
    return scanned(film, 24, (180, 240), seed=8)


def left_over(found: Steadying) -> float:
    """Share of the frame-to-frame shaking that a remedy leaves."""
    shaking = panned().film[:, :, 0] + panned().picture
    left = found.correction[:, :, 0] - shaking
    return float(np.sqrt((np.diff(left, axis=0) ** 2).sum() / (np.diff(shaking, axis=0) ** 2).sum()))


def test_a_pan_is_steadier_by_its_perforations_than_by_the_picture_alone() -> None:
    by_film = Stabilization(reference="perforations", warp=False).examine(footage_of(panned().frames), Bench())
    by_picture = Stabilization(reference="picture", warp=False).examine(footage_of(panned().frames), Bench())
    assert "by 8 perforations of 35 mm film" in by_film.summary()
    assert "perforation" not in by_picture.summary()
    assert left_over(by_film) < 0.12
    assert left_over(by_film) < 0.7 * left_over(by_picture)


def test_perforations_that_are_asked_for_and_not_there_are_missed_by_name() -> None:
    frames = scene(4, (90, 120), seed=2).aged
    with pytest.raises(RestorationError, match="frames 20-23 show no perforations to be steadied by: scan the film"):
        Stabilization(reference="perforations").examine(footage_of(frames, first=20), Bench())


def test_blank_film_shows_no_perforations() -> None:
    assert gauges.perforations(np.full(SIZE, 0.5, np.float32)) is None


@pytest.mark.footage
@pytest.mark.parametrize(
    "film",
    [
        "a_trip_down_market_street_before_the_fire",
        "san_francisco_earthquake_and_fire",
        "the_great_train_robbery",
        "within_our_gates",
    ],
)
def test_cropped_scans_of_real_film_have_none(shared: Path, film: str) -> None:
    files = sorted((shared / "film" / film).glob("*.png"))
    pixels = np.stack([cv2.imread(str(file)).transpose(2, 0, 1)[::-1] for file in files]).astype(np.float32) / 255
    frames = converted(torch.from_numpy(pixels), Space.SRGB, Space.DENSITY)
    assert perforations.found(footage_of(frames), Bench()) is None
