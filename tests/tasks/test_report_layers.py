"""The charts, meshes and fields of a report say what the remedies say, in the units they name."""

import base64
import re

import cv2
import numpy as np
import pytest
import torch

from restorers.deflicker import Evening
from restorers.evenness.light import SHADED
from restorers.evenness.response import BINS
from restorers.geometry import warp
from restorers.geometry.warp import WARP
from restorers.metrics.measures import Appearance, Measures
from restorers.steadiness.jumps import Jump
from restorers.steadiness.steadying import Steadying
from tasks.report.charts import BUCKETS, Chart, Line, Mark, lines
from tasks.report.evenness import evenness
from tasks.report.layers import LayerSheet
from tasks.report.pictures import room, uri
from tasks.report.steadiness import PLANE_WIDTH, steadiness, telling_frames

SIZE = (240, 320)
FIRST, LENGTH = 100, 24
PICTURE = np.full((*SIZE, 3), 90, np.uint8)


def steadying(path: np.ndarray, *, course: np.ndarray | None = None, jumps: tuple[Jump, ...] = ()) -> Steadying:
    course = np.zeros_like(path) if course is None else course
    return Steadying(
        first=FIRST,
        size=SIZE,
        static=course is None,
        steady=False,
        warp=True,
        path=path.astype(np.float32),
        course=course.astype(np.float32),
        correction=(path - course).astype(np.float32),
        error=np.full(path.shape[1:], 0.01, np.float32),
        agreement=np.full(len(path), 0.8, np.float32),
        period=None,
        jumps=jumps,
    )


def measures() -> Measures:
    def side(weave: float) -> Appearance:
        path = weave * np.random.default_rng(5).normal(size=(LENGTH, 2))
        return Appearance(
            weave_x=None, weave_y=None, flicker=None, sharpness=None, grain_sigma=None, grain_fineness=None,
            grain_spectrum=(), picture_spectrum=(), density=(0.7,) * LENGTH, path_x=tuple(path[:, 0]),
            path_y=tuple(path[:, 1]),
        )  # fmt: skip

    return Measures(
        first=FIRST, frames=LENGTH, before=side(1.0), after=side(0.0), psnr=None, ssim=None, color_difference=None
    )


def sheet(found: Steadying) -> LayerSheet:
    return steadiness(found, measures(), dict.fromkeys(telling_frames(found), PICTURE))


def curve(layer: LayerSheet, title: str, role: str) -> np.ndarray:
    chart = next(chart for chart in layer.charts if chart.title.startswith(title))
    return next(line.values for line in chart.lines if line.role == role)


def test_turn_and_size_are_read_off_the_path_as_the_picture_shows_them() -> None:
    path = np.random.default_rng(1).normal(0, 0.6, (LENGTH, 2, len(WARP)))
    path[:, :, 3:] = 0
    layer = sheet(steadying(path))
    field = warp.field(torch.from_numpy(path[7]), SIZE, WARP).numpy()
    height, width = SIZE
    across = (field[:, :, -1] - field[:, :, 0]).mean(axis=1) / (width - 1)
    down = (field[:, -1] - field[:, 0]).mean(axis=1) / (height - 1)
    assert curve(layer, "Turn", "before")[7] == pytest.approx(np.rad2deg((across[1] - down[0]) / 2), rel=1e-3)
    assert curve(layer, "Size", "before")[7] == pytest.approx(100 * (across[0] + down[1]) / 2, rel=1e-3)
    assert curve(layer, "Sideways", "before")[7] == pytest.approx(field[0].mean(), abs=1e-4)
    assert curve(layer, "Upright", "before")[7] == pytest.approx(-field[1].mean(), abs=1e-4)


def test_what_is_left_after_steadying_is_the_camera_s_course() -> None:
    path = np.random.default_rng(2).normal(0, 1, (LENGTH, 2, len(WARP)))
    course = np.zeros_like(path)
    course[:, 0, 0] = np.linspace(0, 90, LENGTH)
    layer = sheet(steadying(path + course, course=course))
    for title in ("Sideways, to the right", "Upright, upwards", "Turn", "Size"):
        assert curve(layer, title, "after") == pytest.approx(curve(layer, title, "course"), abs=1e-4)
    assert curve(layer, "Sideways, to the right, off the course", "before") == pytest.approx(path[:, 0, 0], abs=1e-4)
    assert np.abs(curve(layer, "Off the course", "after")).max() < 1e-4
    assert curve(layer, "Off a smooth path", "before").std() > 0.3
    assert curve(layer, "Off a smooth path", "after").max() == pytest.approx(0, abs=1e-9)


