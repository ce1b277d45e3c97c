"""Looking through what was found, taking a mend back in the manifest and restoring again: only that is done."""

import csv
import io
import json
from pathlib import Path

import cv2
import pytest

from tests.flows.reels import Place, scene, write_manifest, write_reel
from tests.flows.test_restore_reel import decoded

pytestmark = pytest.mark.slow


@pytest.fixture
def place(tmp_path: Path, prefect_home: Path) -> Place:
    return Place(tmp_path, prefect_home)


def test_a_mend_is_looked_at_taken_back_and_nothing_is_examined_again(place: Place) -> None:
    write_reel(place, frames=8)
    manifest = write_manifest(place, "  - kind: repair\n")
    look = ("blemishes", manifest, "--vault", place.vault, "--lab", place.lab)
    place.restored(manifest)
    with_mends = decoded(place.out / "reel" / "reel.mkv")

    told = json.loads(place.run(*look, "--json").stdout)
    found = told["blemishes"]
    assert told["irregularities"] == []
    one = next(b for b in found if b["action"] == "borrowed")
    picture = place.root / "sheet.jpg"
    table = place.run(*look, "--shot", one["shot"], "--frame", one["first"], "--sheet", picture)
    assert table.returncode == 0, table.stderr
    assert one["id"] in table.stdout
    assert "put its id under `reject`" in table.stdout
    assert "layer " in table.stdout
    assert cv2.imread(str(picture)).shape[0] > 150

    write_manifest(place, f"  - kind: repair\n    reject: [{one['id']}]\n")
    left = csv.DictReader(io.StringIO(place.run(*look, "--action", "left", "--csv").stdout))
    assert next(b for b in left if b["id"] == one["id"])["reason"] == "rejected"
    place.restored(manifest)
    lines = [json.loads(line) for line in (place.out / "reel" / "ledger.jsonl").read_text().splitlines()]
    second = [line for line in lines if line["run"] == lines[-1]["run"] and line["status"] == "done"]
    assert [line["cache_hit"] for line in second if line["stage"] == "examine"] == [True, True]
    assert [line["shot"] for line in second if line["stage"] == "edit"] == [one["shot"]]
    top, left_edge, bottom, right = one["box"]
    for number, (before, after) in enumerate(zip(with_mends, decoded(place.out / "reel" / "reel.mkv"), strict=True), 1):
        there = number == one["first"]
        assert (before != after).any() == there
        if there:
            whole = scene(number, shot=one["shot"] - 1)
            box = (slice(top, bottom), slice(left_edge, right))
            assert (after[box] == whole[box]).all()

    write_manifest(place, "  - kind: repair\n    reject: [f000900-y0001-x0001]\n")
    answer = place.run(*look)
    assert answer.returncode == 3
    assert "f000900-y0001-x0001" in answer.stderr
