"""What ails a shot: its grain or noise, its blur, and what a codec did to it."""

from collections.abc import Iterator

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from restorers.clip import Clip
from restorers.detail import granularity
from restorers.detail.character import Kind, character
from restorers.detail.course import Courses
from restorers.detail.exposures import BLOCK
from restorers.detail.fusion import REACH, averaged
from restorers.detail.grain import GrainModel
from restorers.enhancing.drawing import brightness, slope
from restorers.enhancing.sharpness import blur_radius
from restorers.networks.assessor import SIDE, STRIDE, Assessor
from restorers.networks.assessor import assessed as assess
from restorers.networks.enhancer import Condition, luma_chroma
from restorers.networks.weights import opened
from restorers.render import Footage
from restorers.restorer import Bench

LOOKS = 3
VISIBLE = 0.004  # brightness: noise that is no more than rounding to 8 bits makes
MARGIN = 0.5
"""Pixels of a blur as measured that are not undone: soft things look blurred, and a picture sharpened for a blur that
it does not have is far worse than one left soft (measured: 10 dB for 0.9 pixels; a blur half undone is 1 dB short)."""
SLIGHT = 0.004  # brightness: less coding error is not told of
SURE = 0.7
"""Probability, median of a frame's parts, from which on it is held for coded: to take off a clean picture what no codec
did costs decibels, to leave what one did some tenths."""
CORRECTED = (0.25, 10.0)
ENDS = (0.04, 0.96)
"""Brightness between which noise shows whole: nearer to black or white it is cut off, and seems less than there is."""
ENDED = 0.2  # share of a part that may be nearer, if the part is to tell noise
ALIKE = 1.3
"""Times that grain as measured in time is told of where it was coded: what a codec leaves of it is partly alike from
frame to frame, so that less of it shows in time, and less is averaged away (best on clips to develop on)."""
PARTS = (9, 16)
"""Parts of a frame that are assessed, down and across at most."""
FOREIGN = 0.003
"""Probability of being film under which the random part of a shot is held for something else: that tells grain from
noise is a hint (the real films at hand are held for film with 0.010 and more, most clean videos with less than 0.001),
and grain that is gone is gone."""


class Diagnosis(BaseModel):
    """What ails a shot, as measured."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    grain: GrainModel = Field(description="the random part, whatever it is")
    visible: float = Field(ge=0, description="its standard deviation, brightness, as the shot shows it")
    correction: float = Field(
        1.0,
        gt=0,
        description="times the strength measured that a network is told: coding takes noise off and leaves its traces, "
        "and texture of a single frame passes for noise",
    )
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
        return Condition(_noise(self.grain, frame) * (self.correction * share), self.blur, self.coding)

    def words(self) -> str:
        """What was found, for people."""
        grain = f"grain {self.grain.strength:.3f} D, {self.grain.size:.1f} px ({self.grain.method})"
        if self.kind is None or not self.noisy:
            told = "not to be seen" if not self.noisy else "not told from other noise"
        elif self.kind == "film":
            told = f"film ({self.film:.0%} likely)"
        else:
            told = f"most likely {self.kind}, {self.film:.0%} likely film"
        others = (
            f"held for {self.correction:g} times as strong" * (self.noisy and self.correction != 1),
            f"blur {self.blur:.1f} px" * (self.blur > 0),
            f"coding error {self.coding:.3f}" * (self.coding > 0),
        )
        return ", ".join(filter(None, (f"{grain}, {told}", *others)))


def diagnosed(footage: Footage, bench: Bench, *, blurred: bool, assessed: bool) -> Diagnosis:
    """What ails a shot; `footage` is in density.

    Args:
        footage: the shot.
        bench: does the work.
        blurred: whether its blur is measured too, at most at three places of it; otherwise it is said to have none.
        assessed: whether what a network is to be told of coding and noise is assessed, at these places; otherwise it
            is said not to be coded.

    Raises:
        MissingWeights: the assessor's are not there, or not the ones on its card.
    """
    grain = granularity.measured(footage)
    told = character(footage) if min(footage.size) >= BLOCK else None
    told = told if told and told.moving else None  # a single exposure says too little
    assessor = opened("assessor", Assessor, bench) if assessed and min(footage.size) >= BLOCK else None
    visible, blurs, assessments = [], [], []
    for number, clip in _places(footage, REACH if blurred else 0):
        visible.append(float(_noise(grain, clip[number]).median()))
        assessments += [] if assessor is None else [_assessed(assessor, grain, clip[number])]
        blur = _blur(clip, number, grain, visible[-1], bench) if blurred else None
        blurs += [] if blur is None else [blur]
    times, coding = np.median(assessments, 0) if assessments else (1.0, 0.0)
    coding = round(float(coding), 4) if coding > SLIGHT else 0.0
    if grain.method != "single-frame":
        times = ALIKE if coding else 1.0  # nothing tells it better than time
    return Diagnosis(
        grain=grain,
        correction=round(float(np.clip(times, *CORRECTED)), 2),
        visible=float(np.median(visible)),
        film=told.film if told else None,
        kind=told.kind if told else None,
        coding=coding,
        blur=max(float(np.median(blurs)) - MARGIN, 0.0) if blurs else 0.0,
    )


def _assessed(assessor: Assessor, grain: GrainModel, frame: Tensor) -> tuple[float, float]:
    """How many times stronger the noise of a frame was than its model says, and its coding error, brightness.

    Noise counts by the root of how likely it is: between telling it as far as it is likely, which tells too little of
    noise without color, and telling all of it where it is more likely than not, for which texture passes, too. Parts
    a fifth of which is at an end of the scale tell nothing of it, if there are others.
    """
    height, width = (length // STRIDE * STRIDE for length in frame.shape[1:])
    side = min(SIDE, height), min(SIDE, width)
    tops, lefts = (
        np.linspace(0, length - part, min(most, -(-length // part))).astype(int).tolist()
        for length, part, most in zip((height, width), side, PARTS, strict=True)
    )
    places = [np.s_[..., top : top + side[0], left : left + side[1]] for top in tops for left in lefts]
    picture, noise = luma_chroma(brightness(frame)), _noise(grain, frame)
    found = assess(assessor, torch.stack([picture[place] for place in places]))
    measured = np.array([float(noise[place].mean()) for place in places])
    ended = ((picture[0] < ENDS[0]) | (picture[0] > ENDS[1])).float()
    whole = np.array([float(ended[place].mean()) < ENDED for place in places])
    shows = np.array([float(picture[place][0].std()) >= SLIGHT for place in places])  # what is flat tells nothing
    coded = shows.any() and np.median(found.coded[shows]) > SURE
    coding = float(np.average(found.coding[shows] ** 2, weights=found.coded[shows])) ** 0.5 if coded else 0.0
    times = np.sqrt(found.noisy) * found.noise / np.maximum(measured, 1e-6)
    return float(np.median(times[whole] if whole.any() else times)), coding


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
