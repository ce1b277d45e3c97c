"""How the pictures of each kind of master are coded: lossless, origin map, SDR access copy, HDR10.

FFV1 version 3 is IETF RFC 9043; the mastering display is SMPTE ST 2086; the ways from R'G'B' to Y'CbCr are ITU-R BT.709
and BT.2020 (non-constant luminance), quantized to the narrow range.
"""

from abc import ABC, abstractmethod
from fractions import Fraction
from pathlib import Path
from typing import Annotated, ClassVar, Literal

import ffmpeg
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer

from restorers.colorspace import Space

Codes = NDArray[np.uint8] | NDArray[np.uint16]
Rate = Annotated[Fraction, BeforeValidator(Fraction), PlainSerializer(str, return_type=str)]

BITEXACT = {"fflags": "+bitexact", "flags": "+bitexact"}
_TRANSFER = {Space.REC709: "bt709", Space.SRGB: "iec61966-2-1", Space.LINEAR: "linear"}


class Picture(BaseModel, ABC):
    """What all segments of one master have in common."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    lossless: ClassVar[bool] = True
    depth: ClassVar[int] = 16

    height: int = Field(ge=1, description="of the pictures given, in pixels")
    width: int = Field(ge=1, description="of the pictures given, in pixels")
    fps: Rate = Field(description="frames a second, exact")

    @property
    def bits(self) -> int:
        """Bits of the codes it takes."""
        return self.depth

    @property
    @abstractmethod
    def raw(self) -> str:
        """ffmpeg's name for the bytes that `packed` gives."""

    @abstractmethod
    def packed(self, codes: Codes) -> bytes:
        """A picture's codes as the bytes ffmpeg is fed."""

    @abstractmethod
    def filters(self) -> str:
        """ffmpeg's filters between the codes and the encoder."""

    @abstractmethod
    def coding(self) -> dict[str, str | int]:
        """ffmpeg's options for the encoder."""

    def fed_size(self) -> tuple[int, int]:
        """Width and height of the pictures ffmpeg is fed."""
        return self.width, self.height

    def arguments(self, target: Path) -> list[str]:
        """ffmpeg's command line for a segment, from standard input to a file."""
        width, height = self.fed_size()
        fed = ffmpeg.input("pipe:0", f="rawvideo", pix_fmt=self.raw, s=f"{width}x{height}", r=str(self.fps))
        options = {**BITEXACT, **self.coding(), "vf": self.filters(), "f": "matroska"}
        return list(fed.output(f"file:{target.absolute()}", **options).get_args())


class Ffv1Spec(Picture):
    """RGB FFV1 version 3, each frame by itself, a checksum on each slice: code for code what was given."""

    kind: Literal["ffv1"] = "ffv1"
    bit_depth: Literal[8, 10, 12, 16] = Field(description="bits per channel")
    space: Space = Field(description="what the codes mean; video spaces are tagged in the stream")

    @property
    def bits(self) -> int:
        """Bits of the codes it takes."""
        return self.bit_depth

    @property
    def raw(self) -> str:
        """Planes for 10 bit and more. FFV1's 8-bit RGB is called bgr0 in ffmpeg; the fourth byte is not stored."""
        return "bgr0" if self.bit_depth == 8 else f"gbrp{self.bit_depth}le"

    def packed(self, codes: Codes) -> bytes:
        """Green, blue and red planes, little-endian; at 8 bit blue, green, red, zero, pixel by pixel."""
        if self.bit_depth == 8:
            pixels = np.zeros((*codes.shape[:2], 4), np.uint8)
            pixels[..., :3] = codes[..., ::-1]
            return pixels.tobytes()
        return _planes(codes)

    def filters(self) -> str:
        """Tags only: no filter may touch a code."""
        transfer = _TRANSFER.get(self.space)
        tags = "setparams=range=pc:colorspace=gbr"
        return f"{tags}:color_primaries=bt709:color_trc={transfer}" if transfer else tags

    def coding(self) -> dict[str, str | int]:
        """FFV1 level 3, key frames only, slice checksums."""
        return {"pix_fmt": self.raw, **_ffv1(self.height, self.width)}


class OriginSpec(Picture):
    """The origin map, one byte a pixel, as gray FFV1."""

    kind: Literal["origin"] = "origin"
    depth: ClassVar[int] = 8

    @property
    def raw(self) -> str:
        """One byte a pixel."""
        return "gray"

    def packed(self, codes: Codes) -> bytes:
        """The marks, row by row."""
        return codes.tobytes()

    def filters(self) -> str:
        """Tags only: the marks are not light."""
        return "setparams=range=pc"

    def coding(self) -> dict[str, str | int]:
        """FFV1 level 3, key frames only, slice checksums."""
        return {"pix_fmt": "gray", **_ffv1(self.height, self.width)}


