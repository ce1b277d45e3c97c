"""Scans held as TIFF, OpenEXR or PNG: what their headers say, and their codes as OpenImageIO reads them."""

import struct
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import OpenImageIO
from numpy.typing import NDArray

from tasks.media import Altered, Unreadable
from tasks.media.index import Header

MAX_PIXELS = 2**28  # 16k x 16k; a small compressed file must not be able to ask for all memory
_MARKS = {b"II*\0": "tiff", b"MM\0*": "tiff", b"\x76\x2f\x31\x01": "exr", b"\x89PNG": "png"}
_NAMED = {"tiff": {".tif", ".tiff"}, "exr": {".exr"}, "png": {".png"}}
_BT709 = (0.64, 0.33, 0.30, 0.60, 0.15, 0.06, 0.3127, 0.3290)


def header(path: Path) -> Header:
    """What the header of a TIFF, EXR or PNG file says.

    Raises:
        Unreadable: the flavor cannot be read exactly; says which property made it so.
    """
    with path.open("rb") as file:
        mark = file.read(4)
        form = _MARKS.get(mark)
        if form is None:
            raise Unreadable(f"begins with {mark!r}: it is none of DPX, TIFF, OpenEXR and PNG")
        if path.suffix.lower() not in _NAMED[form]:
            raise Unreadable(f"is a {form.upper()} file by its content and {path.suffix or 'nothing'} by its name")
        file.seek(0)
        try:
            match form:
                case "tiff":
                    return _tiff(file)
                case "png":
                    return _png(file)
                case _:
                    return _exr(file, path)
        except (struct.error, IndexError, OverflowError, ValueError) as error:
            if isinstance(error, Unreadable):
                raise
            raise Unreadable(f"has a {form.upper()} header that ends early or makes no sense ({error})") from error


def codes(path: Path, header: Header) -> NDArray[Any]:
    """The codes `(3, H, W)` of the file, uint8, uint16 or float32; alpha is left out, gray is repeated.

    Raises:
        Unreadable: the file cannot be decoded.
        Altered: its size or depth is not what `header` says.
    """
    kind = "float" if header.floating else f"uint{header.depth}"
    settings = OpenImageIO.ImageSpec()
    settings.attribute("oiio:UnassociatedAlpha", 1)  # or colors come multiplied by alpha
    image = OpenImageIO.ImageInput.open(str(path), settings)
    if image is None:
        raise Unreadable(f"cannot be opened: {OpenImageIO.geterror()}")
    try:
        spec = image.spec()
        if (spec.height, spec.width, spec.nchannels) != (*header.size, header.channels):
            raise Altered(
                f"is {spec.width}x{spec.height} with {spec.nchannels} channels, "
                f"not {header.size[1]}x{header.size[0]} with {header.channels}"
            )
        order = _rgb(spec.channelnames) if header.format == "exr" else range(min(3, header.channels))
        pixels = image.read_image(0, 0, 0, header.channels, kind)
        if pixels is None or image.has_error:
            raise Unreadable(f"cannot be decoded: {image.geterror()}")
    finally:
        image.close()
    planes = np.ascontiguousarray(np.moveaxis(np.asarray(pixels), -1, 0)[list(order)])
    return planes if len(planes) == 3 else np.repeat(planes, 3, axis=0)


def _png(file: BinaryIO) -> Header:
    head = file.read(33)
    width, height, depth, color, _, _, interlace = struct.unpack_from(">IIBBBBB", head, 16)
    channels = {0: 1, 2: 3, 4: 2, 6: 4}.get(color)
    if head[12:16] != b"IHDR" or channels is None:
        raise Unreadable("has a palette" if color == 3 else f"has the unknown PNG color type {color}")
    if channels == 2:
        raise Unreadable("is gray with alpha; gray, RGB and RGBA are read")
    if depth not in {8, 16}:
        raise Unreadable(f"has {depth} bits per channel; PNG is read with 8 and 16")
    size = file.seek(0, 2)
    file.seek(max(0, size - 12))
    complete = file.read(12) == b"\0\0\0\0IEND\xae\x42\x60\x82"
    return Header(
        format="png",
        size=_sized(height, width),
        depth=depth,
        floating=False,
        channels=channels,
        layout=f"PNG {depth} bit{', interlaced' if interlace else ''}",
        end=size if complete else size + 12,
        notes=_alpha(channels),
    )


