"""The benchmarks measure what they say."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from pydantic import ValidationError

from restorers.clip import Clip
from restorers.deflicker import Deflicker
from restorers.restorer import Bench
from restorers.stabilization import Stabilization
from tests.benchmarks import edges, evenness, lights, moves, stabilizers, suite
from tests.benchmarks.footage import coded, decoded, filmed, restored
from tests.benchmarks.paths import Applied, errors, places, trend, unsteadiness
from tests.benchmarks.peers import Ffmpeg, PeerFailed, temporal_median
from tests.benchmarks.quality import dirt_rows, fidelity_rows, movement_rows
from tests.benchmarks.readings import Goal, Reading, rows
from tests.benchmarks.result import Result, Row, header
from tests.benchmarks.timing import timed
from tests.benchmarks.wear import Take, Wear, displacement_at, take

BENCH = Bench()


def codes(frames: int = 4) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (frames, 48, 64, 3), np.uint8)


def test_contenders_take_turns() -> None:
    order: list[str] = []
    found = timed({"a": lambda: order.append("a"), "b": lambda: order.append("b")}, rounds=2, warm_up=1)
    assert order == ["a", "b"] * 3
    assert [timing.rounds for timing in found.values()] == [2, 2]


def test_a_result_comes_back_as_it_was_written(tmp_path: Path) -> None:
    row = Row(case="c", method="m", metric="speed", value=2.5, unit="frames/s", spread=0.1, n=3)
    result = Result(header=header("stages", threads=2), rows=(row,))
    written = result.write(tmp_path)
    assert written.name == "stages.json"
    assert Result.model_validate_json(written.read_bytes()) == result
    assert len(json.loads(written.read_text())["header"]["commit"]) == 40


def test_a_result_in_a_folder_of_its_own_is_not_overwritten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "stages.json").write_text("measured before")
    monkeypatch.setattr("sys.argv", ["stages", "--out", str(tmp_path)])
    with pytest.raises(SystemExit):
        suite.run("stages", None, (), lambda **_: iter(()))
    assert "would be lost: give another folder" in capsys.readouterr().err
    assert (tmp_path / "stages.json").read_text() == "measured before"


def test_what_could_not_be_measured_is_no_row() -> None:
    with pytest.raises(ValidationError, match="finite"):
        Row(case="c", method="m", metric="PSNR", value=float("nan"), unit="dB", spread=0, n=1)


def test_ffmpeg_gives_back_what_it_is_given() -> None:
    np.testing.assert_array_equal(Ffmpeg("null")(codes()), codes())
    assert Ffmpeg("scale=2*iw:2*ih")(codes()).shape == (4, 96, 128, 3)


def test_a_peer_that_fails_says_why() -> None:
    with pytest.raises(PeerFailed, match="nosuchfilter"):
        Ffmpeg("nosuchfilter")(codes())


def test_the_temporal_median_takes_off_what_is_there_for_one_frame() -> None:
    frames = np.full((5, 8, 8, 3), 100, np.uint8)
    frames[2, 3, 3] = 255
    assert (temporal_median(frames) == 100).all()


def test_frames_survive_being_coded() -> None:
    np.testing.assert_array_equal(coded(decoded(codes())), codes())


def test_a_treatment_that_does_nothing_gives_back_every_code() -> None:
    still = coded(filmed((96, 128), 6, still=True))
    np.testing.assert_array_equal(restored(Deflicker(strength=0), still, BENCH), still)


def test_the_truth_is_perfect_in_every_measure() -> None:
    film = filmed((180, 240), 4)
    shown = coded(film)
    mask = np.zeros((4, 180, 240), np.bool_)
    mask[:, 50:60, 50:60] = True
    assert all(row.value > 70 for row in dirt_rows("c", "m", shown, shown, mask))
    assert [row.value for row in fidelity_rows("c", "m", shown, shown)] == pytest.approx([71, 1], abs=0.02)
    assert all(row.value < 0.02 for row in movement_rows("c", "m", film, shown, BENCH))
    assert torch.isfinite(film.frames).all()


SMALL = (216, 384)


def shot(camera: moves.Camera = moves.still, frames: int = 6, *, wear: Wear | None = None) -> Take:
    film = moves.photographed("coffee.png", camera, frames, size=SMALL, share=0)
    return take(film, wear or Wear(grain=0, dust=0), seed=3)


def undone(found: Take) -> Applied:
    """The displacement that lays every frame back on the film, found by fixed-point steps."""

    def applied(index: int, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        s = np.zeros((2, len(x)))
        for _ in range(8):
            s = -displacement_at(found.gate, index, found.size, x + s[0], y + s[1])
        return s

    return applied


def test_a_shaken_frame_shows_the_film_where_the_truth_says() -> None:
    still, shaken = shot(wear=Wear(None, 0, 0)), shot()
    height, width = SMALL
    for index in (1, 4):
        d = shaken.gate.displacement(index, SMALL)
        x, y = (np.arange(width) + d[0]).astype(np.float32), (np.arange(height)[:, None] + d[1]).astype(np.float32)
        laid = cv2.remap(still.found[index], x, y, cv2.INTER_CUBIC)
        apart = [
            np.abs(laid.astype(float) - frame)[8:-8, 8:-8].mean() for frame in (shaken.found[index], still.found[index])
        ]
        assert apart[0] < 0.25 * apart[1]


def test_the_truth_on_a_grid_is_the_gate_s() -> None:
    gate = shot().gate
    x, y = np.meshgrid(np.arange(0.0, 384, 31), np.arange(0.0, 216, 23))
    there = displacement_at(gate, 2, SMALL, x.ravel(), y.ravel())
    field = gate.displacement(2, SMALL)[:, y.astype(int), x.astype(int)].reshape(2, -1)
    np.testing.assert_allclose(there, field, atol=1e-5)


def test_undoing_the_gate_leaves_no_unsteadiness() -> None:
    found = shot()
    before, after = unsteadiness(errors(found)), unsteadiness(errors(found, undone(found)))
    assert 1 < before.quick < 4
    assert before.quick == pytest.approx(np.hypot(before.whole, before.bent), rel=1e-6)
    assert max(after) < 1e-4


def test_a_course_led_astray_is_no_jitter() -> None:
    drift = np.linspace(0, 3, 60)[:, None, None] * np.ones((1, 2, 240))
    found = unsteadiness(drift)
    assert found.quick < 0.25
    assert found.slow > 1
    assert trend(np.ones((9, 2))) == pytest.approx(1)


def test_what_a_filter_did_is_read_back_from_its_chart() -> None:
    found = shot(frames=3).found
    x, y = places(SMALL)
    moved = stabilizers.filtered(found, ("pad=iw+8:ih+4:8:4,crop=iw-8:ih-4:0:0",))(1, x, y)
    np.testing.assert_allclose(moved, np.broadcast_to([[-8.0], [-4.0]], moved.shape), atol=0.01)
    np.testing.assert_allclose(stabilizers.filtered(found, ("null",))(2, x, y), 0, atol=0.01)


def test_a_turned_chart_is_read_back() -> None:
    turned = np.array([[1.002, -0.01, 12.3], [0.011, 0.998, -7.7]])
    y, x = (axis.ravel() for axis in np.mgrid[:216, :384])
    there = turned @ np.stack([x - 191.5, y - 107.5, np.ones(x.size)])
    chart = np.round(128 + stabilizers.AMPLITUDE * np.sin(2 * np.pi * there / stabilizers.WAVE_PX))
    found = stabilizers.read_back(chart.reshape(2, 216, 384), np.eye(2, 3))
    np.testing.assert_allclose(found, turned, atol=0.005)


def test_ours_applies_what_its_remedy_says() -> None:
    remedy, applied = stabilizers.ours(shot(frames=10).found, BENCH, Stabilization(warp=False))
    x, y = np.meshgrid(np.arange(384) - 191.5, np.arange(216) - 107.5)
    waves = np.stack([128 + stabilizers.AMPLITUDE * np.sin(2 * np.pi * a / stabilizers.WAVE_PX) for a in (x, y, x)])
    chart = Clip(torch.from_numpy(waves / 255).float().repeat(10, 1, 1, 1), Stabilization.space, 0)
    moved = remedy.apply(chart, BENCH).frames[4, :2].double().numpy() * 255
    read = stabilizers.matrix_applied([stabilizers.read_back(moved, np.eye(2, 3))], SMALL)
    np.testing.assert_allclose(applied(4, *places(SMALL)), read(0, *places(SMALL)), atol=0.01)
    assert np.abs(applied(4, *places(SMALL))).max() > 0.1


def test_features_follow_a_pan() -> None:
    found = shot(moves.pan, frames=5, wear=Wear(None, 0, 0))
    film = moves.pan(5, 384, np.random.default_rng((0, 1)))
    path = stabilizers.feature_path(found.found)
    np.testing.assert_allclose(path[:, :2] - path[0, :2], -(film[:, :2] - film[0, :2]), atol=0.2)


@pytest.mark.parametrize("blur", [0.6, 1.0])
def test_an_edge_is_as_sharp_as_its_blur_says(blur: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(edges, "BLUR_PX", blur)
    film = edges.Edged(moves.photographed("coffee.png", moves.still, 2, share=0))
    found = edges.mtf50(take(film, Wear(grain=0, dust=0), seed=3).found)
    assert found == pytest.approx(np.sqrt(np.log(2) / 2) / (np.pi * blur), rel=0.02)


@pytest.mark.parametrize("name", lights.FLICKERS)
def test_a_flicker_is_the_only_difference_to_even_light(name: str) -> None:
    lit = shot(frames=24, wear=Wear(None, 4, 4, lights.FLICKERS[name]))
    again = shot(frames=24, wear=Wear(None, 4, 4))
    np.testing.assert_array_equal(lit.even, again.found)
    assert 0.01 < np.std(evenness.apart(lit.found, lit.even)) < 0.08
    assert not evenness.apart(lit.even, lit.even).any()


def test_the_light_of_the_scene_is_no_flicker_of_the_truth() -> None:
    film = lights.Lit(moves.photographed("coffee.png", moves.still, 12, size=SMALL), lights.fade_to_black)
    found = take(film, Wear(None, 0, 0))
    light = evenness.light(found.found)
    assert light[-1] < 0.03 < 10 * light[0]
    np.testing.assert_array_equal(found.found, found.even)


def test_rows_hold_the_mean_and_the_worst_shot(capsys: pytest.CaptureFixture[str]) -> None:
    found = [Reading("c", shot, "m", "kept", value, "%", True) for shot, value in (("a", 90.0), ("b", 98.0))]
    measured = {row.metric: row.value for row in rows(found, {"kept": Goal(95)})}
    assert measured == {"kept": 94, "kept, worst shot": 90}
    assert ">= 95" in capsys.readouterr().out
