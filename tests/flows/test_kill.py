"""`kill -9` at any moment, then the same command: finished work is kept, and the masters are byte for byte the same."""

import contextlib
import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.flows.reels import REELWRIGHT, Place, write_manifest, write_reel
from tests.flows.test_restore_reel import ALL_DELIVERIES, TREATMENTS

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]

EDITED = TREATMENTS.replace("kind: repair\n", "kind: repair\n    protect: [{first: 2, last: 14}]\n")

POINTS = (
    "store.written",
    "store.before-rename",
    "store.before-record",
    "ingest.publish",
    "cut.publish",
    "examine.decay.publish",
    "examine.stabilization.publish",
    "examine.deflicker.publish",
    "examine.repair.publish",
    "edit.repair.publish",
    "examine.enhancement.publish",
    "examine.sdr.publish",
    "render.publish",
    "render.publish:2",
    "measure.publish",
    "package.publish",
)


def digests(place: Place) -> str:
    return (place.out / "reel" / "sha256.txt").read_text()


@pytest.fixture
def place(tmp_path: Path, prefect_home: Path) -> Place:
    place = Place(tmp_path, prefect_home)
    write_reel(place, frames=10)
    return place


@contextlib.contextmanager
def started(place: Place, manifest: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The command in a process group of its own, of which nothing is left behind."""
    where = ("--vault", place.vault, "--lab", place.lab, "--out", place.out)
    command = [str(REELWRIGHT), "restore", str(manifest), *map(str, where), "--json"]
    with (place.root / "log").open("ab") as log:
        process = subprocess.Popen(
            command, env=place.environment(), stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True
        )
        try:
            yield process
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def test_killed_at_each_point_where_work_is_published_the_masters_are_the_same(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = write_manifest(place, EDITED, delivery=ALL_DELIVERIES)
    undisturbed = Place(place.root / "undisturbed", place.prefect_home)
    shutil.copytree(place.vault, undisturbed.vault)
    monkeypatch.setenv("MALLOC_PERTURB_", "254")  # what glibc fills memory with: nothing may hang on what is left there
    undisturbed.restored(manifest)
    monkeypatch.setenv("MALLOC_PERTURB_", "1")
    for point in POINTS:
        killed = place.restore(manifest, kill_at=point)
        assert killed.returncode == -signal.SIGKILL, f"{point} was not reached: {killed.stderr[-2000:]}"
    delivered = place.restored(manifest)
    assert digests(place) == digests(undisturbed)
    assert delivered["recalled"] > 0
    assert place.run("verify", "--lab", place.lab, "--out", place.out).returncode == 0


def test_killed_at_ten_random_moments_the_masters_are_the_same(place: Place) -> None:
    manifest = write_manifest(place, TREATMENTS, delivery=ALL_DELIVERIES)
    begun = time.monotonic()
    place.restored(manifest)
    whole = time.monotonic() - begun
    expected = digests(place)
    moments = random.Random(20)
    kills = 0
    while kills < 10:
        shutil.rmtree(place.lab, ignore_errors=True)
        shutil.rmtree(place.out, ignore_errors=True)
        for _ in range(3):
            with started(place, manifest) as process:
                try:
                    process.wait(timeout=moments.uniform(0.3 * whole, whole))
                    break
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
                    kills += 1
        place.restored(manifest)
        assert digests(place) == expected
        assert place.run("verify", "--lab", place.lab, "--out", place.out).returncode == 0
