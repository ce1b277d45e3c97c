"""Join the segments of a reel into one master without encoding a frame again, and publish it whole or not at all.

Lossless masters and origin maps become Matroska, access copies MP4 with the index in front. The same segments give
the same bytes. HDR10's light levels (CTA-861.3, known only when the last frame is rendered) are written twice: in a
content-light-level message at each key frame (ITU-T H.265 D.2.35) and in the container, where players look first.
"""

import os
import re
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import av
import ffmpeg

from tasks.media.coding import BITEXACT, Ffv1Spec, Hdr10Spec, OriginSpec, SdrSpec, Spec
from tasks.media.encode import frame_count
from tasks.media.ffmpeg import EncodeError, run

_READ = {"protocol_whitelist": "file", "format_whitelist": "matroska,mov"}
_PARAMETER_SETS = frozenset({32, 33, 34})  # VPS, SPS, PPS
_SEI_PREFIX = 39
_CONTENT_LIGHT_LEVEL = 144


def assembled(
    segments: Sequence[Path],
    target: Path,
    spec: Spec,
    *,
    frames: int,
    light: tuple[int, int] | None = None,
    title: str = "",
    timecode: str = "",
) -> Path:
    """One master from its segments, in order; `target`, published under its name only when it is whole and counted.

    Args:
        segments: files that `SegmentWriter` wrote with this spec.
        target: the master's path, `.mkv` for lossless specs and `.mp4` for access copies.
        spec: what all segments were written with.
        frames: how many frames the reel has; the master must hold as many.
        light: MaxCLL and MaxFALL of the whole reel in cd/m2; for HDR10, and only there.
        title: the reel's title, for players.
        timecode: of the first frame, `01:00:00:00`. Matroska keeps any as it is. MP4 counts frames from midnight, so a
            code that does not exist at the reel's rate, `01:00:00:20` at 18 a second, is left out of access copies.

    Raises:
        ValueError: no segments, a wrong suffix, or light levels missing or out of place.
        EncodeError: segments do not belong together, frames are missing, or the disk is full.
    """
    suffix = suffix_of(spec)
    if not segments or target.suffix != suffix:
        raise ValueError(f"a {spec.kind} master is made of at least one segment and named *{suffix}, not {target.name}")
    if (light is not None) != isinstance(spec, Hdr10Spec):
        raise ValueError(f"light levels belong to hdr10, which needs them; this is {spec.kind} with {light}")
    if timecode:
        _timecode(timecode)
    _alike(segments)
    part, spliced = (target.with_name(f".{target.name}.{kind}") for kind in ("part", "spliced"))
    try:
        if isinstance(spec, Ffv1Spec | OriginSpec):
            run(_matroska(part, spec.fps, title, timecode), given=_listed(segments))
        else:
            _splice(segments, spliced, spec, light)
            kept = timecode if timecode and _exists(timecode, spec.fps) else ""
            run(_mp4(spliced, part, spec, light, title=title, timecode=kept))
        if (found := frame_count(part)) != frames:
            raise EncodeError(f"{target} would hold {found} frames, but the reel has {frames}: segments are missing")
        _published(part, target)
    finally:
        part.unlink(missing_ok=True)
        spliced.unlink(missing_ok=True)
    return target


def suffix_of(spec: Spec) -> str:
    """How the name of such a master ends."""
    return ".mkv" if spec.lossless else ".mp4"


def _matroska(part: Path, fps: Fraction, title: str, timecode: str) -> list[str]:
    """Command that joins a list of key-frame-only segments from standard input, each frame exactly at its number."""
    listed = ffmpeg.input("pipe:0", f="concat", safe=0, protocol_whitelist="file,pipe")
    numbered = f"setts=pts=N:dts=N:duration=1:time_base={fps.denominator}/{fps.numerator}"
    options = {"map": "0:v:0", "c": "copy", "bsf:v": numbered, "r": str(fps), **BITEXACT, "f": "matroska"}
    return _compiled(listed, part, options, title, timecode)


def _mp4(
    spliced: Path, part: Path, spec: SdrSpec | Hdr10Spec, light: tuple[int, int] | None, *, title: str, timecode: str
) -> list[str]:
    """Command that puts the index in front, and the light levels into the container."""
    levels = {}
    if isinstance(spec, Hdr10Spec) and light is not None:
        levels = {"mastering_display": spec.mastering_display, "content_light": f"{light[0]},{light[1]}"}
    source = ffmpeg.input(f"file:{spliced.absolute()}", **levels)
    options = {"map": "0:v:0", "c": "copy", "movflags": "+faststart", **_clock(spec.fps), **BITEXACT, "f": "mp4"}
    if isinstance(spec, Hdr10Spec):
        options["tag:v"] = "hvc1"
    return _compiled(source, part, options, title, timecode)


def _clock(fps: Fraction) -> dict[str, str]:
    """MP4 time in which a frame lasts a whole number of ticks."""
    return {"video_track_timescale": str(fps.numerator if fps.numerator >= 1000 else fps.numerator * 1000)}


def _compiled(source: object, part: Path, options: dict[str, str], title: str, timecode: str) -> list[str]:
    if title:
        options["metadata"] = f"title={title}"
    if timecode:
        options["timecode"] = timecode
    return list(ffmpeg.output(source, f"file:{part.absolute()}", **options).get_args())


def _exists(timecode: str, fps: Fraction) -> bool:
    """Whether SMPTE ST 12-1 counting at a rate comes to a code; the semicolon drops frames, at 30 and 60 / 1.001."""
    hours, minutes, seconds, mark, frames = _timecode(timecode).groups()
    dropping = mark == ";"
    counted = int(hours) < 24 and int(minutes) < 60 and int(seconds) < 60 and int(frames) < round(fps)
    return counted and (not dropping or fps in {Fraction(30000, 1001), Fraction(60000, 1001)})


