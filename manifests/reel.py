"""A reel: what the archive holds, what is prescribed for it, and what is to be made of it."""

import re
import unicodedata
from enum import StrEnum
from fractions import Fraction
from itertools import pairwise
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    field_validator,
    model_validator,
)

from restorers import Treatment
from restorers.colorspace import Space
from restorers.decay import DecayCorrection
from restorers.dyes.stocks import stocks
from restorers.mastering import HdrMastering, SdrMastering
from restorers.profile import Profile


class Manifest(BaseModel):
    """A frozen part of a manifest; unknown fields are mistakes."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=False)


class Base(StrEnum):
    """What the film strip is made of."""

    NITRATE = "nitrate"
    ACETATE = "acetate"
    POLYESTER = "polyester"


class Element(StrEnum):
    """Which generation of the film was scanned."""

    CAMERA_NEGATIVE = "camera-negative"
    DUPE_NEGATIVE = "dupe-negative"
    INTERPOSITIVE = "interpositive"
    PRINT = "print"
    REVERSAL = "reversal"


NEGATIVES = (Element.CAMERA_NEGATIVE, Element.DUPE_NEGATIVE)
"""Elements that hold the picture the other way about."""


def _rate(value: object) -> object:
    if isinstance(value, str):
        try:
            return Fraction(value)
        except (ValueError, ZeroDivisionError) as error:
            raise ValueError(f"a frame rate is a number or a fraction such as 24000/1001, not {value!r}") from error
    if isinstance(value, int) and not isinstance(value, bool):
        return Fraction(value)
    if isinstance(value, float):
        raise ValueError(f"write the frame rate as a fraction such as 24000/1001, not {value}: it must be exact")
    return value


def _positive(rate: Fraction) -> Fraction:
    if not 1 <= rate <= 120:
        raise ValueError(f"a frame rate lies between 1 and 120 frames a second, not {rate}")
    return rate


def contained(path: str) -> str:
    """A path that stays under the root it is relative to, or an s3:// URL.

    Raises:
        ValueError: it is absolute, climbs out, is another kind of URL, or holds parts that are not plain names.
    """
    s3 = path.startswith("s3://")
    bucket, _, body = path.removeprefix("s3://").partition("/") if s3 else ("", "", path)
    if s3 and not (_BUCKET.fullmatch(bucket) and body):
        raise ValueError(f"{path!r} is not an S3 address: expected s3://bucket/key")
    if path.startswith(("/", "~")) or (not s3 and _SCHEME.match(path)):
        raise ValueError(f"{path!r} is not relative to a vault root (s3:// is the only URL allowed)")
    if "\\" in path:
        raise ValueError(f"{path!r} holds a backslash: folders are parted by '/'")
    if any(unicodedata.category(c) in ("Cc", "Cf", "Cs") for c in path):
        raise ValueError(f"{path!r} holds control characters")
    parts = body.split("/")
    if ".." in parts:
        raise ValueError(f"{path!r} leaves the vault: '..' is not allowed")
    if "" in parts or "." in parts:
        raise ValueError(f"{path!r} holds an empty name or '.' between its slashes")
    return path


def _pattern(path: str) -> str:
    """A path whose last part holds the frame number once, as %0Nd."""
    folder, _, name = path.rpartition("/")
    if folder.count("%") or name.count("%") != 1 or not _FRAME_NUMBER.search(name):
        raise ValueError(
            f"{path!r} must hold the frame number once, in the file's name, as %07d (any width from 1 to 9)"
        )
    return path


def _infrared(path: str) -> str:
    return path if path == FOURTH_CHANNEL else _pattern(contained(path))


FOURTH_CHANNEL = "fourth-channel"
"""Stands for infrared maps that are the fourth channel of the scan's own files."""

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_FRAME_NUMBER = re.compile(r"%0[1-9]d")

