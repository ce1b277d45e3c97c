"""What may go wrong with the work on a reel: points where tests kill it, and which errors another try may cure.

Deliberate failure. The promise "`kill -9` at any moment, then the same command" is tested by dying at the moments that
matter. Code calls `reached("render.publish")`; with `REELWRIGHT_KILL_AT=render.publish` in the environment (or
`render.publish:3` for the third time) the process sends itself SIGKILL there. Otherwise the call costs one dictionary
look-up.

Retry policy. `CURES` is the whole of it, read from the top: the first row that fits an error, or else the error it was
raised from, decides. What no row fits is not retried: the same frames and settings give the same error again.
"""

import errno
import os
import signal
import subprocess
import threading
from collections import Counter
from concurrent.futures import BrokenExecutor
from dataclasses import dataclass
from typing import Any

import torch

from restorers.restorer import MissingWeights
from tasks.media.ffmpeg import EncodeError
from tasks.store import Corrupt

KILL_AT = "REELWRIGHT_KILL_AT"

POINTS = (
    "store.written",  # an object's bytes are in a temporary file, not yet on the disk for certain
    "store.before-rename",  # safe on the disk, still under the temporary name
    "store.after-rename",  # under its own name, which the folder may still forget in a power cut
    "store.before-record",  # every artifact of a recipe is kept, its record is not
    "store.after-record",  # the record is known, nobody has been told
    "ingest.publish",
    "cut.publish",
    "examine.*.publish",  # one a treatment: examine.decay.publish
    "edit.*.publish",  # one a treatment that a person has edited: edit.repair.publish
    "render.publish",
    "measure.publish",
    "package.publish",
)
"""Every point there is; `*` stands for one word. `<stage>.publish` lies just before a stage's record is published."""

_counts: Counter[str] = Counter()
_lock = threading.Lock()


def reached(point: str) -> None:
    """Die here by SIGKILL if the environment asks for it.

    Raises:
        ValueError: somebody asks for a kill while `point` is none of `POINTS`, so that a misspelled one is noticed.
    """
    wanted = os.environ.get(KILL_AT)
    if not wanted:
        return
    if not any(_fits(point, known) for known in POINTS):
        raise ValueError(f"{point!r} is not one of the failure points in tasks.failures.POINTS")
    name, _, nth = wanted.partition(":")
    if name != point:
        return
    with _lock:
        _counts[point] += 1
        count = _counts[point]
    if count == int(nth or 1):
        os.kill(os.getpid(), signal.SIGKILL)


@dataclass(frozen=True)
class Cure:
    """One row of the retry policy."""

    error: type[BaseException]
    tries: int
    """How many tries beyond the first are worth it; 0 for never."""
    why: str
    errnos: frozenset[int] = frozenset()
    """For an OSError: only these numbers. Empty for all."""

    def fits(self, error: BaseException) -> bool:
        """Whether this row speaks of the error."""
        if not isinstance(error, self.error):
            return False
        return not self.errnos or (isinstance(error, OSError) and error.errno in self.errnos)


CURES = (
    Cure(MissingWeights, 0, "the file is still missing, or still not the one pinned, a second later"),
    Cure(Corrupt, 2, "the bad object is in quarantine now: the next try finds it gone and makes it again"),
    Cure(EncodeError, 1, "ffmpeg was killed, perhaps for memory, or stalled on a busy machine; twice is a fault"),
    Cure(subprocess.TimeoutExpired, 1, "a busy machine; twice is a hang"),
    Cure(TimeoutError, 2, "a busy machine or server"),
    Cure(ConnectionError, 3, "the other end restarts or the network comes back"),
    Cure(BrokenExecutor, 1, "a worker process was killed from outside, often for memory that is free again"),
    Cure(MemoryError, 1, "a neighboring task may have let go of its window; twice means the window is too large"),
    Cure(torch.OutOfMemoryError, 1, "as above, on the GPU"),
    Cure(
        OSError,
        2,
        "a disk, a cable or a network share that may answer again",
        frozenset({errno.EIO, errno.ESTALE, errno.EREMOTEIO, errno.ENODEV, errno.ENXIO}),
    ),
    Cure(
        OSError,
        3,
        "the network may come back",
        frozenset({errno.ENETDOWN, errno.ENETUNREACH, errno.EHOSTDOWN, errno.EHOSTUNREACH, errno.ENETRESET}),
    ),
    Cure(
        OSError,
        2,
        "somebody else holds it now and will let go",
        frozenset({errno.EAGAIN, errno.EBUSY, errno.EINTR, errno.EMFILE, errno.ENFILE, errno.ENOLCK, errno.ETXTBSY}),
    ),
    Cure(OSError, 0, "a full disk, a missing file or a refused permission waits for a person, not for a second"),
    Cure(ValueError, 0, "a wrong manifest, setting or file is as wrong the second time (pydantic's error is one)"),
    Cure(TypeError, 0, "a mistake of ours"),
    Cure(LookupError, 0, "a mistake of ours, or an object that the store does not hold"),
    Cure(AssertionError, 0, "a mistake of ours"),
    Cure(ImportError, 0, "a library is not installed"),
    Cure(NotImplementedError, 0, "what is not there will not be there in a second"),
)


def cure(error: BaseException) -> Cure | None:
    """The row that decides about an error: its own, or that of the error it was raised from; None when none speaks."""
    link: BaseException | None = error
    seen: set[int] = set()
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        for row in CURES:
            if row.fits(link):
                return row
        link = link.__cause__
    return None


def curable(error: BaseException) -> bool:
    """Whether another try may cure the error.

    >>> curable(ConnectionResetError()), curable(ValueError("fps"))
    (True, False)
    """
    row = cure(error)
    return row is not None and row.tries > 0


def retry_condition(task: Any, task_run: Any, state: Any) -> bool:
    """Prefect's `retry_condition_fn`: whether the run that ended in `state` may be tried again.

    Prefect's `retries` is the upper bound, the row's `tries` the other: set `retries` to the largest in `CURES`.
    """
    del task
    error = state.data if isinstance(state.data, BaseException) else state.result(raise_on_failure=False)
    row = cure(error) if isinstance(error, BaseException) else None
    return row is not None and task_run.run_count <= row.tries


RETRIES = max(row.tries for row in CURES)
"""What to give Prefect as `retries`."""


def _fits(point: str, known: str) -> bool:
    words, pattern = point.split("."), known.split(".")
    return len(words) == len(pattern) and all(k in (w, "*") for w, k in zip(words, pattern, strict=True))
