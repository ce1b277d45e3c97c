"""The ledger: a line for each task done on a reel, what it used and what that cost; also for those that failed.

One append-only JSON Lines file per process, `<host>-<pid>-<start>.jsonl`, so that any number of processes on any number
of hosts can write without a lock. A line goes out in one write() and is fsynced. When a task begins, a line with status
`begun` is written first: where none follows it, the task runs still or was killed, and what it used is unknown but not
forgotten. A line torn by `kill -9` or a full disk is counted and named when read, never dropped in silence.
"""

import contextlib
import os
import socket
import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from tasks.meter import Usage, measured
from tasks.rates import Rates

JOULES_PER_KWH = 3.6e6

_NOTHING = Usage(wall_s=0, cpu_s=0, gpu_s=None, energy_j=None, peak_rss_bytes=None, peak_vram_bytes=None)


class Work(BaseModel):
    """Which piece of work a line is about."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    run: str = Field(description="id of the run it belongs to")
    reel: str
    shot: int | None = Field(None, description="index of the shot; None for work on the whole reel")
    stage: str = Field(description="ingest, examine, render, measure, package ...")
    treatment: str | None = Field(None, description="kind of the treatment that examines")
    key: str = Field(description="sha256 of the recipe")
    attempt: int = Field(1, ge=1)
    film: str | None = None


class Line(Work):
    """One line of the ledger. Durations in seconds; `tasks.meter` says how each quantity is measured, and how well."""

    id: str = Field(description="the same on the `begun` line and on the line that ends it")
    time: AwareDatetime = Field(description="when the line was written, UTC")
    status: Literal["begun", "done", "failed"]
    error: str | None = Field(None, description="what a failed task said")
    cache_hit: bool = False
    wall_s: float = Field(0, ge=0)
    cpu_s: float = Field(0, ge=0, description="of this process and its children, shared out among tasks that overlap")
    gpu_s: float | None = Field(None, ge=0, description="for which the device was held; None on CPU")
    energy_j: float | None = Field(None, description="by the GPU's own counter; None where it has none")
    peak_rss_bytes: int | None = Field(None, description="of the process and its children while the task ran")
    peak_vram_bytes: int | None = Field(None, description="of torch's allocator while the task ran")
    bytes_in: int = Field(0, ge=0)
    bytes_out: int = Field(0, ge=0)
    frames: int = Field(0, ge=0)
    megapixel_frames: float = Field(0, ge=0, description="frames times megapixels a frame of the scan")
    device: str = "cpu"
    host: str
    money: float = Field(0, ge=0, description="at the lab's rates, without storage")
    currency: str
    rates: str = Field(description="version of the lab's rates")


@dataclass
class Tally:
    """What a task counts itself while it is metered."""

    frames: int = 0
    megapixel_frames: float = 0.0
    bytes_in: int = 0
    bytes_out: int = 0

    def count(self, frames: int, height: int, width: int) -> None:
        """Count frames that were worked on, at the size of the scan, so that stages can be compared."""
        self.frames += frames
        self.megapixel_frames += frames * height * width / 1e6


@dataclass(frozen=True)
class Torn:
    """A line that cannot be read."""

    path: Path
    number: int
    text: str


@dataclass(frozen=True)
class Reading:
    """A ledger as read: lines in order of time, tasks that began and have no end, and lines that cannot be read."""

    lines: tuple[Line, ...]
    unended: tuple[Line, ...]
    torn: tuple[Torn, ...]


class Ledger:
    """The lab's ledger, as this process writes it. Cheap to construct; threads and forks may share it.

    Args:
        root: the ledger's folder, made when first written to.
        rates: what the lab pays.
    """

    def __init__(self, root: Path, rates: Rates) -> None:
        self.root = root.absolute()
        self.rates = rates

    @contextlib.contextmanager
    def metered(self, work: Work, device: str = "cpu") -> Iterator[Tally]:
        """Measure a task and write its line when it ends, also when it ends in an error; the task fills in the tally.

        Args:
            work: what the task is.
            device: what it computes on: `cpu`, `cuda:0` ...

        Raises:
            RuntimeError: a task is being metered on this thread already; they do not nest.
            OSError: the ledger cannot be written.
        """
        name, tally = uuid.uuid4().hex[:16], Tally()
        with measured(device) as usage:
            self._write(self._line(work, name, "begun", _NOTHING, Tally(), device=device), sync=False)
            try:
                yield tally
            except BaseException as error:
                line = self._line(work, name, "failed", usage(), tally, device=device, error=error)
                try:
                    self._write(line)
                except OSError as second:
                    error.add_note(f"and its ledger line could not be written: {second}")
                raise
            self._write(self._line(work, name, "done", usage(), tally, device=device))

    def hit(self, work: Work, frames: int = 0, megapixel_frames: float = 0.0) -> None:
        """Write the line of a task that was found done: at zero cost, for so many frames."""
        tally = Tally(frames=frames, megapixel_frames=megapixel_frames)
        self._write(self._line(work, uuid.uuid4().hex[:16], "done", _NOTHING, tally, cache_hit=True))

    def read(self) -> Reading:
        """Everything in the ledger, all processes' files."""
        return read(self.root)

    def _line(
        self,
        work: Work,
        name: str,
        status: Literal["begun", "done", "failed"],
        usage: Usage,
        tally: Tally,
        *,
        device: str = "cpu",
        error: BaseException | None = None,
        cache_hit: bool = False,
    ) -> Line:
        return Line(
            **work.model_dump(),
            **usage.model_dump(),
            **vars(tally),
            id=name,
            time=datetime.now(UTC),
            status=status,
            error=None if error is None else f"{type(error).__name__}: {error}"[:500],
            cache_hit=cache_hit,
            device=device,
            host=socket.gethostname(),
            money=price(usage, self.rates),
            currency=self.rates.currency,
            rates=self.rates.version,
        )

    def _write(self, line: Line, *, sync: bool = True) -> None:
        data = line.model_dump_json().encode() + b"\n"
        with _lock:
            file = _files.get((os.getpid(), self.root))
            if file is None or not file.path.exists():
                file = _files[os.getpid(), self.root] = _File(self.root)
            file.append(data, sync=sync)


