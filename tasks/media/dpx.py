"""DPX, as film scanners write it: what the header says, and the codes themselves.

SMPTE ST 268-1:2014. The codes are unpacked here and not by a library, from the very bytes whose digest was checked:
the readers at hand open paths only, spread codes over 16 bits in three different ways, and believe an element offset
of zero. Tests hold it against both of them on every flavor.
"""

import math
import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.media import Unreadable
from tasks.media.index import Header

HEADER_BYTES = 2048
MAX_SIDE = 65_536
_UNDEFINED = 0xFFFFFFFF
_DESCRIPTORS = {
    0: "user-defined",
    1: "red alone",
    2: "green alone",
    3: "blue alone",
    4: "alpha alone",
    7: "color difference alone",
    8: "depth",
    9: "composite video",
    52: "ABGR",
    100: "CbYCrY 4:2:2",
    101: "CbYACrYA 4:2:2:4",
    102: "CbYCr 4:4:4",
    103: "CbYCrA 4:4:4:4",
}
_CHANNELS = {6: 1, 50: 3, 51: 4}
_PACKING = {0: "packed", 1: "filled A", 2: "filled B"}
_BLOCK = 32  # lines at a time: what is unpacked stays in the cache


@dataclass(frozen=True)
class Layout:
    """How the codes of a DPX frame lie in its file."""

    big: bool
    width: int
    height: int
    channels: int
    depth: int
    packing: int
    offset: int
    line: int

    @property
    def end(self) -> int:
        """Bytes the file must have for all of its lines."""
        return self.offset + self.line * self.height


def header(head: bytes, size: int) -> Header:
    """What the first 2048 bytes of a DPX file of `size` bytes say.

    Raises:
        Unreadable: the flavor cannot be read exactly; says which property made it so.
    """
    layout = layout_of(head, size)
    head = head[: layout.offset]  # short headers end before the film's and television's parts
    e = ">" if layout.big else "<"
    notes = []
    if (orientation := _u16(head, e, 768)) not in {0, 0xFFFF}:
        notes.append(f"DPX orientation {orientation} (turned or mirrored) is kept as stored, not applied")
    if layout.channels == 4:
        notes.append("the alpha channel is left out")
    packing = _PACKING[layout.packing] if layout.depth in {10, 12} else "whole words"
    claimed = _u32(head, e, 16)
    return Header(
        format="dpx",
        size=(layout.height, layout.width),
        depth=layout.depth,
        floating=False,
        channels=layout.channels,
        layout=f"DPX {'big' if layout.big else 'little'}-endian, {layout.depth} bit {packing}",
        end=layout.end,
        claimed=claimed if claimed not in {0, _UNDEFINED} else None,
        offset=layout.offset,
        rates=tuple(
            (name, rate) for name, at in (("film", 1724), ("television", 1940)) if (rate := _rate(head, e, at))
        ),
        timecode=_timecode(_u32(head, e, 1920)) if len(head) >= 1924 else None,
        keycode=_keycode(head),
        notes=tuple(notes),
    )


def layout_of(head: bytes, size: int) -> Layout:
    """Where and how the codes lie, from the first 2048 bytes of a file of `size` bytes.

    Raises:
        Unreadable: as `header`.
    """
    if head[:4] not in {b"SDPX", b"XPDS"}:
        raise Unreadable(f"begins with {head[:4]!r}, not with the mark of a DPX file")
    if len(head) < 1408:
        raise Unreadable(f"has {len(head)} bytes, fewer than a DPX header")
    big = head[:4] == b"SDPX"
    e = ">" if big else "<"
    width, height = struct.unpack_from(f"{e}II", head, 772)
    depth, packing, _, offset, padding = struct.unpack_from(f"{e}BHHII", head, 803)
    channels = _channels(head, e)
    if not (0 < width <= MAX_SIDE and 0 < height <= MAX_SIDE):
        raise Unreadable(f"says it is {width}x{height} pixels")
    if channels == 1 and depth not in {8, 16}:
        raise Unreadable(f"is gray with {depth} bit: scanners disagree on the order of its codes within a word")
    if depth not in {8, 10, 12, 16}:
        raise Unreadable(f"has {depth} bits per channel; 8, 10, 12 and 16 are read")
    if depth in {10, 12} and (packing not in _PACKING or (depth == 10 and packing == 0)):
        raise Unreadable(f"has {depth}-bit codes in packing {packing}; filled A, filled B and packed 12 bit are read")
    image = _u32(head, e, 4)
    if offset not in {0, _UNDEFINED, image}:
        raise Unreadable(f"says that its pixels begin at byte {image}, and also that they begin at byte {offset}")
    offset = image
    if not 1408 <= offset < 2**31:
        raise Unreadable(f"says that its pixels begin at byte {offset}")
    line = _line(width * channels, depth, packing)
    if padding not in {0, _UNDEFINED}:
        line += padding
    elif size < offset + height * line and size == offset + height * (bare := _bare(width * channels, depth, packing)):
        line = bare  # a writer that does not begin lines on 32-bit words
    return Layout(big, width, height, channels, depth, packing, offset, line)


