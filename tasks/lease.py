"""A lease on a reel: two runs of one reel do not meet. The kernel frees it when its holder dies, however it dies."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class Busy(RuntimeError):
    """Another process is restoring this reel in this lab."""


@contextmanager
def leased(root: Path, reel: str) -> Iterator[None]:
    """Hold a reel for as long as the block runs; on one host.

    Raises:
        Busy: somebody else holds it.
    """
    root.mkdir(parents=True, exist_ok=True)
    with (root / f"{reel}.lock").open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            holder = file.read().strip() or "an unknown process"
            raise Busy(f"{reel} is being restored by {holder}; wait for it, or stop it and run this again") from error
        file.truncate(0)
        file.write(f"process {os.getpid()}")
        file.flush()
        yield


def is_leased(root: Path, reel: str) -> bool:
    """Whether somebody holds the reel now."""
    place = root / f"{reel}.lock"
    if not place.exists():
        return False
    with place.open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
