"""The file a benchmark leaves: what was measured, on what, by which code."""

import platform
import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import imageio_ffmpeg
from pydantic import BaseModel, ConfigDict, Field

RESULTS = Path(__file__).parent / "results"
LIBRARIES = ("torch", "numpy", "scipy", "opencv-contrib-python", "scikit-image")


class Header(BaseModel):
    """Under what circumstances it was measured."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    suite: str
    commit: str
    clean: bool = Field(description="whether the working tree was exactly that commit")
    command: str
    date: str = Field(description="UTC, ISO 8601")
    machine: str
    cpu: str
    threads: int = Field(description="threads that each contender was kept to")
    versions: dict[str, str]


class Row(BaseModel):
    """One measurement."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    case: str = Field(description="stage and footage")
    method: str = Field(description="ours, a peer with its settings, or 'as found'")
    metric: str
    value: float = Field(allow_inf_nan=False)
    unit: str
    spread: float = Field(ge=0, allow_inf_nan=False, description="distance between the quartiles; 0 if deterministic")
    n: int = Field(ge=1, description="rounds timed, or frames measured")


class Result(BaseModel):
    """All rows of one suite."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    header: Header
    rows: tuple[Row, ...] = Field(min_length=1)

    def write(self, folder: Path = RESULTS) -> Path:
        """Write it to `<folder>/<suite>.json`."""
        folder.mkdir(exist_ok=True)
        path = folder / f"{self.header.suite}.json"
        path.write_text(self.model_dump_json(indent=1) + "\n", encoding="utf-8")
        return path


def header(suite: str, *, threads: int) -> Header:
    """The circumstances of this run."""
    versions = {name: version(name) for name in LIBRARIES}
    versions |= {"python": platform.python_version(), "ffmpeg": imageio_ffmpeg.get_ffmpeg_version()}
    return Header(
        suite=suite,
        commit=_git("rev-parse", "HEAD"),
        clean=not _git("status", "--porcelain", "--untracked-files=no"),
        command=f"python -m tests.benchmarks.{suite} {' '.join(sys.argv[1:])}".strip(),
        date=datetime.now(UTC).isoformat(timespec="seconds"),
        machine=f"{platform.system()} {platform.machine()}",
        cpu=_cpu(),
        threads=threads,
        versions=versions,
    )


def _git(*arguments: str) -> str:
    asked = subprocess.run(["git", *arguments], cwd=Path(__file__).parent, capture_output=True, text=True, check=True)
    return asked.stdout.strip()


def _cpu() -> str:
    listing = Path("/proc/cpuinfo")
    if not listing.exists():
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in listing.read_text().splitlines() if "model name" in line]
    return f"{len(names)} x {names[0]}" if names else platform.machine()
