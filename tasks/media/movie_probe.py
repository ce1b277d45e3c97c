"""Look at a movie before any work: decode it once, and take the digest of every picture and of the file."""

import hashlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import av.logging
from av.video.frame import VideoFrame

from manifests.reel import Reel
from restorers.colorspace import Space
from tasks.media import Fault, FaultKind, Unreadable
from tasks.media.faults import accepted, disagrees
from tasks.media.index import FrameEntry, MovieFacts, ScanIndex
from tasks.media.movie import (
    Pixels,
    is_pq,
    opened,
    picture_digest,
    picture_stream,
    pictures,
    pixels_of,
    stated_frames,
    stated_rate,
    stated_timecode,
)

_listening = threading.Lock()


@dataclass
class _Movie:
    """What came to light while a movie was decoded."""

    file: str
    codec: str = ""
    stream: int = 0
    time_base: Fraction = Fraction(1)
    rate: Fraction | None = None
    timecode: str | None = None
    stated: int | None = None
    form: str = ""
    pixels: Pixels | None = None
    decoded: int = 0
    entries: list[FrameEntry] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)

    def fault(self, kind: FaultKind, number: int, found: str, *, allowable: bool = False) -> None:
        self.faults.append(Fault(kind, number, number, self.file, found, allowable))


def indexed_movie(
    reel: Reel, file: str, path: Path, *, on_frame: Callable[[int, int], None] | None = None
) -> ScanIndex:
    """A movie's frame list; its frames are counted from 0, and `first` and `last` choose among them.

    Args:
        reel: the manifest.
        file: the movie relative to its vault root.
        path: where it lies.
        on_frame: called with (frames done, frames in all).

    Raises:
        ScanFaults: something is wrong that the manifest does not allow, or that no manifest can.
    """
    movie = _Movie(file)
    try:
        _decode(movie, reel, path, on_frame)
    except Unreadable as error:
        movie.fault("unreadable", movie.decoded, str(error))
    else:
        _compare(movie, reel)
    warnings = accepted(reel, movie.faults)
    pixels = movie.pixels
    assert pixels is not None  # or there were faults
    yuv = pixels.color == "yuv"
    with path.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
    depth = 16 if yuv else pixels.depth
    return ScanIndex(
        reel=reel.id,
        kind="movie",
        format="movie",
        frames=tuple(movie.entries),
        width=pixels.size[1],
        height=pixels.size[0],
        bit_depth=reel.scan.bit_depth or depth,
        stored_depth=depth,
        channels=1 if pixels.color == "gray" else 3,
        layout=f"{movie.codec} {movie.form}" + (f", {pixels.matrix} YUV read as RGB of 16 bit" if yuv else ""),
        fps=reel.scan.fps if reel.scan.fps and movie.rate and not disagrees(movie.rate, reel.scan.fps) else movie.rate,
        timecode=movie.timecode,
        movie=MovieFacts(
            size=path.stat().st_size,
            digest=digest,
            stream=movie.stream,
            time_base=movie.time_base,
            codec=movie.codec,
            pixels=movie.form,
            matrix=pixels.matrix,
            full_range=pixels.full_range,
        ),
        warnings=(*warnings, *pixels.notes),
    )


def _decode(movie: _Movie, reel: Reel, path: Path, on_frame: Callable[[int, int], None] | None) -> None:
    first = reel.scan.first or 0
    with opened(path) as container:
        stream = picture_stream(container)
        packets = sum(1 for packet in container.demux(stream) if packet.size)
    with opened(path) as container, _complaints() as complaints:
        stream = picture_stream(container)
        movie.codec, movie.stream = stream.codec_context.name, stream.index
        movie.time_base = Fraction(stream.time_base or 1)
        movie.rate = stated_rate(stream)
        movie.timecode = stated_timecode(container, stream)
        movie.stated = stated_frames(container, stream, movie.rate)
        last = reel.scan.last if reel.scan.last is not None else packets - 1
        for number, frame in enumerate(pictures(container, stream)):
            if number > last:
                break
            if number == 0:
                movie.form, movie.pixels = frame.format.name, pixels_of(frame, movie.codec)
                _check_space(movie, reel, frame)
            movie.decoded = number + 1
            if number >= first:
                _enter(movie, number, frame)
            if on_frame is not None:
                on_frame(number + 1, last + 1)
        else:
            if movie.decoded != packets:
                what = f"{packets} pictures lie in the file and {movie.decoded} of them can be decoded"
                movie.fault("truncated", movie.decoded, what)
            elif movie.stated is not None and reel.scan.last is None and movie.decoded < movie.stated - 1:
                what = f"the file ends after {movie.decoded} of the {movie.stated} frames that its container speaks of"
                movie.fault("truncated", movie.decoded, what, allowable=True)
    for text in dict.fromkeys(complaints):
        movie.fault("unreadable", movie.decoded - 1, f"the decoder complains by frame {movie.decoded - 1}: {text}")


