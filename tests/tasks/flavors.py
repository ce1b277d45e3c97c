"""Tiny scans of every flavor, written by other means than ours, and manifests that hold them."""

import struct
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import OpenImageIO
from numpy.typing import NDArray

from manifests.reel import Reel

SIZE = (10, 13)
"""Height and width: odd, so that lines do not fill their 32-bit words."""

DPX = {
    "8": (8, 0),
    "10-filled-a": (10, 1),
    "10-filled-b": (10, 2),
    "12-packed": (12, 0),
    "12-filled-a": (12, 1),
    "12-filled-b": (12, 2),
    "16": (16, 0),
}
"""Bits and packing of every DPX flavor that is read."""


def pictures(count: int, depth: int, *, size: tuple[int, int] = SIZE, seed: int = 0) -> NDArray[np.uint16]:
    """Codes `(T, H, W, 3)` over the whole range, its ends among them."""
    codes = np.random.default_rng(seed).integers(0, 2**depth, (count, *size, 3)).astype(np.uint16)
    codes[:, 0, 0], codes[:, 0, 1] = 0, 2**depth - 1
    return codes


def dpx(
    codes: NDArray[np.uint16],
    depth: int,
    packing: int,
    *,
    big: bool = True,
    film_rate: float | None = None,
    timecode: int = 0xFFFFFFFF,
    offset: int = 2048,
    channels: int = 3,
) -> bytes:
    """A DPX file of the codes `(H, W, C)`, bit by bit as SMPTE ST 268 lays them."""
    height, width = codes.shape[:2]
    e = ">" if big else "<"
    lines = []
    for line in codes.reshape(height, -1).astype(np.int64):
        if depth == 12 and packing == 0:
            bits = sum(int(code) << 12 * i for i, code in enumerate(line))
            count = -(-len(line) * 12 // 32)
            words = struct.pack(f"{e}{count}I", *(bits >> 32 * i & 0xFFFFFFFF for i in range(count)))
        elif depth == 10:
            shifts = (22, 12, 2) if packing == 1 else (20, 10, 0)
            padded = np.pad(line, (0, -len(line) % 3)).reshape(-1, 3)
            words = struct.pack(f"{e}{len(padded)}I", *(sum(int(c) << s for c, s in zip(p, shifts)) for p in padded))  # noqa: B905
        elif depth == 8:
            words = bytes(line.astype(np.uint8))
        else:
            words = struct.pack(f"{e}{len(line)}H", *(line << 4 if (depth, packing) == (12, 1) else line))
        lines.append(words + bytes(-len(words) % 4))
    head = bytearray(b"\xff" * offset)
    head[:16] = struct.pack(f"{e}4sI8s", b"SDPX" if big else b"XPDS", offset, b"V2.0\0\0\0\0")
    if not big:
        head[:4] = b"XPDS"
    struct.pack_into(f"{e}I", head, 16, offset + sum(map(len, lines)))
    struct.pack_into(f"{e}HHII", head, 768, 0, 1, width, height)
    struct.pack_into(f"{e}I", head, 780, 0)
    kind = {1: 6, 3: 50, 4: 51}[channels]
    struct.pack_into(f"{e}BBBBHHII", head, 800, kind, 3, 1, depth, packing, 0, offset, 0)
    struct.pack_into(f"{e}I", head, 1920, timecode)
    if film_rate is not None:
        struct.pack_into(f"{e}f", head, 1724, film_rate)
    return bytes(head) + b"".join(lines)


def sequence(folder: Path, files: list[bytes], *, first: int = 1, suffix: str = "dpx") -> str:
    """Files written as numbered frames; the pattern that names them."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, content in enumerate(files, first):
        (folder / f"{number:07d}.{suffix}").write_bytes(content)
    return f"{folder.name}/%07d.{suffix}"


def still(path: Path, codes: NDArray[np.generic], kind: str, *, planar: bool = False) -> None:
    """A TIFF, PNG or EXR file written by OpenImageIO, of codes `(H, W, C)`."""
    height, width, channels = codes.shape
    spec = OpenImageIO.ImageSpec(width, height, channels, kind)
    spec.attribute("oiio:UnassociatedAlpha", 1)
    if planar:
        spec.attribute("planarconfig", "separate")
    image = OpenImageIO.ImageOutput.create(str(path))
    assert image.open(str(path), spec), image.geterror()
    assert image.write_image(np.ascontiguousarray(codes)), image.geterror()
    image.close()


def movie(
    path: Path,
    codes: NDArray[np.unsignedinteger],
    codec: str,
    pixels: str,
    *,
    rate: Fraction | int = 24,
    options: dict[str, str] | None = None,
    edit: Callable[[av.VideoFrame, int], None] | None = None,
) -> None:
    """A movie written by PyAV, of RGB codes `(T, H, W, 3)`, or gray ones `(T, H, W)`; YUV of 8 bit is swscale's."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate, options=options or {})
        stream.height, stream.width = codes.shape[1:3]
        stream.pix_fmt = pixels
        for number, code in enumerate(codes):
            if pixels.startswith(("yuv", "bgr")):
                frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(code.astype(np.uint8)), "rgb24")
                frame = frame.reformat(format=pixels)
            else:
                frame = planar(code, pixels)
            frame.pts = number
            frame.time_base = 1 / Fraction(rate)
            if edit is not None:
                edit(frame, number)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def planar(code: NDArray[np.unsignedinteger], pixels: str) -> av.VideoFrame:
    """A video frame of planar RGB or gray codes."""
    height, width = code.shape[:2]
    frame = av.VideoFrame(width, height, pixels)
    planes = [code] if code.ndim == 2 else [code[..., c] for c in (1, 2, 0)]
    for plane, values in zip(frame.planes, planes, strict=True):
        octets = values.astype("<u2" if pixels.endswith("le") else "u1").view(np.uint8).reshape(height, -1)
        lines = np.zeros((plane.buffer_size // plane.line_size, plane.line_size), np.uint8)
        lines[:height, : octets.shape[1]] = octets
        plane.update(lines.tobytes())
    return frame


def reel(
    *,
    frames: str | None = None,
    movie: str | None = None,
    fps: str | None = "24",
    space: str = "printing-density",
    first: int | None = None,
    last: int | None = None,
    bit_depth: int | None = None,
    allow: tuple[str, ...] = (),
) -> Reel:
    """A manifest with that scan."""
    scan = {"frames": frames, "movie": movie, "fps": fps, "space": space, "first": first, "last": last}
    return Reel.model_validate(
        {"schema": 1, "id": "r1", "title": "A reel", "scan": {**scan, "bit_depth": bit_depth, "allow": allow}}
    )
