"""What ingest found in a scan: its frames with their digests, and the facts that its headers agree on."""

import hashlib
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer

Rate = Annotated[Fraction, BeforeValidator(Fraction), PlainSerializer(str, return_type=str)]
Format = Literal["dpx", "tiff", "exr", "png", "movie"]


@dataclass(frozen=True)
class Header:
    """What one still's header says.

    Attributes:
        format: which reader it is for.
        size: height and width in pixels.
        depth: bits per channel as stored: 8, 10, 12, 16; 16 or 32 when floating.
        floating: half or float instead of codes.
        channels: 1 (gray), 3 (RGB) or 4 (RGB and alpha).
        layout: packing, byte order and compression in words; a change of it changes no code.
        end: bytes that the file must have for all of its pixels.
        claimed: bytes that the header says the file has, where it says so.
        offset: where the pixels begin, where they lie in one piece.
        rates: frames a second by the name of the field that holds them.
        timecode: SMPTE time code, hh:mm:ss:ff.
        keycode: film edge code.
        notes: what a person should know about it, for the report.
    """

    format: Format
    size: tuple[int, int]
    depth: int
    floating: bool
    channels: int
    layout: str
    end: int
    claimed: int | None = None
    offset: int | None = None
    rates: tuple[tuple[str, float], ...] = ()
    timecode: str | None = None
    keycode: str | None = None
    notes: tuple[str, ...] = ()


class FrameEntry(BaseModel):
    """One frame of a scan."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    number: int = Field(ge=0, description="reel number: the number in the file's name, or counted from 0 in a movie")
    file: str = Field(description="path relative to its vault root")
    size: int = Field(ge=0, description="bytes of the file; of the decoded picture in a movie")
    digest: str = Field(
        pattern=r"^[0-9a-f]{64}$",
        description="sha256 of the file; in a movie of the decoded picture, plane by plane, before any conversion",
    )
    offset: int | None = Field(None, description="where a DPX frame's pixels begin, in bytes")
    pts: int | None = Field(None, description="a movie frame's presentation time, in its stream's time base")


class MovieFacts(BaseModel):
    """What is particular to a scan held as a movie."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    size: int = Field(ge=0, description="bytes of the file")
    digest: str = Field(pattern=r"^[0-9a-f]{64}$", description="sha256 of the file")
    stream: int = Field(ge=0, description="number of the video stream in the file")
    time_base: Rate = Field(description="seconds per tick of a frame's pts")
    codec: str
    pixels: str = Field(description="the decoder's pixel format, e.g. gbrp10le or yuv422p10le")
    matrix: Literal["bt709", "bt601", "bt2020"] | None = Field(
        None, description="the matrix that turns YUV to RGB; None where the codes are RGB or gray already"
    )
    full_range: bool = Field(True, description="whether YUV codes use the full range instead of the legal one")


class ScanIndex(BaseModel):
    """The frame list of a scan and what its headers say; kept in the store as JSON."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    reel: str = Field(description="id of the reel")
    kind: Literal["sequence", "movie"]
    format: Format
    frames: tuple[FrameEntry, ...] = Field(min_length=1, description="in order; numbers jump where a gap was allowed")
    width: int = Field(gt=0)
    height: int = Field(gt=0)
    bit_depth: int = Field(description="bits per channel of the codes: 8, 10, 12 or 16; 0 for floating point")
    stored_depth: int = Field(description="bits per channel in the file, which the manifest may overrule")
    floating: bool = False
    channels: int = Field(description="1 where the scan is gray (read as three equal channels), else 3")
    layout: str = Field(description="packing, byte order, compression, in words")
    fps: Rate | None = Field(None, description="as the headers or the container say; None where they do not")
    timecode: str | None = Field(None, description="time code of the first frame")
    keycode: str | None = Field(None, description="film edge code of the first frame")
    movie: MovieFacts | None = None
    warnings: tuple[str, ...] = Field(
        (), description="faults the manifest allows, and what else to know, for the report"
    )

    @property
    def white(self) -> float:
        """The code that is 1.0 in a clip: 1023 for 10 bit; 1.0 for scans in floating point."""
        return 1.0 if self.floating else float(2**self.bit_depth - 1)

    @property
    def first(self) -> int:
        """Reel number of the first frame."""
        return self.frames[0].number

    @property
    def stop(self) -> int:
        """Reel number behind the last frame."""
        return self.frames[-1].number + 1

    @property
    def runs(self) -> tuple[range, ...]:
        """Numbers of the frames that are there, as unbroken runs; one run unless a gap was allowed.

        A shot must lie within one run: nothing may reach across a gap.
        """
        return tuple(_runs(self.frames))

    def position(self, number: int) -> int | None:
        """Where a reel number stands among the frames; None where the scan does not have it."""
        place = bisect_left(self.frames, number, key=lambda frame: frame.number)
        return place if place < len(self.frames) and self.frames[place].number == number else None

    def digest(self, first: int, stop: int) -> str:
        """sha256 over the digests of the frames first <= n < stop: the identity of their pixels."""
        frames = (frame.digest for frame in self.frames if first <= frame.number < stop)
        return hashlib.sha256("\n".join(frames).encode()).hexdigest()

    def dumped(self) -> bytes:
        """The index as JSON, the same bytes for the same index."""
        return self.model_dump_json(exclude_defaults=True).encode()

    @classmethod
    def loaded(cls, json: str | bytes) -> "ScanIndex":
        """The index that `dumped` gave.

        Raises:
            pydantic.ValidationError: the JSON is not an index.
        """
        return cls.model_validate_json(json)


def _runs(frames: tuple[FrameEntry, ...]) -> Iterator[range]:
    first = previous = frames[0].number
    for frame in frames[1:]:
        if frame.number != previous + 1:
            yield range(first, previous + 1)
            first = frame.number
        previous = frame.number
    yield range(first, previous + 1)
