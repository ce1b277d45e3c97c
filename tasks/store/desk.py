"""Where a process writes before a thing is published: a desk under tmp/, locked for as long as the process lives.

The kernel frees the lock when the process dies, however it dies, so that the next process knows which desks to sweep,
on this host or on another that shares the disk. Names carry host and process for people; nothing relies on them.
"""

import contextlib
import errno
import fcntl
import logging
import os
import shutil
import socket
import threading
import uuid
from pathlib import Path

log = logging.getLogger(__name__)

_desks: dict[tuple[int, Path], tuple[Path, int]] = {}
_lock = threading.Lock()
# A child forked while another thread opens a desk would wait for that thread's lock forever.
os.register_at_fork(before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_lock.release)


def desk(root: Path) -> Path:
    """This process's own folder under tmp/, locked while it lives; made, and the dead ones' swept, on first use."""
    with _lock:
        known = _desks.get((os.getpid(), root))
        if known is not None and known[0].is_dir():
            return known[0]
        (root / "tmp").mkdir(parents=True, exist_ok=True)
        _sweep(root / "tmp")
        while True:
            place = root / "tmp" / f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
            place.mkdir()
            try:
                descriptor = _locked(place)
            except FileNotFoundError:
                continue
            if descriptor is not None and place.is_dir():
                _desks[os.getpid(), root] = (place, descriptor)
                return place
            if descriptor is not None:
                os.close(descriptor)


def _sweep(folder: Path) -> None:
    for place in folder.iterdir():
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            descriptor = _locked(place)
            if descriptor is not None:
                log.info("sweeping %s, whose process is gone", place)
                shutil.rmtree(place, ignore_errors=True)
                os.close(descriptor)


def _locked(place: Path) -> int | None:
    """A descriptor that holds the lock of a desk; None while another process holds it."""
    descriptor = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
            return None
        raise
    return descriptor