def price(usage: Usage, rates: Rates) -> float:
    """What it cost at the lab's rates: CPU and GPU hours, and energy where it was metered."""
    hours = usage.cpu_s * rates.cpu_hour + (usage.gpu_s or 0) * rates.gpu_hour
    return hours / 3600 + (usage.energy_j or 0) / JOULES_PER_KWH * rates.kwh


def read(root: Path) -> Reading:
    """A ledger's lines, of all processes and hosts, in order of time; what cannot be read is named beside them."""
    ended: dict[str, Line] = {}
    begun: dict[str, Line] = {}
    torn: list[Torn] = []
    for path in sorted(root.glob("*.jsonl")):
        for number, text in enumerate(path.read_bytes().split(b"\n"), 1):
            if not text:
                continue
            try:
                line = Line.model_validate_json(text)
            except ValidationError:
                torn.append(Torn(path, number, text[:200].decode(errors="replace")))
                continue
            (begun if line.status == "begun" else ended)[line.id] = line
    return Reading(
        lines=tuple(sorted(ended.values(), key=_when)),
        unended=tuple(sorted((line for line in begun.values() if line.id not in ended), key=_when)),
        torn=tuple(torn),
    )


def _when(line: Line) -> tuple[datetime, str]:
    return line.time, line.id


class _File:
    """This process's file in one ledger; never written by another, never reopened once the process is gone."""

    def __init__(self, root: Path) -> None:
        root.mkdir(parents=True, exist_ok=True)
        start = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%f")
        self.path = root / f"{socket.gethostname()}-{os.getpid()}-{start}.jsonl"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
        self._descriptor = os.open(self.path, flags, 0o644)
        self._torn = False
        folder = os.open(root, os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)

    def append(self, data: bytes, *, sync: bool) -> None:
        if self._torn:
            data = b"\n" + data
        self._torn = True
        written = os.write(self._descriptor, data)
        if written != len(data):
            raise OSError(f"the ledger {self.path} took {written} of {len(data)} bytes of a line: is the disk full?")
        self._torn = False
        if sync:
            os.fsync(self._descriptor)


_files: dict[tuple[int, Path], _File] = {}
_lock = threading.Lock()
# A child forked while another thread writes would wait for that thread's lock forever.
os.register_at_fork(before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_lock.release)
