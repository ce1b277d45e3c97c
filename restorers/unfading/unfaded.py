"""The remedy of fading: how far each dye has gone, how sure that is, and what it makes of every density."""

from itertools import pairwise
from typing import Literal

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor
from typing_extensions import override

from restorers.clip import Clip, Origin
from restorers.restorer import Bench, Packed, Remedy
from restorers.unfading.baking import Colors
from restorers.unfading.lattice import Lattice, between
from restorers.unfading.optics import Reading
from restorers.unfading.references import Bands, Lamps, Shown
from restorers.unfading.severity import field

Triple = tuple[float, float, float]


class Station(BaseModel):
    """How severe the fading is at one frame."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    frame: int = Field(description="reel number")
    severity: float = Field(ge=0, description="1 is that of the reel")


class Unfading(Remedy):
    """What is left of the cyan, magenta and yellow dye, and what has come upon the base."""

    image: Literal["dyes", "silver"] = Field("dyes", description="what the picture is made of")
    share: Triple = Field((1.0, 1.0, 1.0), description="share of the cyan, magenta and yellow dye that is left")
    share_spread: Triple = Field((0.0, 0.0, 0.0), description="standard deviation of each share's logarithm")
    bend: float = Field(0.0, description="what is left of an amount c of dye is share * c ** (1 + bend)")
    stain: float = Field(0.0, description="density the base has gained at 400 nm")
    stain_spread: float = Field(0.0, description="standard deviation of the stain")
    stain_nm: float = Field(60.0, description="how wide it reaches from there, nm, a standard deviation")
    product: float = Field(0.0, description="density in blue of what an amount 1 of lost cyan has become")
    silver_stain: Triple = Field((0.0, 0.0, 0.0), description="of silver: density on the base in red, green and blue")
    silver_rise: Triple = Field((1.0, 1.0, 1.0), description="of silver: each channel's density against red's")
    silver_contrast: float = Field(1.0, description="of silver: share of its density that is left")
    stock: str = Field("generic", description="whose dyes it was fitted with and is undone by")
    scanner: Lamps | Bands = Field((), description="what the scanner's bands see, as it was said")
    reading: Reading = Field(Reading.DENSITY, description="how the film's own density is read from the clip's")
    colors: Colors = Field("projected", description="as it is projected, or as the scanner would have shown it")
    strength: float = Field(1.0, ge=0, le=1, description="0 leaves the film as found, 1 undoes all of it")
    noise: float = Field(0.0, ge=0, description="of the scan, density, by which it is told what is not known")
    unknown: float = Field(10.0, gt=0, description="dE beyond which a pixel's color counts as not known")
    stations: tuple[Station, ...] = Field((), description="severity along the reel, a straight line between; 1 if none")
    uneven: tuple[float, ...] = Field((), description="severity over the frame, see `severity.TERMS`; even if none")
    references: tuple[Shown, ...] = Field(
        (), description="the places it was told by; or, where nobody told, that might be"
    )
    confidence: float = Field(
        1.0, ge=0, le=1, description="how likely it brings colors closer to what they were; 1 where a person told"
    )
    found: str = Field("", description="how it was arrived at, or why nothing is done")
    severities: tuple[float, ...] = Field((), description="what each lattice is for; none where nothing is done")
    low: float = Field(0.0, description="density of the lattices' first node")
    high: float = Field(2.0, description="density of their last")
    lattices: Packed = Field(
        default_factory=lambda: np.zeros((0, 2, 2, 2, 4), np.float32),
        description="what becomes of densities in red, green and blue, and by how much dE it may be wrong",
    )

    @property
    def identity(self) -> bool:
        """Whether it leaves every clip as found, value for value."""
        return self.strength == 0 or not self.severities

    @override
    def apply(self, clip: Clip, bench: Bench) -> Clip:
        if self.identity:
            return clip
        colors, unsure = self.undone(clip, bench)
        marks = torch.where(unsure > self.unknown, int(Origin.UNCERTAIN), int(Origin.TONED))
        return clip.marked(colors, marks)

    def undone(self, clip: Clip, bench: Bench) -> tuple[Tensor, Tensor]:
        """The frames `(T, 3, H, W)` of a clip, and by how much dE they may be wrong `(T, H, W)`."""
        colors, unsure = torch.empty_like(clip.frames), torch.empty_like(clip.frames[:, 0])
        for place, number in enumerate(clip.numbers):
            out = colors[place : place + 1], unsure[place : place + 1]
            self._laid(clip.between(number, number + 1), out, bench)
        return colors, unsure

    def _laid(self, frame: Clip, out: tuple[Tensor, Tensor], bench: Bench) -> None:
        """One frame undone, into `out`."""
        tables = [Lattice(values, self.low, self.high) for values in self.lattices]
        if len(tables) == 1:
            tables[0].looked_up(frame.frames, bench, out=out)
            return
        severity = self.severity(frame.first)
        if not self.uneven:
            below, share = self._between(severity)
            between(tables[below], tables[below + 1], frame.frames, share, bench, out=out)
            return
        plane = np.clip(severity * field(self.uneven, frame.size), self.severities[0], self.severities[-1])
        last = len(tables) - 2
        for index, (lower, upper) in enumerate(pairwise(self.severities)):
            here = (plane >= lower) & ((plane < upper) | (index == last))
            if here.any():
                weight = bench.tensor((plane - lower) / (upper - lower))
                found = between(tables[index], tables[index + 1], frame.frames, weight, bench)
                there = torch.from_numpy(here).to(frame.frames.device)
                for target, made in zip(out, found, strict=True):
                    target.copy_(torch.where(there, made, target))

    def severity(self, number: int) -> float:
        """How severe the fading of a frame is, against the reel's."""
        if not self.stations:
            return 1.0
        frames, values = zip(*((each.frame, each.severity) for each in self.stations), strict=True)
        return float(np.interp(number, frames, values))

    def _between(self, severity: float) -> tuple[int, float]:
        values = np.array(self.severities)
        below = int(np.clip(np.searchsorted(values, severity, side="right") - 1, 0, len(values) - 2))
        return below, float((severity - values[below]) / (values[below + 1] - values[below]))

    @override
    def summary(self) -> str:
        if self.identity:
            return f"left as found: {self.found or 'strength 0'}"
        if self.image == "silver":
            stain, rise = (" ".join(f"{v:.2f}" for v in each) for each in (self.silver_stain, self.silver_rise))
            left = f"silver rises {rise}, {self.silver_contrast:.2f} of it left"
            return f"stain in red green blue {stain}, {left}, {self.found}"
        left = ", ".join(
            f"{name} {share:.2f} (+-{share * spread:.2f})"
            for name, share, spread in zip(("cyan", "magenta", "yellow"), self.share, self.share_spread, strict=True)
        )
        return (
            f"dyes left: {left}; stain {self.stain:.2f} (+-{self.stain_spread:.2f}) D at 400 nm, by dyes of "
            f"{self.stock}, {self.found}, confidence {self.confidence:.2f}"
        )