def _enter(movie: _Movie, number: int, frame: VideoFrame) -> None:
    assert movie.pixels is not None
    if (frame.height, frame.width) != movie.pixels.size or frame.format.name != movie.form:
        height, width = movie.pixels.size
        what = (
            f"is {frame.width}x{frame.height} {frame.format.name}, the frames before are {width}x{height} {movie.form}"
        )
        movie.fault("size-change", number, what)
    if frame.interlaced_frame:
        movie.fault("unreadable", number, "is interlaced; scans of film have whole frames")
    if frame.pts is None or (movie.entries and frame.pts <= (movie.entries[-1].pts or 0)):
        movie.fault("unreadable", number, f"has the time {frame.pts}, not one after the frame before")
    digest, size = picture_digest(frame)
    movie.entries.append(FrameEntry(number=number, file=movie.file, size=size, digest=digest, pts=frame.pts))


def _check_space(movie: _Movie, reel: Reel, frame: VideoFrame) -> None:
    if is_pq(frame) and reel.scan.space is not Space.PQ:
        what = f"says it is PQ (SMPTE ST 2084), the manifest says {reel.scan.space}; write rec2100-pq"
        movie.fault("unreadable", 0, what)
    if reel.scan.bit_depth is not None and movie.pixels is not None:
        yuv, depth = movie.pixels.color == "yuv", movie.pixels.depth
        if yuv or reel.scan.bit_depth > depth:
            found = "YUV, which is read as RGB of 16 bit" if yuv else f"{depth} bit"
            movie.fault(
                "unreadable", 0, f"the manifest's 'bit_depth' {reel.scan.bit_depth} does not fit: it is {found}"
            )


def _compare(movie: _Movie, reel: Reel) -> None:
    scan = reel.scan
    if not movie.entries or (scan.last is not None and movie.entries[-1].number < scan.last):
        wanted = f"{scan.first or 0}-{'' if scan.last is None else scan.last}"
        what = f"has the frames 0-{movie.decoded - 1}, the manifest asks for {wanted}; correct 'first' and 'last'"
        movie.fault("truncated", movie.decoded, what)
        return
    if scan.fps is None and movie.rate is None:
        movie.fault("unreadable", 0, "does not say how fast it runs; give 'fps' in the manifest")
        return
    if scan.fps is not None and movie.rate is not None and disagrees(movie.rate, scan.fps):
        what = f"the container says {float(movie.rate):.6g} frames a second, the manifest {scan.fps}"
        movie.fault("fps-mismatch", movie.entries[0].number, what, allowable=True)
    if movie.rate is not None:
        _check_evenness(movie, movie.rate)


def _check_evenness(movie: _Movie, rate: Fraction) -> None:
    start = movie.entries[0]
    for entry in movie.entries:
        late = ((entry.pts or 0) - (start.pts or 0)) * movie.time_base - (entry.number - start.number) / rate
        if abs(late) * rate > Fraction(1, 2):
            what = (
                f"comes {float(late):+.3f} s from its place at {float(rate):.6g} frames a second: they are not evenly "
                "spaced; as film they are shown one after the other"
            )
            movie.fault("fps-mismatch", entry.number, what, allowable=True)
            return


@contextmanager
def _complaints() -> Iterator[list[str]]:
    """What FFmpeg's decoders complain of meanwhile: the only sign that they give of a slice checksum being wrong."""
    texts: list[str] = []
    with _listening:
        before = av.logging.get_level()
        av.logging.set_level(av.logging.ERROR)
        try:
            with av.logging.Capture(local=False) as lines:
                yield texts
            texts += [f"{name}: {message.strip()}" for level, name, message in lines if level <= av.logging.ERROR]
        finally:
            av.logging.set_level(before)
