"""Scans held as a movie: which containers and codecs are read, and the codes of their pictures, by PyAV."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import av
import numpy as np
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from tasks.media import Unreadable
from tasks.media.index import MovieFacts
from tasks.media.yuv import Matrix, rgb_codes

# Without these, FFmpeg opens network addresses and scripts that name other files.
_ONLY = {"protocol_whitelist": "file", "format_whitelist": "matroska,webm,mov,mp4,m4a,3gp,3g2,mj2,mxf,avi"}
_CODECS = {"ffv1", "prores", "h264", "hevc", "jpeg2000", "dnxhd", "v210", "rawvideo", "av1", "libdav1d"}
_PACKED = {"rgb24": (0, 1, 2), "bgr24": (2, 1, 0), "bgr0": (2, 1, 0), "bgra": (2, 1, 0), "rgb48le": (0, 1, 2)}
_MATRICES: dict[int, Matrix] = {1: "bt709", 5: "bt601", 6: "bt601", 9: "bt2020"}
_UNSAID, _PQ, _HLG = 2, 16, 18


@dataclass(frozen=True)
class Pixels:
    """What a movie's pictures are made of.

    Attributes:
        size: height and width in pixels.
        depth: bits per code as stored.
        color: RGB, gray or YUV codes.
        alpha: whether there is alpha, which is left out.
        matrix: of YUV, as declared or assumed.
        full_range: of YUV, as declared or assumed.
        notes: what was assumed, for the report.
    """

    size: tuple[int, int]
    depth: int
    color: Literal["rgb", "gray", "yuv"]
    alpha: bool
    matrix: Matrix | None
    full_range: bool
    notes: tuple[str, ...]


def opened(path: Path) -> InputContainer:
    """The container, opened for reading from this file alone.

    Raises:
        Unreadable: it is not one of the containers that are read.
    """
    try:
        return av.open(f"file:{path}", mode="r", options=_ONLY)
    except (av.error.FFmpegError, UnicodeError) as error:
        raise Unreadable(f"is not a Matroska, MOV, MP4, MXF or AVI file that can be opened ({error})") from error


def picture_stream(container: InputContainer) -> VideoStream:
    """The one stream of pictures, set up to be decoded.

    Raises:
        Unreadable: there is none, more than one, or its codec is not among those that give every machine one result.
    """
    streams = [s for s in container.streams.video if "ATTACHED_PIC" not in str(s.disposition).upper()]
    if len(streams) != 1:
        raise Unreadable(f"holds {len(streams)} streams of pictures; one is read")
    stream = streams[0]
    codec = stream.codec_context.name if stream.codec_context is not None else "unknown"
    if codec not in _CODECS:
        raise Unreadable(f"is coded as {codec}; {', '.join(sorted(_CODECS))} are read")
    # Threads by slice, not by frame: the latter may complain while the decoder is closed, and wait for each other.
    stream.thread_type = "SLICE"
    return stream


def pixels_of(frame: VideoFrame, codec: str) -> Pixels:
    """What a movie's first picture says about its pixels.

    Raises:
        Unreadable: they cannot be read exactly; says which property made it so.
    """
    form = frame.format
    if frame.interlaced_frame:
        raise Unreadable("is interlaced; scans of film have whole frames")
    if not form.is_planar and form.name not in _PACKED and not form.name.startswith("gray"):
        raise Unreadable(f"has pixels of the kind {form.name}; planar ones and {', '.join(sorted(_PACKED))} are read")
    colors = [c for c in form.components if not c.is_alpha]
    depths = {c.bits for c in colors}
    if len(depths) != 1 or not depths <= {8, 10, 12, 16} or "f" in form.name.removesuffix("le"):
        raise Unreadable(f"has pixels of the kind {form.name}; whole codes of 8, 10, 12 or 16 bit are read")
    color: Literal["rgb", "gray", "yuv"] = "gray" if len(colors) == 1 else "rgb" if form.is_rgb else "yuv"
    if color == "gray" and codec not in {"ffv1", "jpeg2000", "rawvideo"}:
        raise Unreadable(f"is gray {codec}, whose range is not said; gray is read from FFV1, JPEG 2000 and raw video")
    if frame.color_trc == _HLG:
        raise Unreadable("is HLG (ARIB STD-B67), for which a scan has no space")
    alpha = len(form.components) > len(colors) and form.name != "bgr0"
    notes = ["the alpha channel is left out"] if alpha else []
    if frame.rotation:
        notes.append(f"the container asks for a turn by {frame.rotation} degrees; it is not applied")
    matrix, full = _matrix(frame, notes) if color == "yuv" else (None, True)
    return Pixels((frame.height, frame.width), depths.pop(), color, alpha, matrix, full, tuple(notes))


def picture_digest(frame: VideoFrame) -> tuple[str, int]:
    """sha256 over a picture's planes as decoded, without padding or conversion, and the bytes it was taken of."""
    digest, size = hashlib.sha256(), 0
    for plane in _planes(frame):
        digest.update(plane.data)
        size += plane.nbytes
    return digest.hexdigest(), size