def test_jumps_are_marked_by_their_frames() -> None:
    path = np.random.default_rng(3).normal(0, 1, (LENGTH, 2, len(WARP)))
    jump = Jump(frame=FIRST + 9, frames=1, dx=0, dy=-19, kind="splice")
    layer = sheet(steadying(path, jumps=(jump,)))
    assert all([mark.frame for mark in chart.marks] == [FIRST + 9] for chart in layer.charts)
    assert "frame 109 jumps 19 px up" in layer.summary


def test_meshes_show_the_frame_bent_most_and_one_bent_as_most_are() -> None:
    path = np.zeros((LENGTH, 2, len(WARP)))
    path[:, 0, 0] = 30 * np.arange(LENGTH)  # a shift bends nothing
    path[:, 1, 5] = 0.2
    path[3, 1, 5], path[11, 1, 5] = 0.05, 0.9
    found = steadying(path)
    typical, worst = sheet(found).meshes
    assert worst.frame == FIRST + 11
    assert typical.frame not in (FIRST + 3, FIRST + 11)
    assert telling_frames(steadying(np.where(np.arange(len(WARP)) == 0, path, 0))) == ()


def test_a_mesh_is_bent_as_the_frame_was_times_the_factor_it_says() -> None:
    path = np.zeros((LENGTH, 2, len(WARP)))
    path[:, 0, 4], path[:, 1, 7] = 0.3, 0.2
    mesh = sheet(steadying(path)).meshes[1]
    field = warp.field(torch.from_numpy(path[0]), SIZE, WARP).numpy()
    scale = PLANE_WIDTH / SIZE[1]
    points = [np.array(line.split(), float).reshape(-1, 2) for line in mesh.bent.split("M")[1:]]
    straight = [np.array(line.split(), float).reshape(-1, 2) for line in mesh.straight.split("M")[1:]]
    assert len(points) == len(straight) == 7 + 9
    for bent, (start, end) in zip(points, straight, strict=True):
        rest = start + (end - start) * np.linspace(0, 1, len(bent))[:, None]
        y, x = (np.clip((rest[:, axis] / scale).astype(int), 0, SIZE[1 - axis] - 1) for axis in (1, 0))
        there = rest + mesh.factor * scale * field[:, y, x].T
        assert bent == pytest.approx(there, abs=4)
    assert float(mesh.words.split()[-2]) == pytest.approx(np.hypot(*field).max(), rel=0.05)


def test_a_shot_left_as_found_has_no_meshes_and_one_not_looked_at_no_charts() -> None:
    path = np.random.default_rng(4).normal(0, 0.01, (LENGTH, 2, len(WARP)))
    steady = steadying(path).model_copy(update={"steady": True})
    assert sheet(steady).meshes == ()
    assert sheet(steady).charts
    assert sheet(steadying(np.zeros_like(path)).model_copy(update={"steady": True})).charts == ()


def evening(found: np.ndarray, course: np.ndarray, **more: tuple[int, ...]) -> Evening:
    arrays = {name: value.astype(np.float32) for name, value in (("found", found), ("course", course))}
    correction, middle = (found - course).astype(np.float32), np.full(3, 0.7, np.float32)
    arrays |= {"middle": middle, "correction": correction, "response": np.ones((3, BINS), np.float32)}
    return Evening(first=FIRST, even=False, spatial=True, **arrays, **more)


def test_levels_contrast_and_changes_of_light_are_those_of_the_remedy() -> None:
    random = np.random.default_rng(6)
    course = np.zeros((LENGTH, 3, len(SHADED) + 1))
    course[12:, :, 0] = 0.3
    found = course + random.normal(0, 0.02, course.shape)
    layer = evenness(evening(found, course, changes=(FIRST + 12,), flashes=(FIRST + 20,)), SIZE)
    for channel, name in enumerate(("Red", "Green", "Blue")):
        assert curve(layer, name, "before") == pytest.approx(found[:, channel, 0], abs=1e-6)
        assert curve(layer, name, "after") == pytest.approx(course[:, channel, 0], abs=1e-6)
    assert curve(layer, "Contrast", "before") == pytest.approx(100 * found[:, :, -1].mean(axis=1), abs=1e-4)
    assert [mark.frame for mark in layer.charts[0].marks] == [FIRST + 12, FIRST + 20]


