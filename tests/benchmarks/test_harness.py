"""The benchmarks measure what they say."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from restorers.deflicker import Deflicker
from restorers.restorer import Bench
from tests.benchmarks.footage import coded, decoded, filmed, restored
from tests.benchmarks.peers import Ffmpeg, PeerFailed, temporal_median
from tests.benchmarks.quality import dirt_rows, fidelity_rows, movement_rows
from tests.benchmarks.result import Result, Row, header
from tests.benchmarks.timing import timed

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