Rate = Annotated[
    Fraction,
    BeforeValidator(_rate, json_schema_input_type=int | str),
    AfterValidator(_positive),
    PlainSerializer(str, return_type=str),
]
VaultPath = Annotated[str, Field(min_length=1, max_length=1024), AfterValidator(contained)]
FramePattern = Annotated[VaultPath, AfterValidator(_pattern)]
Infrared = Annotated[str, Field(min_length=1, max_length=1024), AfterValidator(_infrared)]
ReelId = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]


class Scan(Manifest):
    """Where the frames are and what their numbers mean. Give `frames` or `movie`."""

    frames: FramePattern | None = Field(
        None, description="image sequence, frame number as %07d: scans/harbor/r2/%07d.dpx, relative to a vault root"
    )
    movie: VaultPath | None = Field(None, description="movie file, relative to a vault root")
    first: int | None = Field(None, ge=0, description="number of the first frame; the lowest found when not given")
    last: int | None = Field(
        None, ge=0, description="number of the last frame, inclusive; the highest found if not given"
    )
    fps: Rate | None = Field(None, description="frames a second, e.g. 18 or 24000/1001; required for image sequences")
    space: Space = Field(description="what the codes mean: printing-density, print-density, rec709, srgb, scene-linear")
    bit_depth: Literal[8, 10, 12, 16] | None = Field(None, description="bits per channel, if the headers lie")
    infrared: Infrared | None = Field(
        None,
        description="the scanner's infrared maps, one for each frame and of its size, which show dirt on color film: "
        "scans/harbor/r2/ir/%07d.tif, or fourth-channel where they are the fourth channel of the scan's own files",
    )
    allow: tuple[Literal["gaps", "fps-mismatch", "size-change", "truncated"], ...] = Field(
        (),
        description="faults that a person has looked at and accepts, each listed in the report. gaps: numbers are "
        "missing; a shot ends there. size-change: packing, byte order or compression change, never size or depth. "
        "truncated: a file is shorter than its header says but holds every pixel. "
        "fps-mismatch: headers name another rate",
    )

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if (self.frames is None) == (self.movie is None):
            raise ValueError("a scan has either 'frames' (an image sequence) or 'movie' (a file)")
        if self.infrared == FOURTH_CHANNEL and self.movie is not None:
            raise ValueError("a movie has no fourth channel: give 'infrared' as an image sequence")
        if self.frames is not None and self.fps is None:
            raise ValueError("'fps' is required for an image sequence: its files do not say how fast the film runs")
        if self.first is not None and self.last is not None and self.last < self.first:
            raise ValueError(f"'last' {self.last} lies before 'first' {self.first}")
        return self


class ShotRange(Manifest):
    """One shot, overriding detection."""

    first: int = Field(ge=0, description="reel number of its first frame")
    last: int = Field(ge=0, description="reel number of its last frame, inclusive")

    @model_validator(mode="after")
    def _forward(self) -> Self:
        if self.last < self.first:
            raise ValueError(f"'last' {self.last} lies before 'first' {self.first}")
        return self


class Ffv1Delivery(Manifest):
    """RGB FFV1 in Matroska in the space of the scan: the restored master, lossless."""

    kind: Literal["ffv1"] = "ffv1"
    bit_depth: Literal[8, 10, 12, 16] | None = Field(
        None, description="the scan's own when not given; 16 for float scans"
    )
    origin: bool = Field(True, description="write the synthesis map, where each pixel comes from, beside it")


class SdrDelivery(Manifest):
    """Rec.709 H.264 access copy."""

    kind: Literal["sdr"] = "sdr"
    mastering: SdrMastering = SdrMastering()
    crf: int = Field(16, ge=0, le=40, description="x264 constant rate factor")
    origin: bool = Field(False, description="write the synthesis map of the graded copy beside it")


class Hdr10Delivery(Manifest):
    """Rec.2100 PQ HEVC, 10 bit, with measured light levels."""

    kind: Literal["hdr10"] = "hdr10"
    mastering: HdrMastering = HdrMastering()
    crf: int = Field(14, ge=0, le=40, description="x265 constant rate factor")
    origin: bool = Field(False, description="write the synthesis map of the graded copy beside it")