def test_the_shading_shown_is_that_of_the_most_uneven_frame_bluer_where_it_was_denser() -> None:
    found = np.zeros((LENGTH, 3, len(SHADED) + 1))
    found[:, :, 0] = 0.5  # the level is no shading
    found[8, :, 1] = 0.01
    found[15, :, 1] = -0.03  # a slope from left to right, denser on the left
    layer = evenness(evening(found, np.zeros_like(found)), SIZE)
    assert layer.shading is not None
    assert layer.shading.frame == FIRST + 15
    assert layer.shading.reach == pytest.approx(0.03 * np.sqrt(3), rel=0.05)
    assert isinstance(layer.shading.picture, bytes)
    picture = cv2.imdecode(np.frombuffer(layer.shading.picture, np.uint8), cv2.IMREAD_COLOR).astype(int)
    blue, red = picture[..., 0], picture[..., 2]
    assert (blue > red)[:, :15].all()
    assert (red > blue)[:, -15:].all()


def points(path: str) -> list[np.ndarray]:
    return [np.array(piece.split(), float).reshape(-1, 2) for piece in path.split("M")[1:]]


def chart(values: np.ndarray, **more: object) -> Chart:
    return Chart("Level", "D", FIRST, lines(before=values, after=0 * values), 0.1, **more)  # type: ignore[arg-type]


def test_a_curve_is_drawn_where_its_axis_says() -> None:
    values = np.random.default_rng(7).normal(size=LENGTH)
    drawn = chart(values)
    (curve_,) = points(drawn.path(drawn.lines[0]))
    labels = [(top, float(text.replace("\N{MINUS SIGN}", "-"))) for top, text in drawn.heights]
    slope, start = np.polyfit([top for top, _ in labels], [value for _, value in labels], 1)
    assert start + slope * curve_[:, 1] == pytest.approx(values, abs=0.01)
    assert curve_[:, 0] / 10 == pytest.approx([drawn.place(FIRST + i) for i in range(LENGTH)], abs=0.06)


@pytest.mark.parametrize("scale", [1e-3, 0.07, 1.0, 9.0, 4000.0])
def test_an_axis_has_a_few_labels_that_are_all_different(scale: float) -> None:
    for seed in range(40):
        values = scale * np.random.default_rng(seed).normal(size=LENGTH) + seed * scale
        labels = chart(values).heights
        assert 2 <= len(labels) <= 9
        assert len({text for _, text in labels}) == len(labels)
        assert all(0 <= top <= 100 for top, _ in labels)


def test_a_long_curve_keeps_its_peaks_and_is_not_longer_than_it_need_be() -> None:
    values = np.zeros(60_000)
    values[31_234] = 5
    drawn = chart(values)
    (curve_,) = points(drawn.path(drawn.lines[0]))
    assert len(curve_) <= 2 * BUCKETS
    assert curve_[:, 1].min() == pytest.approx(100 * (drawn.span[1] - 5) / (drawn.span[1] - drawn.span[0]), abs=0.1)


def test_no_curve_runs_across_a_cut_or_over_frames_that_were_not_measured() -> None:
    values = np.arange(LENGTH, dtype=float)
    values[4:6] = np.nan
    drawn = chart(values, cuts=(FIRST + 10,))
    assert [len(piece) for piece in points(drawn.path(drawn.lines[0]))] == [4, 4, 14]


def test_marks_that_would_overprint_one_another_are_named_once() -> None:
    marks = tuple(Mark(FIRST + n, "jump") for n in (2, 3, 20))
    assert [mark.frame for mark in chart(np.zeros(LENGTH), marks=marks).named_marks] == [FIRST + 2, FIRST + 20]


def test_a_chart_says_in_words_what_it_shows() -> None:
    words = Chart("Level", "D", FIRST, (Line("before", np.array([-0.25, 1.5])),), 0.1).words
    assert words == "Level: as found from \N{MINUS SIGN}0.25 to 1.5 D"


def test_pictures_shrink_as_shots_grow_many_and_small_files_stay_as_they_are() -> None:
    widths = [room(shots).frame for shots in (1, 50, 51, 250, 251, 5000)]
    assert widths == sorted(widths, reverse=True)
    small = uri(cv2.imencode(".jpg", PICTURE)[1].tobytes(), 320)
    assert base64.b64decode(small.split(",")[1]) == cv2.imencode(".jpg", PICTURE)[1].tobytes()
    reduced = uri(cv2.imencode(".jpg", PICTURE)[1].tobytes(), 100)
    assert cv2.imdecode(np.frombuffer(base64.b64decode(reduced.split(",")[1]), np.uint8), 1).shape == (75, 100, 3)
    assert re.match(r"data:image/jpeg;base64,", reduced)