def codes(frame: VideoFrame, facts: MovieFacts) -> NDArray[Any]:
    """The codes `(3, H, W)` of a picture: its own where they are RGB or gray, 16 bit where they are YUV."""
    planes = _planes(frame)
    form = frame.format
    if form.name in _PACKED:
        return np.ascontiguousarray(np.moveaxis(planes[0], -1, 0)[list(_PACKED[form.name])])
    ordered = [planes[c.plane] for c in form.components if not c.is_alpha]
    if facts.matrix is None:
        return np.stack(ordered if len(ordered) == 3 else ordered * 3).astype(f"=u{ordered[0].itemsize}")
    depth = form.components[0].bits
    return rgb_codes(*ordered, depth=depth, matrix=facts.matrix, full_range=facts.full_range)


def pictures(container: InputContainer, stream: VideoStream) -> Iterator[VideoFrame]:
    """Every picture from where the container stands, in the order of showing.

    Raises:
        Unreadable: the decoder gives up.
    """
    try:
        yield from container.decode(stream)
    except av.error.FFmpegError as error:
        raise Unreadable(f"cannot be decoded ({error})") from error


def stated_rate(stream: VideoStream) -> Fraction | None:
    """Frames a second as the container says; MXF and Matroska do not fill in every field."""
    for rate in (stream.guessed_rate, stream.base_rate, stream.average_rate):
        if rate:
            return Fraction(rate)
    return None


def stated_frames(container: InputContainer, stream: VideoStream, rate: Fraction | None) -> int | None:
    """How many frames the container says there are; None where it does not say."""
    if stream.frames:
        return stream.frames
    if rate is None:
        return None
    text = {key.upper(): value for key, value in stream.metadata.items()}.get("DURATION")
    if text is not None:
        hours, minutes, seconds = text.split(":")
        return round((int(hours) * 3600 + int(minutes) * 60 + Fraction(seconds)) * rate)
    if container.duration is not None and len(container.streams) == 1:
        return round(Fraction(container.duration, 1_000_000) * rate)
    return None


def stated_timecode(container: InputContainer, stream: VideoStream) -> str | None:
    """Time code of the first frame; its name differs in case from container to container."""
    for metadata in (container.metadata, stream.metadata):
        for key, value in metadata.items():
            if key.lower() == "timecode":
                return value
    return None


def _planes(frame: VideoFrame) -> list[NDArray[Any]]:
    form = frame.format
    wide = max(c.bits for c in form.components) > 8
    kind = np.dtype((">u2" if form.is_big_endian else "<u2") if wide else "u1")
    samples = 1
    if form.name in _PACKED:
        samples = 4 if form.name in {"bgr0", "bgra"} else 3
    planes = []
    for plane in frame.planes:
        lines = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)[: plane.height]  # type: ignore[call-overload]
        array = np.ascontiguousarray(lines[:, : plane.width * samples * kind.itemsize]).view(kind)
        planes.append(array.reshape(plane.height, plane.width, samples) if samples > 1 else array)
    return planes


def _matrix(frame: VideoFrame, notes: list[str]) -> tuple[Matrix, bool]:
    said = int(frame.colorspace)
    if said == _UNSAID:
        matrix: Matrix = "bt709" if frame.height >= 720 else "bt601"
        notes.append(f"the file does not say its YUV matrix; {matrix} is assumed for {frame.height} lines")
    elif said in _MATRICES:
        matrix = _MATRICES[said]
    else:
        raise Unreadable(f"has the YUV matrix {said}; BT.601, BT.709 and BT.2020 are read")
    full = frame.format.name.startswith("yuvj") or int(frame.color_range) == 2
    if not full and int(frame.color_range) == 0:
        notes.append("the file does not say its range; the legal one (16-235) is assumed")
    if int(frame.color_primaries) not in {1, _UNSAID, 5, 6} and int(frame.color_trc) != _PQ:
        notes.append(f"its primaries (number {int(frame.color_primaries)}) are taken for those of BT.709")
    return matrix, full


def is_pq(frame: VideoFrame) -> bool:
    """Whether a picture says that it is SMPTE ST 2084."""
    return int(frame.color_trc) == _PQ