DisplayDelivery = SdrDelivery | Hdr10Delivery
Delivery = Annotated[Ffv1Delivery | DisplayDelivery, Field(discriminator="kind")]


class Budget(Manifest):
    """What the work may cost before it stops."""

    money: float | None = Field(None, gt=0, description="at the lab's rates and in its currency")
    hours: float | None = Field(None, gt=0, description="wall-clock hours of computing")


class Reel(Manifest):
    """One reel, as its manifest prescribes."""

    schema_: Literal[1] = Field(alias="schema", description="version of this schema")
    id: ReelId = Field(description="unique in the archive; names the folder of masters")
    title: str = Field(min_length=1)
    film: str | None = Field(None, description="the film this reel belongs to")
    stock: str | None = Field(
        None,
        description="film stock, e.g. kodak-2393; decay works with its dyes if it knows them and is told no others",
    )
    base: Base | None = None
    gauge: Literal["8mm", "super-8", "9.5mm", "16mm", "super-16", "28mm", "35mm", "65mm", "70mm"] | None = None
    year: int | None = Field(None, ge=1880, le=2100)
    element: Element | None = None
    scan: Scan
    shots: tuple[ShotRange, ...] | None = Field(
        None, min_length=1, description="overrides cut detection; must cover the scan without gaps"
    )
    profile: Profile = Field(
        Profile.RESTORATION,
        description="how far a restoration may go from the scan. forensic: not at all, each code of the master is the "
        "scan's. fidelity: nothing is interpolated or generated and no grain laid; what no frame knows stays as found",
    )
    masks: FramePattern | None = Field(
        None,
        description="marks made by hand, PNG, TIFF or JPEG XL of the frames' size, white where repair shall mend "
        "whatever it thinks itself: masks/harbor/r2/%07d.png; a frame without a file has none",
    )
    treatments: tuple[Treatment, ...] = Field((), description="in the order of work")
    delivery: tuple[Delivery, ...] = Field((Ffv1Delivery(),), min_length=1)
    budget: Budget = Budget()
    notes: str | None = None

    @field_validator("profile")
    @classmethod
    def _typed(cls, profile: Profile) -> Profile:
        if cls is Reel and profile is not Profile.RESTORATION:
            raise ValueError(f"a reel of the profile {profile.value} has a type of its own, see manifests.profiles")
        return profile

    @field_validator("delivery")
    @classmethod
    def _each_kind_once(cls, delivery: tuple[Delivery, ...]) -> tuple[Delivery, ...]:
        kinds = [d.kind for d in delivery]
        if len(set(kinds)) != len(kinds):
            raise ValueError(f"each kind of delivery once, not {', '.join(kinds)}")
        return delivery

    @field_validator("shots")
    @classmethod
    def _without_gaps(cls, shots: tuple[ShotRange, ...] | None) -> tuple[ShotRange, ...] | None:
        for earlier, later in pairwise(shots or ()):
            if later.first != earlier.last + 1:
                raise ValueError(
                    f"shot {later.first}-{later.last} does not follow on shot {earlier.first}-{earlier.last}"
                )
        return shots

    @model_validator(mode="after")
    def _stock_is_said_once(self) -> Self:
        named = self.stock if self.stock in stocks() else "generic-negative" if self.element in NEGATIVES else None
        if named is not None:
            told = (
                each.model_copy(update={"stock": named})
                if isinstance(each, DecayCorrection) and "stock" not in each.model_fields_set
                else each
                for each in self.treatments
            )
            object.__setattr__(self, "treatments", tuple(told))
        return self

    @model_validator(mode="after")
    def _shots_cover_the_scan(self) -> Self:
        for end, of_scan, of_shots in (
            ("first", self.scan.first, self.shots[0].first if self.shots else None),
            ("last", self.scan.last, self.shots[-1].last if self.shots else None),
        ):
            if of_scan is not None and of_shots is not None and of_scan != of_shots:
                raise ValueError(f"the shots' {end} frame is {of_shots}, the scan's {of_scan}: shots cover the scan")
        return self