_TIFF_TYPES = {1: "B", 3: "H", 4: "I", 16: "Q"}
_PHOTOMETRIC = {0: "gray with white at zero", 3: "a palette", 4: "a mask", 5: "CMYK", 6: "YCbCr", 8: "CIELab"}
_COMPRESSION = {
    1: "none",
    5: "LZW",
    8: "Deflate",
    32773: "PackBits",
    32946: "Deflate",
    34925: "LZMA",
    50000: "Zstandard",
}


def _tiff(file: BinaryIO) -> Header:
    tags, e, more = _tiff_tags(file)
    if more:
        raise Unreadable("holds several pictures; a frame is one")
    (width,), (height,) = tags[256], tags[257]
    photometric, planar = tags.get(262, (1,))[0], tags.get(284, (1,))[0]
    channels, depths = tags.get(277, (1,))[0], set(tags.get(258, (1,)))
    compression = tags.get(259, (1,))[0]
    if photometric not in {1, 2}:
        raise Unreadable(
            f"is {_PHOTOMETRIC.get(photometric, f'of photometric kind {photometric}')}; RGB and gray are read"
        )
    if depths not in ({8}, {16}):
        raise Unreadable(f"has {', '.join(map(str, sorted(depths)))} bits per channel; TIFF is read with 8 and 16")
    if channels not in ({1} if photometric == 1 else {3, 4}):
        raise Unreadable(f"has {channels} channels and is {'gray' if photometric == 1 else 'RGB'}")
    if set(tags.get(339, (1,))) != {1}:
        raise Unreadable("has signed or floating codes; TIFF is read with whole unsigned ones")
    if compression not in _COMPRESSION:
        raise Unreadable(f"has compression {compression}; {', '.join(sorted(set(_COMPRESSION.values())))} are read")
    starts, counts = (tags.get(324), tags.get(325)) if 324 in tags else (tags.get(273), tags.get(279))
    if not starts or not counts or len(starts) != len(counts):
        raise Unreadable("does not say where its pixels are")
    notes = _alpha(channels)
    if (orientation := tags.get(274, (1,))[0]) != 1:
        notes += (f"TIFF orientation {orientation} (turned or mirrored) is kept as stored, not applied",)
    (depth,) = depths
    return Header(
        format="tiff",
        size=_sized(height, width),
        depth=depth,
        floating=False,
        channels=channels,
        layout=f"TIFF {'big' if e == '>' else 'little'}-endian, {depth} bit, "
        f"{'planar' if planar == 2 else 'interleaved'}, compression {_COMPRESSION[compression]}",
        end=max(start + count for start, count in zip(starts, counts, strict=True)),
        notes=notes,
    )


def _tiff_tags(file: BinaryIO) -> tuple[dict[int, tuple[int, ...]], str, bool]:
    head = file.read(8)
    e = "<" if head[:2] == b"II" else ">"
    (at,) = struct.unpack_from(f"{e}I", head, 4)
    file.seek(at)
    (count,) = struct.unpack(f"{e}H", file.read(2))
    entries = file.read(12 * count + 4)
    tags = {}
    for i in range(count):
        tag, kind, length = struct.unpack_from(f"{e}HHI", entries, 12 * i)
        if kind not in _TIFF_TYPES or length > 2**20:
            continue
        form = f"{e}{length}{_TIFF_TYPES[kind]}"
        if struct.calcsize(form) <= 4:
            tags[tag] = struct.unpack_from(form, entries, 12 * i + 8)
        else:
            (where,) = struct.unpack_from(f"{e}I", entries, 12 * i + 8)
            file.seek(where)
            tags[tag] = struct.unpack(form, file.read(struct.calcsize(form)))
    missing = [name for tag, name in ((256, "width"), (257, "height")) if tag not in tags]
    if missing:
        raise Unreadable(f"does not say its {' and '.join(missing)}")
    return tags, e, struct.unpack_from(f"{e}I", entries, 12 * count)[0] != 0


