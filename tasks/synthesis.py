"""Synthesis maps for people: what lies beside them so that they can be read when this program is gone, and pictures."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from restorers.profile import Profile
from restorers.synthesis import Tally, legend
from tasks.lab import Lab
from tasks.media.playback import clips, marks
from tasks.pictures import Codes, codes, png
from tasks.render import Rendered, Segment
from tasks.report.painting import painted

FORM = (
    "A synthesis map says of every pixel of a delivered reel where it comes from. It is a Matroska file of one FFV1 "
    "(IETF RFC 9043) stream, gray, 8 bit, full range: one frame for each frame of the delivery, in order, and one byte "
    "for each of its pixels, which is the pixel's mark. Where several steps changed a pixel, the greatest of their "
    "marks stays. The marks are no light: scale a map by repetition only."
)


class MapAccount(BaseModel):
    """One synthesis map, and how many of its pixels bear each mark."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    of: str = Field(description="file of the delivery it belongs to")
    pixels: Tally = Field(description="over all frames")
    shots: tuple[Tally, ...] = Field(description="of each shot, in order")


class Synthesis(BaseModel):
    """The synthesis maps of a delivered reel, and what its marks mean."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    form: str = FORM
    legend: dict[int, str] = Field(default_factory=legend, description="what each mark means")
    profile: Profile
    proof: str = Field(description="what was promised, and how many pixels break it")
    maps: tuple[MapAccount, ...]


SHOWN = 3  # frames of a shot


def mapped_frames(rendered: Rendered, lab: Lab) -> dict[int, float]:
    """The frames of a shot whose maps have most to show, and the share of their pixels that are not their own.

    By reel number, in order; none where none has anything, or no map was asked for.
    """
    shares: dict[int, float] = {}
    for segment in rendered.of("ffv1"):
        facts = segment.facts(lab)
        if "origin" in segment.outputs:
            pixels = facts.height * facts.width
            shares |= {segment.first + place: count / pixels for place, count in enumerate(facts.synthetic) if count}
    most = sorted(shares, key=lambda number: (-shares[number], number))[:SHOWN]
    return {number: shares[number] for number in sorted(most)}


def map_pictures(rendered: Rendered, lab: Lab) -> dict[str, bytes]:
    """The maps of the `mapped_frames` over their pictures, as PNG files by name, `map-<frame>`."""
    wanted = mapped_frames(rendered, lab)
    files = {}
    for segment in rendered.of("ffv1"):
        if any(segment.first <= number < segment.stop for number in wanted):
            for number, picture, origin in _frames(segment, rendered, lab):
                if number in wanted:
                    files[map_name(number)] = png(painted(picture, origin))
    return files


def map_name(number: int) -> str:
    """Name of the picture of a frame's map."""
    return f"map-{number}"


def _frames(segment: Segment, rendered: Rendered, lab: Lab) -> Iterator[tuple[int, Codes, NDArray[np.uint8]]]:
    """Number, picture and marks of each frame of a segment."""
    pictures = clips(lab.store.path(segment.outputs["segment"]), rendered.shot.scan.space, segment.first)
    for clip, origin in zip(pictures, marks(lab.store.path(segment.outputs["origin"])), strict=True):
        yield clip.first, codes(clip), origin
