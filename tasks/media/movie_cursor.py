"""A place in a movie: decodes on from where it stands, finds another place when asked, and proves what it decoded."""

from bisect import bisect_left
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from av.video.frame import VideoFrame
from numpy.typing import NDArray

from tasks.media import Altered, Unreadable
from tasks.media.index import FrameEntry, ScanIndex
from tasks.media.movie import codes, opened, picture_digest, picture_stream, pictures

_NEAR = 32  # frames that are decoded and passed over rather than sought across


class MovieCursor:
    """Reads one movie from several places, one thread at a time.

    What the last read gave is kept, because windows overlap by the halo of their layers.
    """

    def __init__(self, path: Path, index: ScanIndex) -> None:
        if index.movie is None:
            raise ValueError(f"the scan of reel {index.reel} is not a movie")
        self._path = path
        self._entries = index.frames
        self._facts = index.movie
        self._numbers = [entry.number for entry in index.frames]
        self._kept: dict[int, NDArray[Any]] = {}
        self._frames: Iterator[VideoFrame] | None = None
        self._next = 0

    def distance(self, number: int) -> int:
        """How far it has to go to a frame: 0 at hand, small ahead, far behind or not opened."""
        if number in self._kept:
            return 0
        ahead = number - self._next
        return ahead if self._frames is not None and 0 <= ahead <= _NEAR else 1_000_000

    def codes(self, numbers: range) -> Iterator[NDArray[Any]]:
        """Codes `(3, H, W)` of each frame in turn.

        Raises:
            Altered: a frame does not decode to the picture that was indexed.
        """
        kept, self._kept = self._kept, {}
        for number in numbers:
            picture = kept.get(number)
            if picture is None:
                picture = self._decoded(self._entries[bisect_left(self._numbers, number)])
            self._kept[number] = picture
            yield picture

    def _decoded(self, entry: FrameEntry) -> NDArray[Any]:
        if self._frames is None or not 0 <= entry.number - self._next <= _NEAR:
            self._open(entry.pts)
        found = self._until(entry)
        if found is None:
            # Streams without clean entry points (open groups of pictures, rolling refresh) must be run through.
            self._open(None)
            found = self._until(entry)
        if found is None:
            self._frames = None
            raise Altered(
                f"does not decode to the picture with sha256 {entry.digest}, as it did when it was indexed; bring back "
                "the file as it was, or ingest the scan again"
            )
        self._next = entry.number + 1
        return codes(found, self._facts)

    def _until(self, entry: FrameEntry) -> VideoFrame | None:
        """The next picture of that time, if it is the one that was indexed."""
        try:
            for frame in self._frames or ():
                if frame.pts == entry.pts and picture_digest(frame)[0] == entry.digest:
                    return frame
                if frame.pts is not None and entry.pts is not None and frame.pts >= entry.pts:
                    return None
        except Unreadable:
            return None
        return None

    def _open(self, pts: int | None) -> None:
        self._frames = None
        container = opened(self._path)
        stream = picture_stream(container)
        if pts is not None:
            container.seek(pts, stream=stream)
        self._frames = pictures(container, stream)