def _exr(file: BinaryIO, path: Path) -> Header:
    image = OpenImageIO.ImageInput.open(str(path))
    if image is None:
        raise Unreadable(f"cannot be opened: {OpenImageIO.geterror()}")
    try:
        spec, several = image.spec(), image.seek_subimage(1, 0)
    finally:
        image.close()
    _rgb(spec.channelnames)
    kinds = {str(kind) for kind in spec.channelformats} or {str(spec.format)}
    if several or spec.deep:
        raise Unreadable("has several parts or deep pixels; a frame is one flat picture")
    if kinds not in ({"half"}, {"float"}):
        raise Unreadable(
            f"has {', '.join(sorted(kinds))} channels; OpenEXR is read where all are half or all are float"
        )
    primaries = spec.getattribute("chromaticities")
    if primaries is not None and max(abs(a - b) for a, b in zip(primaries, _BT709, strict=True)) > 0.002:
        found = " ".join(f"{p:.4g}" for p in primaries)
        raise Unreadable(f"has primaries and white {found}; scene-linear scans have those of BT.709")
    compression = spec.getattribute("compression")
    (kind,) = kinds
    notes = _alpha(spec.nchannels)
    whole = (spec.full_x, spec.full_y, spec.full_width, spec.full_height)
    if (spec.x, spec.y, spec.width, spec.height) != whole:
        notes += (f"the picture is the data window; the display window {whole} differs from it",)
    rate = spec.getattribute("FramesPerSecond")
    return Header(
        format="exr",
        size=_sized(spec.height, spec.width),
        depth=16 if kind == "half" else 32,
        floating=True,
        channels=spec.nchannels,
        layout=f"OpenEXR {kind}, compression {compression}",
        end=_exr_end(file, spec),
        rates=(("framesPerSecond", rate[0] / rate[1]),) if rate is not None and rate[1] else (),
        timecode=spec.getattribute("smpte:TimeCode"),
        notes=notes,
    )


_EXR_LINES = {0: 1, 1: 1, 2: 1, 3: 16, 4: 32, 5: 16, 6: 32, 7: 32, 8: 32, 9: 256}


def _exr_end(file: BinaryIO, spec: Any) -> int:
    """Where the last chunk ends, by the table of chunks behind the header's attributes."""
    size = file.seek(0, 2)
    file.seek(0)
    head = file.read(min(size, 2**20))
    at, compression = 8, 0
    while head[at] != 0:
        name_end = head.index(b"\0", at)
        kind_end = head.index(b"\0", name_end + 1)
        (length,) = struct.unpack_from("<i", head, kind_end + 1)
        if head[at:name_end] == b"compression":
            compression = head[kind_end + 5]
        at = kind_end + 5 + length
    if spec.tile_width or compression not in _EXR_LINES:
        return size  # what the chunks are is then OpenEXR's to say, when it reads them
    count = -(-spec.height // _EXR_LINES[compression])
    starts = struct.unpack_from(f"<{count}Q", head, at + 1)
    if min(starts) < at + 1 + 8 * count or max(starts) >= 2**48:
        raise Unreadable(f"has a table of chunks that points at something else (byte {max(starts)})")
    if max(starts) + 8 > size:
        return int(max(starts)) + 8
    ends: list[int] = []
    for start in (min(starts), max(starts)):
        file.seek(start)
        line, length = struct.unpack("<ii", file.read(8))
        if length < 0 or not spec.y <= line < spec.y + spec.height:
            raise Unreadable(f"has a table of chunks that points at something else (byte {start})")
        ends.append(start + 8 + length)
    return max(ends)


def _rgb(names: tuple[str, ...]) -> list[int]:
    if set(names) not in ({"R", "G", "B"}, {"R", "G", "B", "A"}):
        raise Unreadable(f"has the channels {', '.join(names)}; R, G, B and A are read")
    return [names.index(name) for name in "RGB"]


def _sized(height: int, width: int) -> tuple[int, int]:
    if not 0 < height * width <= MAX_PIXELS:
        raise Unreadable(f"says it is {width}x{height} pixels; up to {MAX_PIXELS} are read")
    return height, width


def _alpha(channels: int) -> tuple[str, ...]:
    return ("the alpha channel is left out",) if channels == 4 else ()
