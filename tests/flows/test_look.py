"""Looking at a shot shows what the lab has found out, makes nothing anew, and says so where there is nothing yet."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.flows.reels import Place, write_manifest, write_reel

TREATMENTS = "  - kind: stabilization\n  - kind: deflicker\n  - kind: repair\n"


@pytest.fixture
def place(tmp_path: Path, prefect_home: Path) -> Place:
    return Place(tmp_path, prefect_home)


def test_looking_shows_each_layer_and_the_report_its_frames_and_mends(place: Place) -> None:
    write_reel(place, shots=1, frames=12)
    manifest = write_manifest(place, TREATMENTS)
    where = ("--vault", place.vault, "--lab", place.lab)
    look = ("look", manifest, *where, "--out", place.root / "look", "--shot", 1)
    early = place.run(*look)
    assert early.returncode == 1
    assert "has not taken in this scan yet" in early.stderr

    place.restored(manifest)
    report = (place.out / "reel" / "report.html").read_text(encoding="utf-8")
    for told in ("Stabilization of shot 1, frame by frame", "Deflicker of shot 1, frame by frame", "The largest mends"):
        assert told in report
    made = sum(1 for _ in place.lab.rglob("records/**/*.json"))

    done = place.run(*look, "--layer", "stabilization", "--layer", "deflicker")
    assert done.returncode == 0, done.stderr
    written = [Path(line) for line in done.stdout.split()]
    assert sorted(written) == sorted((place.root / "look").iterdir())
    pictures = {path.name.removeprefix("reel-shot-0001-"): cv2.imread(str(path)) for path in written}
    assert len(pictures) == 8
    steadied, evened = pictures["1-stabilization-frame-7-after.png"], pictures["2-deflicker-frame-7-before.png"]
    assert np.array_equal(steadied, evened)
    assert not np.array_equal(steadied, pictures["1-stabilization-frame-7-before.png"])
    assert pictures["1-stabilization-frame-7-before.png"].shape == (96, 128, 3)
    assert sum(1 for _ in place.lab.rglob("records/**/*.json")) == made
