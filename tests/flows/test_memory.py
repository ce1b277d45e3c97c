import os
import subprocess
from pathlib import Path

import pytest

from tests.flows.reels import REELWRIGHT, Place, write_manifest, write_reel
from tests.flows.test_restore_reel import TREATMENTS


def peak_megabytes(place: Place) -> float:
    """Peak resident memory of restoring a reel, of the largest single process."""
    manifest = write_manifest(place, TREATMENTS.replace("scale: 2", "scale: 1"))
    where = ("--vault", place.vault, "--lab", place.lab, "--out", place.out)
    # One worker: with several, how often their peaks coincide is chance, and longer reels give chance more chances.
    command = [str(REELWRIGHT), "restore", str(manifest), *map(str, where), "--workers", "1", "--json"]
    process = subprocess.Popen(command, env=place.environment(), stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return usage.ru_maxrss / 1024


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_peak_memory_does_not_grow_with_the_length_of_the_reel(tmp_path: Path, prefect_home: Path) -> None:
    short, long = (Place(tmp_path / name, prefect_home) for name in ("short", "long"))
    write_reel(short, shots=1, frames=50, height=240, width=320)
    write_reel(long, shots=1, frames=500, height=240, width=320)
    few, many = peak_megabytes(short), peak_megabytes(long)
    whole_reel = 500 * 3 * 4 * 240 * 320 / 2**20
    print(f"peak of 50 frames {few:.0f} MB, of 500 frames {many:.0f} MB; the reel itself is {whole_reel:.0f} MB")
    assert many - few < whole_reel / 5
