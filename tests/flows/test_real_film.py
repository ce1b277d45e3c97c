"""Four films of 1903 to 1920, from their manifests to masters, with facts that must hold for each."""

import json
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
import yaml
from numpy.typing import NDArray

import manifests
from restorers.clip import Origin
from tests.flows.reels import Place

pytestmark = [pytest.mark.footage, pytest.mark.timeout(1500)]

FILMS = {
    "within-our-gates-1920": 48,
    "great-train-robbery-1903": 48,
    "san-francisco-earthquake-1906": 49,
    "market-street-1906": 60,
}


@pytest.fixture
def place(tmp_path: Path, prefect_home: Path) -> Place:
    return Place(tmp_path, prefect_home)


def manifest_of(film: str) -> Path:
    folder = Path(manifests.__file__).parent / film
    return folder / manifests.read_film(folder / "film.yaml").reels[0]


def restored(place: Place, manifest: Path, shared: Path) -> Path:
    """The folder of a restored reel."""
    done = place.run(
        "restore", manifest, "--vault", shared, "--lab", place.lab, "--out", place.out, "--json", timeout=1200
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return Path(json.loads(done.stdout)["folder"])


def decoded(path: Path) -> NDArray[np.uint8]:
    with av.open(str(path)) as container:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])


def origins(path: Path) -> NDArray[np.uint8]:
    with av.open(str(path)) as container:
        return np.stack([frame.to_ndarray() for frame in container.decode(video=0)])


def appearance(folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    measures = json.loads((folder / "measures.json").read_text())[0]["measures"]
    return measures["before"], measures["after"]


@pytest.mark.parametrize("film", FILMS)
def test_every_stage_and_delivery_of_a_real_film(film: str, place: Place, shared: Path) -> None:
    folder = restored(place, manifest_of(film), shared)
    name = folder.name
    delivered = json.loads((folder / "delivered.json").read_text())
    assert {file["kind"]: file["frames"] for file in delivered["files"]} == dict.fromkeys(
        ("ffv1", "origin", "sdr", "hdr10"), FILMS[film]
    )
    with av.open(str(folder / f"{name}.mkv")) as container:
        assert container.streams.video[0].average_rate == (18 if film.startswith("within") else 16)
    assert (folder / "report.html").stat().st_size > 100_000
    kinds = {path.name.split("-")[-1] for path in (folder / "layers").glob("*.json")}
    assert kinds == {"stabilization.json", "deflicker.json", "repair.json", "enhancement.json"}

    before, after = appearance(folder)
    weave = [np.hypot(side["weave_x"], side["weave_y"]) for side in (before, after)]
    flicker = [side["flicker"]["step"] for side in (before, after)]
    print(f"\n{film}: weave {weave[0]:.2f} to {weave[1]:.2f} px, flicker {flicker[0]:.4f} to {flicker[1]:.4f} D")
    print(f"{film}: sharpness {before['sharpness']:.3f} to {after['sharpness']:.3f}")
    assert weave[1] < weave[0]
    assert flicker[1] < flicker[0]

    marks = origins(folder / f"{name}.origin.mkv")
    print(f"{film}: {(marks >= 32).mean():.3%} of the pixels not the frame's own")
    assert (marks < Origin.GENERATED).all(), "nothing is generated"
    assert (marks >= 32).mean() < 0.05, "most of the picture is the scan's own"


def test_outside_the_map_repair_leaves_every_code_and_the_smoke_stays(place: Place, shared: Path) -> None:
    prescribed = yaml.safe_load(manifest_of("san-francisco-earthquake-1906").read_text())
    prescribed |= {"treatments": [{"kind": "repair"}], "delivery": [{"kind": "ffv1"}]}
    manifest = place.root / "smoke.yaml"
    manifest.write_text(yaml.safe_dump(prescribed))
    folder = restored(place, manifest, shared)
    after = decoded(folder / f"{folder.name}.mkv")
    marks = origins(folder / f"{folder.name}.origin.mkv")
    files = sorted((shared / "film" / "san_francisco_earthquake_and_fire").glob("*.png"))
    scan = np.stack([cv2.imread(str(file), cv2.IMREAD_COLOR)[..., ::-1] for file in files])
    assert np.array_equal(after[marks == 0], scan[marks == 0])
    assert 0 < (marks > 0).mean() < 0.02

    # Smoke is large, soft and moves: seen through a blur, the repaired film must be the film.
    def seen(frames: NDArray[np.uint8]) -> NDArray[np.float32]:
        return np.stack([cv2.GaussianBlur(f.astype(np.float32).mean(2), (0, 0), 8) for f in frames])

    motion = [np.abs(np.diff(seen(frames), axis=0)).mean() for frames in (scan, after)]
    assert motion[1] > 0.97 * motion[0]