class _Subsampled(Picture):
    """Chroma at half the size. A side of odd length is repeated once at its far end: the codecs store even sizes."""

    lossless: ClassVar[bool] = False

    @property
    def raw(self) -> str:
        """Planes of 16 bit."""
        return "gbrp16le"

    def packed(self, codes: Codes) -> bytes:
        """Green, blue and red planes, little-endian, with even sides."""
        odd = ((0, self.height % 2), (0, self.width % 2), (0, 0))
        return _planes(np.pad(codes, odd, mode="edge"))

    def fed_size(self) -> tuple[int, int]:
        """Width and height with even sides."""
        return self.width + self.width % 2, self.height + self.height % 2

    @property
    def group(self) -> int:
        """Most frames between two key frames: two seconds."""
        return max(1, round(2 * self.fps))


class SdrSpec(_Subsampled):
    """H.264 High, 8 bit, Rec.709, closed groups: plays everywhere. Takes 16-bit Rec.709 R'G'B', 65535 is white."""

    kind: Literal["sdr"] = "sdr"
    crf: int = Field(16, ge=0, le=40, description="x264 constant rate factor")

    def filters(self) -> str:
        """BT.709 matrix, narrow range, chroma sited left, dithered to 8 bit."""
        return _narrow("709", "left", "format=yuv420p,setparams=color_primaries=bt709:color_trc=bt709")

    def coding(self) -> dict[str, str | int]:
        """x264; its frame threads change its decisions, so their number is fixed.

        Its macroblock tree is off: it reads what is left in memory, and no two runs need give the same bytes.
        """
        x264 = "open-gop=0:threads=4:lookahead-threads=1:sliced-threads=0:scenecut=0:mbtree=0"
        return {
            "c:v": "libx264", "preset": "medium", "crf": self.crf, "profile:v": "high", "pix_fmt": "yuv420p",
            "g": self.group, "x264-params": x264,
        }  # fmt: skip


class Hdr10Spec(_Subsampled):
    """HEVC Main 10, Rec.2100 PQ, closed groups. Takes 16-bit BT.2020 PQ R'G'B', 65535 is 10000 cd/m2.

    The mastering display is written into each segment; the light levels are known only when all frames are, and are
    written by `tasks.media.assemble`.
    """

    kind: Literal["hdr10"] = "hdr10"
    crf: int = Field(14, ge=0, le=40, description="x265 constant rate factor")
    peak_nits: int = Field(1000, ge=400, le=10000, description="peak of the display it was mastered for, cd/m2")

    @property
    def mastering_display(self) -> str:
        """SMPTE ST 2086: P3-D65 primaries in 0.00002, luminance in 0.0001 cd/m2, black at 0.005 cd/m2."""
        return f"G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L({self.peak_nits * 10000},50)"

    def filters(self) -> str:
        """BT.2020 matrix, narrow range, chroma sited top left as BT.2100 asks, dithered to 10 bit."""
        return _narrow("2020_ncl", "topleft", "format=yuv420p10le,setparams=color_primaries=bt2020:color_trc=smpte2084")

    def coding(self) -> dict[str, str | int]:
        """x265; the number of frame threads and the slices of its lookahead change its decisions, so both are fixed."""
        x265 = {
            "hdr10": 1, "cll": 0, "repeat-headers": 1, "info": 0, "chromaloc": 2, "open-gop": 0, "keyint": self.group,
            "min-keyint": 1, "scenecut": 0, "colorprim": "bt2020", "transfer": "smpte2084", "colormatrix": "bt2020nc",
            "range": "limited", "master-display": self.mastering_display, "pools": 4, "frame-threads": 2,
            "lookahead-slices": 0, "log-level": "error",
        }  # fmt: skip
        return {
            "c:v": "libx265", "preset": "medium", "crf": self.crf, "profile:v": "main10", "pix_fmt": "yuv420p10le",
            "x265-params": ":".join(f"{name}={value}" for name, value in x265.items()),
        }  # fmt: skip


Spec = Ffv1Spec | OriginSpec | SdrSpec | Hdr10Spec


def _planes(codes: NDArray[np.generic]) -> bytes:
    return np.ascontiguousarray(codes.transpose(2, 0, 1)[[1, 2, 0]]).astype("<u2", copy=False).tobytes()


def _ffv1(height: int, width: int) -> dict[str, str | int]:
    slices = 16 if min(height, width) >= 64 else 4
    return {"c:v": "ffv1", "level": 3, "g": 1, "slices": slices, "slicecrc": 1}


def _narrow(matrix: str, siting: str, tags: str) -> str:
    # zimg, not swscale: on ramps swscale's luma was 0.4 codes too high at 8 bit and 1.7 at 10 bit, zimg's 0.00.
    scale = f"zscale=matrixin=gbr:rangein=full:matrix={matrix}:range=limited:chromal={siting}:filter=bicubic"
    return f"setparams=range=pc:colorspace=gbr,{scale}:dither=error_diffusion,{tags}"
