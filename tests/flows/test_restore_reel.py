import json
from pathlib import Path

import av
import numpy as np
import pytest

from tests.flows.reels import Place, scene, write_dpx, write_manifest, write_reel

TREATMENTS = """\
  - kind: decay
  - kind: stabilization
  - kind: deflicker
  - kind: repair
  - kind: enhancement
    scale: 2
"""
ALL_DELIVERIES = "  - kind: ffv1\n  - kind: sdr\n    origin: true\n  - kind: hdr10\n"


@pytest.fixture
def place(tmp_path: Path, prefect_home: Path) -> Place:
    return Place(tmp_path, prefect_home)


def decoded(master: Path) -> list[np.ndarray]:
    with av.open(str(master)) as container:
        return [frame.to_ndarray() for frame in container.decode(video=0)]


def test_a_reel_without_treatments_comes_out_code_for_code_and_a_second_run_does_nothing(place: Place) -> None:
    write_reel(place, frames=6)
    manifest = write_manifest(place, more="profile: forensic\n")
    first = place.restored(manifest)
    pictures = decoded(place.out / "reel" / "reel.mkv")
    assert len(pictures) == 12
    for number, codes in enumerate(pictures, start=1):
        assert np.array_equal(codes, scene(number, shot=(number - 1) // 6))
    assert all((origin == 0).all() for origin in decoded(place.out / "reel" / "reel.origin.mkv"))
    synthesis = json.loads((place.out / "reel" / "synthesis.json").read_text())
    assert synthesis["proof"] == f"forensic: 0 of {12 * 96 * 128:,} pixels differ from the scan"
    assert synthesis["proof"] in (place.out / "reel" / "report.html").read_text()
    assert synthesis["legend"]["65"] == "borrowed from the frame 1 later"
    (map_,) = synthesis["maps"]
    assert (map_["name"], map_["of"]) == ("reel.origin.mkv", "reel.mkv")
    assert map_["pixels"]["marks"] == {"0": 12 * 96 * 128}
    assert len(map_["shots"]) == 2
    assert first["made"] > 0
    second = place.restored(manifest)
    assert second["made"] == 0
    assert second["files"] == first["files"]


def test_every_stage_runs_and_damage_to_any_artifact_redoes_only_that(place: Place) -> None:
    write_reel(place, frames=10)
    manifest = write_manifest(place, TREATMENTS, delivery=ALL_DELIVERIES)
    first = place.restored(manifest)
    assert {file["kind"] for file in first["files"]} == {"ffv1", "origin", "sdr", "sdr-origin", "hdr10"}
    assert all(file["frames"] == 20 for file in first["files"])
    assert decoded(place.out / "reel" / "reel.mkv")[0].shape == (192, 256, 3)

    records = [json.loads(path.read_text())["record"] for path in place.lab.glob("store/records/**/*.json")]
    record = next(r for r in records if '"kind":"deflicker"' in r["recipe"] and '"stage":"examine"' in r["recipe"])
    digest = record["outputs"]["remedy"]["digest"]
    victim = place.lab / "store" / "objects" / digest[:2] / digest
    victim.chmod(0o600)
    victim.write_bytes(victim.read_bytes()[:-1] + b"?")
    again = place.restored(manifest)
    assert again["made"] == 1
    assert again["files"] == first["files"]

    (place.out / "reel" / "reel.mkv").write_bytes(b"not a master")
    assert place.run("verify", "--lab", place.lab, "--out", place.out).returncode == 6
    mended = place.restored(manifest)
    assert mended["files"] == first["files"]
    checked = ("verify", "--lab", place.lab, "--out", place.out, "--vault", place.vault)
    assert place.run(*checked).returncode == 0
    write_dpx(place.vault / "reel" / "00007.dpx", scene(99))
    assert place.run(*checked).returncode == 6


def test_a_changed_setting_redoes_what_hangs_on_it_and_nothing_beneath(place: Place) -> None:
    write_reel(place, frames=6)
    place.restored(write_manifest(place, "  - kind: stabilization\n  - kind: deflicker\n"))
    place.restored(write_manifest(place, "  - kind: stabilization\n  - kind: deflicker\n    strength: 0.5\n"))
    lines = [json.loads(line) for line in (place.out / "reel" / "ledger.jsonl").read_text().splitlines()]
    runs = list(dict.fromkeys(line["run"] for line in lines))
    second = [line for line in lines if line["run"] == runs[1] and line["status"] == "done"]
    made = {line["treatment"] or line["stage"] for line in second if not line["cache_hit"]}
    recalled = {line["treatment"] or line["stage"] for line in second if line["cache_hit"]}
    assert made == {"deflicker", "render", "measure", "package"}
    assert recalled - {"package"} == {
        "ingest",
        "cut",
        "stabilization",
    }  # the map of origins is the same and recalled too


def test_mistakes_have_exit_codes_of_their_own_and_nothing_is_written(place: Place) -> None:
    write_reel(place, shots=1, frames=4)
    wrong = write_manifest(place, "  - kind: stabilisation\n")
    answer = place.restore(wrong)
    assert answer.returncode == 3
    assert "stabilization" in answer.stderr
    (place.vault / "reel" / "00003.dpx").unlink()
    answer = place.restore(write_manifest(place))
    assert answer.returncode == 4
    assert "3" in answer.stderr
    assert not (place.out / "reel").exists()


def test_a_spent_budget_stops_the_work_and_keeps_what_is_done(place: Place) -> None:
    write_reel(place, shots=1, frames=6)
    answer = place.restore(write_manifest(place, "  - kind: stabilization\n", more="budget:\n  money: 0.0000001\n"))
    assert answer.returncode == 5
    assert "budget" in answer.stderr
    assert place.restored(write_manifest(place, "  - kind: stabilization\n"))["recalled"] >= 1


def test_plan_says_what_is_to_do_and_what_was_made_before(place: Place) -> None:
    write_reel(place, shots=1, frames=4)
    manifest = write_manifest(place, "  - kind: deflicker\n")
    where = ("--vault", place.vault, "--lab", place.lab)
    before = json.loads(place.run("plan", manifest, *where, "--json").stdout)
    assert before[0]["state"] == "to do"
    assert not place.out.exists()
    place.restored(manifest)
    after = json.loads(place.run("plan", manifest, *where, "--json").stdout)
    assert {step["state"] for step in after} == {"made before"}