def _timecode(text: str) -> re.Match[str]:
    found = re.fullmatch(r"(\d\d):(\d\d):(\d\d)([:;])(\d\d)", text)
    if found is None:
        raise ValueError(f"a timecode is written 01:00:00:00, or 01:00:00;00 where it drops frames, not {text!r}")
    return found


def _listed(segments: Sequence[Path]) -> bytes:
    quoted = (str(path.absolute()).replace("'", r"'\''") for path in segments)
    return "".join(f"file 'file:{path}'\n" for path in quoted).encode()


def _alike(segments: Sequence[Path]) -> None:
    first: tuple[object, ...] | None = None
    for path in segments:
        with _opened(path) as container:
            coder = container.streams.video[0].codec_context
            found = (coder.name, coder.pix_fmt, coder.width, coder.height, coder.extradata)
        first = first or found
        if found != first:
            raise EncodeError(
                f"{path} was not written like {segments[0]}: {found[:4]}, not {first[:4]}, or set up anew"
            )


def _splice(segments: Sequence[Path], spliced: Path, spec: SdrSpec | Hdr10Spec, light: tuple[int, int] | None) -> None:
    """All packets in one file: shown in the order of the segments, decoded in the order they lie in them."""
    orders = [_order(path, spec.fps) for path in segments]
    delay = max(k - number for order in orders for k, number in enumerate(order))
    try:
        with (
            _opened(segments[0]) as template,
            av.open(
                f"file:{spliced.absolute()}", "w", format="mp4", options={"fflags": "+bitexact", **_clock(spec.fps)}
            ) as output,
        ):
            stream = output.add_stream_from_template(template.streams.video[0])
            done = 0
            for path, order in zip(segments, orders, strict=True):
                for k, (number, packet) in enumerate(zip(order, _packets(path), strict=True)):
                    content = bytes(packet)
                    moved = av.Packet(_lit(content, packet.is_keyframe, light) if light else content)
                    moved.stream = stream
                    moved.time_base = 1 / spec.fps
                    moved.pts, moved.dts, moved.duration = done + number, done + k - delay, 1
                    moved.is_keyframe = packet.is_keyframe
                    output.mux(moved)
                done += len(order)
    except (av.FFmpegError, OSError) as error:
        raise EncodeError(f"{spliced} could not be written: {error}") from error


def _order(path: Path, fps: Fraction) -> list[int]:
    """Which frame each packet of a segment shows, counted from 0, in the order they lie in the file."""
    numbers = [round(packet.pts * packet.time_base * fps) for packet in _packets(path) if packet.pts is not None]
    if sorted(numbers) != list(range(len(numbers))):
        raise EncodeError(f"the frames of {path} are not evenly spaced at {fps} a second: {sorted(numbers)[:20]}")
    return numbers


def _packets(path: Path) -> Iterator["av.Packet[av.VideoStream]"]:
    with _opened(path) as container:
        yield from (packet for packet in container.demux(container.streams.video[0]) if packet.size)


def _opened(path: Path) -> av.container.InputContainer:
    try:
        return av.open(f"file:{path.absolute()}", options=_READ)
    except av.FFmpegError as error:
        raise EncodeError(f"{path} is not a whole segment: {error}") from error


def _lit(packet: bytes, key_frame: bool, light: tuple[int, int]) -> bytes:
    """An HEVC picture with measured light levels at each key frame, and its parameter sets left to the header.

    `hvc1` files, which all players take, hold parameter sets in the header alone; `_alike` made sure they agree.
    """
    units = [unit for unit in _units(packet) if not _superseded(unit)]
    if key_frame:
        first_picture = next(i for i, unit in enumerate(units) if _kind(unit) < 32)
        units.insert(first_picture, content_light_unit(*light))
    return b"".join(len(unit).to_bytes(4, "big") + unit for unit in units)


def content_light_unit(max_cll: int, max_fall: int) -> bytes:
    """The HEVC unit that tells a decoder the light levels, in cd/m2.

    >>> content_light_unit(1000, 130).hex()
    '4e01900403e8008280'
    >>> content_light_unit(256, 0).hex()
    '4e019004010000030080'
    """
    if not (0 <= max_cll < 1 << 16 and 0 <= max_fall < 1 << 16):
        raise ValueError(f"light levels are whole cd/m2 below 65536, not {max_cll} and {max_fall}")
    levels = max_cll.to_bytes(2, "big") + max_fall.to_bytes(2, "big")
    raw = bytes((_CONTENT_LIGHT_LEVEL, len(levels))) + levels + b"\x80"
    unit = bytearray((_SEI_PREFIX << 1, 1))
    for byte in raw:
        if byte <= 3 and unit[-2:] == b"\0\0":
            unit.append(3)  # emulation prevention: 00 00 0x would read as a start code
        unit.append(byte)
    return bytes(unit)


def _units(packet: bytes) -> Iterator[bytes]:
    at = 0
    while at < len(packet):
        length = int.from_bytes(packet[at : at + 4], "big")
        if length < 3 or at + 4 + length > len(packet):
            raise EncodeError(f"an HEVC packet is damaged: a unit of {length} bytes in {len(packet) - at - 4}")
        yield packet[at + 4 : at + 4 + length]
        at += 4 + length


def _kind(unit: bytes) -> int:
    return unit[0] >> 1 & 0x3F


def _superseded(unit: bytes) -> bool:
    return _kind(unit) in _PARAMETER_SETS or (_kind(unit) == _SEI_PREFIX and unit[2] == _CONTENT_LIGHT_LEVEL)


def _published(part: Path, target: Path) -> None:
    with part.open("rb") as file:
        os.fsync(file.fileno())
    part.replace(target)
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
