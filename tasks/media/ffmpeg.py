"""The one ffmpeg that writes our masters: which it is, and how it is run so that no failure passes unseen.

It is the binary that the imageio-ffmpeg wheel carries, never one of the system: older builds end with status 0 on a
full disk. It is started from an argument list, in a process group of its own, and dies with the task that feeds it:
left alone it would read the end of its input as the end of the film and leave a valid, short master.

Errors: EncodeError(RuntimeError), ffmpeg failed or stalled; carries its command and its last words
"""

import contextlib
import fcntl
import hashlib
import os
import selectors
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import imageio_ffmpeg

# Runs between fork and ffmpeg: asks the kernel for SIGKILL when the parent ends (1 is PR_SET_PDEATHSIG), then becomes
# ffmpeg. A preexec_fn would do the same without the 20 ms, but may deadlock in a process with threads.
_LAUNCHER = (
    "import ctypes, os, sys; ctypes.CDLL(None).prctl(1, 9, 0, 0, 0); "
    "os.getppid() == int(sys.argv[1]) or sys.exit('the parent has ended'); os.execv(sys.argv[2], sys.argv[2:])"
)
_PIPE_BYTES = 1 << 20
_LAST_WORDS = 1 << 14
# One filter thread: error diffusion starts anew at the edge of each thread's slice, so more would change pixels.
_GLOBAL = ("-hide_banner", "-nostats", "-loglevel", "error", "-y", "-filter_threads", "1")


class EncodeError(RuntimeError):
    """ffmpeg failed or stalled; the message holds its command and the end of what it said."""


@lru_cache(maxsize=1)
def binary() -> Path:
    """The ffmpeg that came with the imageio-ffmpeg wheel.

    Raises:
        EncodeError: the wheel carries none for this machine; one of the system is not taken instead.
    """
    folder = Path(imageio_ffmpeg.__file__).parent / "binaries"
    found = sorted(folder.glob("ffmpeg-*"))
    if len(found) != 1:
        raise EncodeError(f"expected one ffmpeg in {folder}, found {len(found)}: reinstall imageio-ffmpeg")
    return found[0]


@lru_cache(maxsize=1)
def fingerprint() -> str:
    """Version and sha256 of the binary, for recipes: another ffmpeg is another master."""
    with binary().open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    first = subprocess.run([binary(), "-version"], capture_output=True, text=True, check=True, timeout=60).stdout
    return f"{first.split()[2]} sha256:{digest}"


def run(arguments: Sequence[str], *, given: bytes = b"", stall_seconds: float = 600) -> tuple[bytes, str]:
    """Run ffmpeg to its end; what it wrote to standard output, and what it complained of at level `error`.

    Args:
        arguments: everything behind the program's name and the global options.
        given: bytes for its standard input.
        stall_seconds: how long it may neither read nor write a byte on a pipe.

    Raises:
        EncodeError: its exit status is not 0, or it stalled.
    """
    with Ffmpeg(arguments, stall_seconds=stall_seconds) as process:
        process.write(given)
        output = process.finish()
    return output, process.complaints


class Ffmpeg:
    """A running ffmpeg that is fed through its standard input; killed if its block is left before `finish`.

    Open it on the thread that will also live until it is closed: the kernel ties its life to that thread.
    """

    def __init__(self, arguments: Sequence[str], *, stall_seconds: float = 600) -> None:
        self.command = (str(binary()), *_GLOBAL, *arguments)
        self.stall_seconds = stall_seconds
        self._output = bytearray()
        self._words = bytearray()
        self._finished = False

    @property
    def complaints(self) -> str:
        """The end of what ffmpeg wrote to standard error so far."""
        return self._words.decode(errors="replace").strip()

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _LAUNCHER, str(os.getpid()), *self.command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            process_group=0,
            env={**os.environ, "AV_LOG_FORCE_NOCOLOR": "1", "LC_ALL": "C"},
        )
        self._selector = selectors.DefaultSelector()
        for pipe, sink in ((self._process.stdout, self._output), (self._process.stderr, self._words)):
            self._selector.register(_unblocked(pipe), selectors.EVENT_READ, sink)
        self._stdin = _unblocked(self._process.stdin)
        with contextlib.suppress(OSError):  # a busy machine may refuse larger pipes; they only save wake-ups
            fcntl.fcntl(self._stdin, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        return self

    def write(self, data: bytes | memoryview) -> None:
        """Feed bytes, all of them.

        Raises:
            EncodeError: ffmpeg ended before it had read them, or stalled.
        """
        rest = memoryview(data).cast("B")
        if not rest:
            return
        self._selector.register(self._stdin, selectors.EVENT_WRITE)
        while rest:
            if self._attended():
                try:
                    rest = rest[os.write(self._stdin.fileno(), rest) :]
                except BlockingIOError:
                    continue
                except BrokenPipeError:
                    self._end()
                    raise self._failure("ended before all frames were fed") from None
        self._selector.unregister(self._stdin)

    def finish(self) -> bytes:
        """End the input and wait; what ffmpeg wrote to standard output.

        Raises:
            EncodeError: its exit status is not 0, or it stalled.
        """
        self._end()
        if self._process.returncode != 0:
            raise self._failure(f"ended with status {self._process.returncode}")
        self._finished = True
        return bytes(self._output)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if not self._finished and self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._selector.close()
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            if pipe is not None:
                pipe.close()

    def _end(self) -> None:
        with contextlib.suppress(KeyError):
            self._selector.unregister(self._stdin)
        self._stdin.close()
        while self._selector.get_map():
            self._attended()
        try:
            self._process.wait(self.stall_seconds)
        except subprocess.TimeoutExpired:
            raise self._failure(f"did not end within {self.stall_seconds:.0f} s") from None

    def _attended(self) -> bool:
        """Wait for a pipe to be ready, take what ffmpeg says; whether it can be fed."""
        limit = time.monotonic() + self.stall_seconds
        ready = self._selector.select(self.stall_seconds)
        if not ready and time.monotonic() >= limit:
            raise self._failure(f"neither read nor wrote for {self.stall_seconds:.0f} s")
        for key, _ in ready:
            if key.data is None:
                continue
            chunk = os.read(key.fd, _PIPE_BYTES)
            if not chunk:
                self._selector.unregister(key.fileobj)
            key.data.extend(chunk)
        del self._words[:-_LAST_WORDS]
        return any(key.data is None for key, _ in ready)

    def _failure(self, what: str) -> EncodeError:
        words = self.complaints or "(nothing)"
        return EncodeError(f"ffmpeg {what}. It said: {words}. Command: {shlex.join(self.command)}")


def _unblocked(pipe: IO[bytes] | None) -> IO[bytes]:
    assert pipe is not None
    os.set_blocking(pipe.fileno(), False)
    return pipe