def codes(content: bytes, layout: Layout) -> NDArray[np.uint16]:
    """The codes `(3, H, W)` of a DPX file, as stored; alpha is left out, gray is repeated.

    Raises:
        Unreadable: the file ends before its last line.
    """
    if len(content) < layout.end:
        raise Unreadable(f"has {len(content)} of the {layout.end} bytes that its pixels take")
    height, width, channels = layout.height, layout.width, layout.channels
    lines = np.frombuffer(content, np.uint8, layout.line * height, layout.offset).reshape(height, layout.line)
    planes = np.empty((3, height, width), np.uint16)
    for top in range(0, height, _BLOCK):
        block = slice(top, min(top + _BLOCK, height))
        if layout.depth == 10 and channels == 3:
            words = np.ascontiguousarray(lines[block, : 4 * width]).view(_word(layout, 4)).astype(np.uint32)
            for plane, shift in zip(planes, _SHIFTS_10[layout.packing], strict=True):
                plane[block] = (words >> shift) & 1023
        else:
            samples = _samples(lines[block], layout)[:, : width * channels].reshape(-1, width, channels)
            planes[:, block] = np.moveaxis(samples[..., : 3 if channels > 1 else 1], -1, 0)
    return planes


_SHIFTS_10 = {1: (22, 12, 2), 2: (20, 10, 0)}


def _samples(lines: NDArray[np.uint8], layout: Layout) -> NDArray[Any]:
    count = layout.width * layout.channels
    match layout.depth, layout.packing:
        case 8, _:
            return lines[:, :count].astype(np.uint16)
        case 10, packing:
            words = _words(lines, layout, 4, (count + 2) // 3)
            samples = np.stack([(words >> shift) & 1023 for shift in _SHIFTS_10[packing]], -1)
            return samples.reshape(len(lines), -1).astype(np.uint16)
        case 12, 0:
            # Codes run through 32-bit words from their low end: as little-endian bytes, three hold two codes.
            words = _words(lines, layout, 4, -(-count * 12 // 32))
            octets = words.astype("<u4").view(np.uint8).reshape(len(lines), -1)
            octets = np.pad(octets, ((0, 0), (0, -octets.shape[1] % 3)))
            first, middle, last = np.moveaxis(octets.reshape(len(lines), -1, 3).astype(np.uint16), -1, 0)
            pairs = np.stack([first | (middle & 15) << 8, middle >> 4 | last << 4], -1)
            return pairs.reshape(len(lines), -1)
        case 12, packing:
            words = _words(lines, layout, 2, count)
            return words >> 4 if packing == 1 else words & 4095
        case _:
            return _words(lines, layout, 2, count)


def _words(lines: NDArray[np.uint8], layout: Layout, size: int, count: int) -> NDArray[Any]:
    words = np.ascontiguousarray(lines[:, : size * count]).view(_word(layout, size))
    return words.astype(f"=u{size}")


def _word(layout: Layout, size: int) -> str:
    return f"{'>' if layout.big else '<'}u{size}"


def _bare(samples: int, depth: int, packing: int) -> int:
    match depth, packing:
        case 8, _:
            return samples
        case 10, _:
            return (samples + 2) // 3 * 4
        case 12, 0:
            return -(-samples * 12 // 32) * 4
        case _:
            return samples * 2


def _line(samples: int, depth: int, packing: int) -> int:
    return -(-_bare(samples, depth, packing) // 4) * 4


def _channels(head: bytes, e: str) -> int:
    if (elements := _u16(head, e, 770)) != 1:
        raise Unreadable(f"holds {elements} image elements; one with all channels is read")
    if (descriptor := head[800]) not in _CHANNELS:
        name = _DESCRIPTORS.get(descriptor, "unknown")
        raise Unreadable(f"holds {name} (descriptor {descriptor}); RGB, RGBA and gray of 8 or 16 bit are read")
    if (encoding := _u16(head, e, 806)) not in {0, 0xFFFF}:
        raise Unreadable("is run-length encoded" if encoding == 1 else f"has the unknown encoding {encoding}")
    if _u32(head, e, 780) == 1:
        raise Unreadable("has signed codes")
    if (key := _u32(head, e, 660)) not in {0, _UNDEFINED}:
        raise Unreadable(f"says it is encrypted (key {key:#010x})")
    if _u32(head, e, 4) > 1928 and len(head) > 1928 and head[1928] == 1:
        raise Unreadable("says it is interlaced (two fields in a frame)")
    return _CHANNELS[descriptor]


def _u16(head: bytes, e: str, at: int) -> int:
    return int(struct.unpack_from(f"{e}H", head, at)[0])


def _u32(head: bytes, e: str, at: int) -> int:
    return int(struct.unpack_from(f"{e}I", head, at)[0])


def _rate(head: bytes, e: str, at: int) -> float | None:
    if len(head) < at + 4:
        return None
    rate = float(struct.unpack_from(f"{e}f", head, at)[0])
    return rate if math.isfinite(rate) and 0 < rate < 1000 else None


def _timecode(bcd: int) -> str | None:
    digits = f"{bcd:08x}"
    if bcd == _UNDEFINED or not digits.isdigit():
        return None
    return ":".join(digits[i : i + 2] for i in range(0, 8, 2))


def _keycode(head: bytes) -> str | None:
    fields = [
        head[a:b].split(b"\0")[0] for a, b in ((1664, 1666), (1666, 1668), (1670, 1676), (1676, 1680), (1668, 1670))
    ]
    texts = [field.decode("ascii", "ignore").strip() for field in fields]
    known = all(text.isdigit() for text in texts) and any(text.strip("0") for text in texts[:4])
    return " ".join(texts) if known else None
