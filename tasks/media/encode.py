"""Write the frames of one chunk as one segment of a master.

The same codes give the same bytes, run after run: no dates, no random identifiers, a fixed number of encoder threads
where the codec's decisions depend on it. A segment appears under its name only when it is whole, synced and counted.
"""

import hashlib
import os
from pathlib import Path
from types import TracebackType
from typing import Self

import av
import numpy as np

from tasks.media.coding import Codes, Ffv1Spec, Hdr10Spec, OriginSpec, SdrSpec, Spec
from tasks.media.ffmpeg import EncodeError, Ffmpeg

__all__ = ["Codes", "Ffv1Spec", "Hdr10Spec", "OriginSpec", "SdrSpec", "SegmentWriter", "Spec", "frame_count"]


class SegmentWriter:
    """A segment being written: a block that ends well leaves a whole file at `path`, any other leaves none.

    Attributes:
        frames: how many pictures have been written.
        digests: for lossless specs the MD5 of each picture's bytes as fed, equal to ffmpeg's framemd5 of the segment.

    Raises:
        EncodeError: ffmpeg failed, for one on a full disk, or the file does not hold what was fed.
    """

    def __init__(self, path: Path, spec: Spec, *, stall_seconds: float = 600) -> None:
        self.path = path
        self.spec = spec
        self.frames = 0
        self.digests: list[str] = []
        self._part = path.with_name(path.name + ".part")
        self._ffmpeg = Ffmpeg(spec.arguments(self._part), stall_seconds=stall_seconds)

    def __enter__(self) -> Self:
        self._ffmpeg.__enter__()
        return self

    def write(self, codes: Codes) -> None:
        """Append a picture.

        Args:
            codes: `(H, W, 3)` red, green, blue (the origin map: `(H, W)`), uint8 up to 8 bit, uint16 above.

        Raises:
            ValueError: its shape, type or greatest code does not fit the spec.
            EncodeError: ffmpeg has ended or stalled.
        """
        data = self.spec.packed(_fitting(codes, self.spec, self.frames))
        if self.spec.lossless:
            self.digests.append(hashlib.md5(data, usedforsecurity=False).hexdigest())
        self._ffmpeg.write(data)
        self.frames += 1

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        try:
            if kind is None:
                if self.frames == 0:
                    raise EncodeError(f"no frame was written to {self.path}: a segment has at least one")
                self._ffmpeg.finish()
                self._publish()
        finally:
            self._ffmpeg.__exit__(kind, error, at)
            self._part.unlink(missing_ok=True)

    def _publish(self) -> None:
        found = frame_count(self._part)
        if found != self.frames:
            raise EncodeError(f"{self.path} holds {found} frames, but {self.frames} were written")
        with self._part.open("rb") as file:
            os.fsync(file.fileno())
        self._part.replace(self.path)


def frame_count(path: Path) -> int:
    """Frames in a movie file, counted packet by packet: what headers say is not trusted.

    Raises:
        EncodeError: it cannot be read as Matroska or MP4.
    """
    options = {"protocol_whitelist": "file", "format_whitelist": "matroska,mov"}
    try:
        with av.open(f"file:{path.absolute()}", options=options) as container:
            return sum(1 for packet in container.demux(container.streams.video[0]) if packet.size)
    except (av.FFmpegError, IndexError) as error:
        raise EncodeError(f"{path} is not a whole movie file: {error}") from error


def _fitting(codes: Codes, spec: Spec, number: int) -> Codes:
    shape = (spec.height, spec.width) if isinstance(spec, OriginSpec) else (spec.height, spec.width, 3)
    dtype = np.uint8 if spec.bits == 8 else np.uint16
    if codes.shape != shape or codes.dtype != dtype:
        raise ValueError(
            f"frame {number} of the segment is {codes.dtype} {codes.shape}, the {spec.kind} master takes "
            f"{np.dtype(dtype)} {shape}"
        )
    if spec.bits not in {8, 16} and int(codes.max()) >> spec.bits:
        raise ValueError(f"frame {number} of the segment holds code {codes.max()}, more than {spec.bits} bits")
    return codes
