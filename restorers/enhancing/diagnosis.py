"""What ails a shot: its grain or noise, its blur, and what a codec did to it."""

from collections.abc import Iterator

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from restorers.clip import Clip
from restorers.detail import granularity
from restorers.detail.character import Character, Kind, character
from restorers.detail.course import Courses
from restorers.detail.exposures import BLOCK
from restorers.detail.fusion import REACH, averaged
from restorers.detail.grain import GrainModel
from restorers.enhancing.drawing import brightness, slope
from restorers.enhancing.sharpness import blur_radius
from restorers.networks.enhancer import Condition, luma_chroma
from restorers.render import Footage
from restorers.restorer import Bench

LOOKS = 3
VISIBLE = 0.004  # brightness: noise that is no more than rounding to 8 bits makes
MARGIN = 0.5
"""Pixels of a blur as measured that are not undone: soft things look blurred, and a picture sharpened for a blur that
it does not have is far worse than one left soft (measured: 10 dB for 0.9 pixels; a blur half undone is 1 dB short)."""
BLOCKY = 0.2  # how much steeper luma is on a codec's grid, from which on a shot is held for coded
HARMLESS = 0.02
"""Brightness: the most coding error a network is told of a measurement, which is rough: of more it gains next to
nothing where it is true, and takes detail off where it is not."""
FOREIGN = 0.03
"""Probability of being film under which the random part of a shot is held for something else: that tells grain from
noise is a hint (the real films at hand are held for film with 0.06 and more), and grain that is gone is gone."""


class Diagnosis(BaseModel):
    """What ails a shot, as measured."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    grain: GrainModel = Field(description="the random part, whatever it is")
    visible: float = Field(ge=0, description="its standard deviation, brightness, as the shot shows it")
    film: float | None = Field(
        description="probability that it is grain of film; none where too little is shown to tell"
    )
    kind: Kind | None = Field(description="what it is most likely")
    coding: float = Field(ge=0, description="root mean square of what lossy coding changed, brightness")
    blur: float = Field(ge=0, description="radius of the blur beyond what sampling needs, pixels")

    @property
    def noisy(self) -> bool:
        """Whether there is more than rounding makes."""
        return self.visible > VISIBLE

    def condition(self, frame: Tensor, share: Tensor | float) -> Condition:
        """What a network is told of a frame `(3, H, W)`, density, a share `(H, W)` of whose grain is left."""
        if not self.noisy:
            return Condition(0.0, self.blur, self.coding)
        return Condition(_noise(self.grain, frame) * share, self.blur, self.coding)

    def words(self) -> str:
        """What was found, for people."""
        grain = f"grain {self.grain.strength:.3f} D, {self.grain.size:.1f} px ({self.grain.method})"
        if self.kind is None or not self.noisy:
            told = "not to be seen" if not self.noisy else "not told from other noise"
        elif self.kind == "film":
            told = f"film ({self.film:.0%} likely)"
        else:
            told = f"most likely {self.kind}, {self.film:.0%} likely film"
        others = (f"blur {self.blur:.1f} px" * (self.blur > 0), f"coding error {self.coding:.3f}" * (self.coding > 0))
        return ", ".join(filter(None, (f"{grain}, {told}", *others)))


def diagnosed(footage: Footage, bench: Bench, *, blurred: bool) -> Diagnosis:
    """What ails a shot; `footage` is in density.

    Args:
        footage: the shot.
        bench: does the work.
        blurred: whether its blur is measured too, at most at three places of it; otherwise it is said to have none.
    """
    grain = granularity.measured(footage)
    told = character(footage) if min(footage.size) >= BLOCK else None
    told = told if told and told.moving else None  # a single exposure says too little
    visible, blurs = [], []
    for number, clip in _places(footage, REACH if blurred else 0):
        visible.append(float(_noise(grain, clip[number]).median()))
        blur = _blur(clip, number, grain, visible[-1], bench) if blurred else None
        blurs += [] if blur is None else [blur]
    return Diagnosis(
        grain=grain,
        visible=float(np.median(visible)),
        film=told.film if told else None,
        kind=told.kind if told else None,
        coding=min(told.coding, HARMLESS) if told and _blocky(told) else 0.0,
        blur=max(float(np.median(blurs)) - MARGIN, 0.0) if blurs else 0.0,
    )


def _blocky(told: Character) -> bool:
    return told.kind == "compression" and told.lattice.grid16 >= BLOCKY


def _blur(clip: Clip, number: int, grain: GrainModel, visible: float, bench: Bench) -> float | None:
    """How blurred a frame is, pixels, its grain, as far as it is visible, averaged away along the motion."""
    calm, left = clip[number], visible
    if left > VISIBLE and len(clip) > 1 and min(clip.size) >= BLOCK:
        found = averaged(clip, number, Courses.of(clip, bench), grain)
        calm, left = found.frame, left * float(found.share.median())
    luma = luma_chroma(brightness(calm))[0]
    return blur_radius(np.ascontiguousarray(luma.cpu().numpy(), np.float32), left)


def _noise(grain: GrainModel, frame: Tensor) -> Tensor:
    """Standard deviation of the grain of a frame `(3, H, W)`, as brightness of its luma, `(H, W)`."""
    return torch.mean(grain.sigma_at(frame) * slope(frame), 0)


def _places(footage: Footage, reach: int) -> Iterator[tuple[int, Clip]]:
    """Three frames or fewer, spread evenly, each in a clip that reaches so many frames to either side of it."""
    numbers = [(number, span) for span in footage.spans for number in range(span.first, span.stop)]
    count = min(LOOKS, len(numbers))
    for i in range(count):
        number, span = numbers[(2 * i + 1) * len(numbers) // (2 * count)]
        yield number, footage.clip(max(number - reach, span.first), min(number + reach + 1, span.stop))
