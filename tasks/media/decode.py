"""Frames of an indexed scan, decoded exactly and checked against the digest that ingest took of them.

Most decoders return wrong pixels for a flipped bit without a word, so a frame's digest is taken on every read.
"""

import hashlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Condition
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from restorers.clip import Clip
from restorers.colorspace import PART, Space
from tasks.media import Altered, MediaError, Unreadable, dpx, stills
from tasks.media.index import FrameEntry, ScanIndex
from tasks.media.movie_cursor import MovieCursor
from tasks.media.vault import resolve


def opened_source(
    index: ScanIndex, space: Space, roots: Sequence[Path], *, workers: int = 1
) -> "SequenceSource | MovieSource":
    """The scan as a source of clips; several threads may read it at once.

    Args:
        index: the frame list that `probe.indexed` gave.
        space: what the codes mean, from the manifest.
        roots: vault roots, opened read-only.
        workers: frames of a sequence decoded at once; readers of a movie that stand at different places.

    Raises:
        OutsideVault: the movie's path leaves its vault.
        MediaError: the movie is not there.
    """
    if index.kind == "movie":
        return MovieSource(index, space, tuple(roots), max(1, workers))
    return SequenceSource(index, space, tuple(roots), max(1, workers))


def encoded_codes(frames: Tensor, white: float) -> NDArray[np.uint8] | NDArray[np.uint16]:
    """Codes `(T, H, W, 3)` of frames `(T, 3, H, W)`: rounded, clipped to [0, white]; the inverse of reading them.

    Args:
        frames: values with 1.0 at white.
        white: the greatest code, 255 to 65535; codes are uint8 where it is 255, else uint16.

    Raises:
        ValueError: white is no code, or the frames hold what is not a number.

    >>> encoded_codes(torch.full((1, 3, 1, 1), 445 / 1023), 1023).ravel().tolist()
    [445, 445, 445]
    """
    if not 255 <= white <= 65535:
        raise ValueError(f"white is a code between 255 and 65535, not {white}: scans in floating point have no codes")
    t, _, h, w = frames.shape
    codes = np.empty((t, h, w, 3), np.uint8 if white == 255 else np.uint16)
    lines = max(PART // (3 * w), 1) if frames.device.type == "cpu" else h
    for code, frame in zip(codes, frames, strict=True):
        for top in range(0, h, lines):  # so few at a time that they stay in the processor's cache
            values = frame[:, top : top + lines] * white
            if torch.isnan(values).any():
                raise ValueError("a frame to be encoded holds values that are not numbers")
            whole = values.round_().clamp_(0, white).permute(1, 2, 0)
            code[top : top + lines] = whole.to("cpu", torch.int32).numpy()
    return codes


@dataclass(frozen=True)
class SequenceSource:
    """A scan held as one file a frame."""

    index: ScanIndex
    space: Space
    roots: tuple[Path, ...]
    workers: int = 1

    @property
    def white(self) -> float:
        """The code that is 1.0 in a clip; 1.0 for scans in floating point."""
        return self.index.white

    def read(self, first: int, stop: int) -> Clip:
        """The frames first <= n < stop as scanned, `code / white`, all of them untouched.

        Raises:
            IndexError: the scan does not hold them all.
            Altered: a frame's bytes are not those that were indexed.
            Unreadable: a frame cannot be decoded, or holds codes beyond white.
        """
        entries = _entries(self.index, first, stop)
        frames = np.empty((len(entries), 3, self.index.height, self.index.width), np.float32)

        def fill(i: int) -> None:
            with _placed(self.index, entries[i]):
                _lay(frames[i], self._codes(entries[i]), self.index)

        if self.workers == 1 or len(entries) == 1:
            for i in range(len(entries)):
                fill(i)
        else:
            with ThreadPoolExecutor(self.workers) as pool:
                list(pool.map(fill, range(len(entries))))
        return Clip(torch.from_numpy(frames), self.space, first)

    def _codes(self, entry: FrameEntry) -> NDArray[Any]:
        path = resolve(entry.file, self.roots)
        if self.index.format == "dpx":
            content = path.read_bytes()
            _verify(content, entry)
            return dpx.codes(content, dpx.layout_of(content[: dpx.HEADER_BYTES], len(content)))
        before = _identity(path)
        _verify(path.read_bytes(), entry)
        codes = stills.codes(path, stills.header(path))
        if _identity(path) != before:
            raise Altered("was written to while it was read")
        return codes


@dataclass
class MovieSource:
    """A scan held as a movie: read by cursors that go on from where they stand, since seeking is dear."""

    index: ScanIndex
    space: Space
    roots: tuple[Path, ...]
    workers: int = 1
    _cursors: list[MovieCursor] = field(default_factory=list, repr=False)
    _free: Condition = field(default_factory=Condition, repr=False)

    def __post_init__(self) -> None:
        path = resolve(self.index.frames[0].file, self.roots)
        self._cursors = [MovieCursor(path, self.index) for _ in range(self.workers)]

    @property
    def white(self) -> float:
        """The code that is 1.0 in a clip."""
        return self.index.white

    def read(self, first: int, stop: int) -> Clip:
        """The frames first <= n < stop as scanned, `code / white`, all of them untouched.

        Raises:
            IndexError: the scan does not hold them all.
            Altered: a frame does not decode to what was indexed.
            Unreadable: a frame holds codes beyond white.
        """
        entries = _entries(self.index, first, stop)
        frames = np.empty((len(entries), 3, self.index.height, self.index.width), np.float32)
        with self._cursor(first) as cursor:
            pictures = cursor.codes(range(first, stop))
            for frame, entry in zip(frames, entries, strict=True):
                with _placed(self.index, entry):
                    _lay(frame, next(pictures), self.index)
        return Clip(torch.from_numpy(frames), self.space, first)

    @contextmanager
    def _cursor(self, first: int) -> Iterator[MovieCursor]:
        with self._free:
            while not self._cursors:
                self._free.wait()
            cursor = min(self._cursors, key=lambda cursor: cursor.distance(first))
            self._cursors.remove(cursor)
        try:
            yield cursor
        finally:
            with self._free:
                self._cursors.append(cursor)
                self._free.notify()


def _entries(index: ScanIndex, first: int, stop: int) -> tuple[FrameEntry, ...]:
    start = index.position(first)
    entries = index.frames[start : start + stop - first] if start is not None else ()
    if not first < stop or len(entries) != stop - first or entries[-1].number != stop - 1:
        runs = ", ".join(f"{run.start}-{run.stop - 1}" for run in index.runs)
        raise IndexError(f"reel {index.reel} does not have all of the frames {first}-{stop - 1}; it has {runs}")
    return entries


@contextmanager
def _placed(index: ScanIndex, entry: FrameEntry) -> Iterator[None]:
    try:
        yield
    except (MediaError, OSError) as error:
        kind = type(error) if isinstance(error, MediaError) else Unreadable
        raise kind(f"reel {index.reel}, frame {entry.number} ({entry.file}): {error}") from error


def _verify(content: bytes, entry: FrameEntry) -> None:
    if (digest := hashlib.sha256(content).hexdigest()) != entry.digest:
        raise Altered(
            f"its sha256 is {digest}, but {entry.digest} when it was indexed ({len(content)} bytes now, {entry.size} "
            "then); bring back the file as it was, or ingest the scan again"
        )


def _identity(path: Path) -> tuple[int, int, int]:
    found = path.stat()
    return found.st_ino, found.st_size, found.st_mtime_ns


def _lay(frame: NDArray[np.float32], codes: NDArray[Any], index: ScanIndex) -> None:
    if codes.shape != frame.shape:
        raise Altered(f"is {codes.shape[2]}x{codes.shape[1]} pixels, not {index.width}x{index.height}")
    if index.floating:
        if not np.isfinite(codes).all():
            bad = int(np.count_nonzero(~np.isfinite(codes)))
            raise Unreadable(f"holds {bad} values that are not finite numbers")
        frame[:] = codes
        return
    if index.bit_depth < index.stored_depth and (greatest := int(codes.max())) > index.white:
        raise Unreadable(f"holds code {greatest}, but the manifest says that the scan has {index.bit_depth} bit")
    np.divide(codes, np.float32(index.white), out=frame, dtype=np.float32)
