"""Grade a restored reel for a display: Rec.709 for 100 cd/m2, or Rec.2100 PQ for HDR10.

A reel is graded as a printer grades a print: one exposure and one contrast for all of it, so that its shots are not
pulled apart. Both are found in density, from the densities that the reel's whites and blacks really have, and both are
held within narrow limits: mastering places a picture on a display, it does not restore it. What is brighter than the
display can show is bent under its peak with the spline of ITU-R BT.2390 (section 5.4.1), here in density, channel by
channel, so that the brightest the reel holds arrives at the peak without a corner or a hard clip. In HDR the reel's
diffuse white lies at 203 cd/m2 (ITU-R BT.2408) and what the film holds above it may be spread towards the peak. The
curve is monotone and the same everywhere in the picture: it cannot invent a highlight where the film is blank.

Light levels are measured as CTA-861.3 defines them, on max(R, G, B) in cd/m2.
"""

import math
from collections.abc import Iterable
from typing import ClassVar, Literal, Self

import numpy as np
import torch
from pydantic import Field, model_validator
from torch import Tensor
from typing_extensions import override

from restorers.clip import Clip
from restorers.colorspace import FLARE, REFERENCE_WHITE_NITS, Space, density, linear_light, luma, pq_decoded
from restorers.render import Footage
from restorers.restorer import Bench, Remedy, Restorer, Scope

FLOOR = -math.log10(FLARE)
"""Density of no light at all."""

BLACK_TARGET = 1.94
"""Density the reel's blacks are printed down to: 0.07 % of white, 0.05 of a Rec.709 signal."""

CONTRAST_LIMITS = (0.9, 1.25)
EXPOSURE_LIMIT = 0.3  # density; one stop


class Grade(Remedy):
    """One exposure, one contrast, and where highlights and shadows bend."""

    display: Literal[Space.REC709, Space.PQ] = Field(description="what `displayed` encodes for")
    white: float = Field(description="density that becomes diffuse white")
    contrast: float = Field(gt=0, description="density gain about the white")
    brightest: float = Field(description="least density of any channel in the reel; bent to the peak if above it")
    darkest: float = Field(description="greatest density of any channel in the reel; bent to the floor if below it")
    expansion: float = Field(1.0, ge=1, description="density gain far above diffuse white; 1 is as filmed")
    peak_nits: float = Field(gt=0, description="brightest light of the master, cd/m2")
    found: str = Field("", description="how white and contrast were arrived at")

    @override
    def apply(self, clip: Clip, bench: Bench) -> Clip:
        """The graded clip, in density: 0 is diffuse white (100 cd/m2 in SDR, 203 in HDR), below 0 is brighter."""
        if self._idle and bool(((clip.frames >= -self.ceiling) & (clip.frames <= FLOOR)).all()):
            return clip
        return clip.toned(torch.stack(bench.map(self._printed, clip.frames)))

    def displayed(self, clip: Clip) -> Clip:
        """A graded density clip as the signal of its display, in [0, 1]: Rec.709, or PQ with BT.2020 primaries."""
        shown = clip.in_space(self.display)
        return shown.toned(torch.clamp(shown.frames, 0, 1))

    @property
    def ceiling(self) -> float:
        """How far the peak lies above diffuse white, in density."""
        return -float(density(torch.tensor(self.peak_nits / self._white_nits, dtype=torch.float64)))

    @property
    def _white_nits(self) -> float:
        return self.peak_nits if self.display is Space.REC709 else REFERENCE_WHITE_NITS

    @property
    def _idle(self) -> bool:
        expands = self.expansion > 1 and self.brightest < self.white
        bends = self._lightest > self.ceiling or self._darkest > FLOOR
        return self.white == 0 and self.contrast == 1 and not expands and not bends

    def _printed(self, frame: Tensor) -> Tensor:
        light = expanded((self.white - frame) * self.contrast, self.expansion)
        shade = -bent(light, extreme=self._lightest, limit=self.ceiling)
        return bent(shade, extreme=self._darkest, limit=FLOOR)

    @property
    def _darkest(self) -> float:
        return (self.darkest - self.white) * self.contrast

    @property
    def _lightest(self) -> float:
        light = torch.tensor((self.white - self.brightest) * self.contrast, dtype=torch.float64)
        return float(expanded(light, self.expansion))

    @override
    def summary(self) -> str:
        stops = self.white / math.log10(2)
        return (
            f"exposure {stops:+.2f} stops, contrast {self.contrast:.2f}, "
            f"highlights up to {self._shown_peak():.0f} of {self.peak_nits:.0f} cd/m2 ({self.found})"
        )

    def _shown_peak(self) -> float:
        shown = torch.tensor(-min(self._lightest, self.ceiling), dtype=torch.float64)
        return self._white_nits * float(linear_light(shown))


class _Mastering(Restorer):
    """What both displays ask of a reel: where its white and black lie."""

    white: float | None = Field(
        None, ge=-1.2, le=1.5, description="density of diffuse white, fixed by hand; measured when not given"
    )
    black: float | None = Field(
        None, ge=0.5, le=3, description="density of the deepest black, fixed by hand; measured when not given"
    )
    samples: int = Field(16, ge=1, le=256, description="frames looked at, spread over the reel")

    scope: ClassVar[Scope] = Scope.REEL
    remedy: ClassVar[type[Remedy]] = Grade

    highlights: ClassVar[float]
    """Share of the picture that is brighter than diffuse white."""

    shadows: ClassVar[float] = 0.005
    """Share of the picture that is darker than its black."""

    @model_validator(mode="after")
    def _white_is_brighter(self) -> Self:
        if self.white is not None and self.black is not None and self.black < self.white + 0.3:
            raise ValueError(f"black {self.black} is not at least 0.3 denser than white {self.white}")
        return self

    def _graded(self, footage: Footage, display: Literal[Space.REC709, Space.PQ], peak: float, gain: float) -> Grade:
        sampled = _sampled(footage, self.samples)
        lumas = luma(sampled)
        measured = _quantile(lumas, self.highlights), _quantile(lumas, 1 - self.shadows)
        white = self.white if self.white is not None else _held(measured[0], -EXPOSURE_LIMIT, EXPOSURE_LIMIT)
        black = self.black if self.black is not None else measured[1]
        contrast = _held(BLACK_TARGET / max(black - white, 0.3), *CONTRAST_LIMITS)
        found = (
            f"white {'set by hand' if self.white is not None else 'measured'} at {white:.2f} D, "
            f"black {'set by hand' if self.black is not None else 'measured'} at {black:.2f} D"
        )
        return Grade(
            display=display,
            white=white,
            contrast=contrast,
            brightest=_quantile(sampled.amin(dim=1), 1e-4),
            darkest=_quantile(sampled.amax(dim=1), 1 - 1e-4),
            expansion=gain,
            peak_nits=peak,
            found=found,
        )


class SdrMastering(_Mastering):
    """Rec.709 for a 100 cd/m2 display (ITU-R BT.1886)."""

    kind: Literal["sdr"] = "sdr"

    highlights: ClassVar[float] = 0.005

    @override
    def examine(self, footage: Footage, bench: Bench) -> Grade:
        """One grade for the reel; `footage` in density."""
        return self._graded(footage, Space.REC709, 100.0, 1.0)


class HdrMastering(_Mastering):
    """Rec.2100 PQ with diffuse white at 203 cd/m2."""

    kind: Literal["hdr10"] = "hdr10"
    peak_nits: int = Field(1000, ge=400, le=4000, description="brightest light the master may hold, cd/m2")
    expansion: float = Field(
        1.5, ge=1, le=3, description="density gain of highlights above diffuse white; 1 leaves them as filmed"
    )

    highlights: ClassVar[float] = 0.03

    @override
    def examine(self, footage: Footage, bench: Bench) -> Grade:
        """One grade for the reel; `footage` in density."""
        return self._graded(footage, Space.PQ, float(self.peak_nits), self.expansion)


def expanded(light: Tensor, gain: float, *, onset: float = 0.1) -> Tensor:
    """Log light with its part above 0 spread: slope 1 at 0, rising to `gain` over about `onset`, without a corner."""
    if gain == 1:
        return light
    bright = light > 0
    above = light[bright]
    return light.masked_scatter(bright, above + (gain - 1) * above * above / (above + onset))


def bent(values: Tensor, *, extreme: float, limit: float) -> Tensor:
    """Values with those near `limit` bent so that `extreme` arrives at it: the Hermite spline of BT.2390.

    The bend starts at `limit - (extreme - limit) / 2`, the latest knee from which the spline is monotone; its slope is
    1 there and 0 at the limit. Where the extreme does not exceed the limit, nothing bends.

    >>> bent(torch.tensor([0.0, 0.8, 1.0, 1.4]), extreme=1.4, limit=1.0)
    tensor([0.0000, 0.8000, 0.9407, 1.0000])
    """
    if extreme <= limit:
        return torch.clamp(values, max=limit)
    knee = limit - (extreme - limit) / 2
    near = values > knee
    t = torch.clamp((values[near] - knee) / (extreme - knee), max=1)
    start = (2 * t - 3) * t * t + 1
    slope = ((t - 2) * t + 1) * t
    spline = start * knee + slope * (extreme - knee) + (1 - start) * limit
    return values.masked_scatter(near, torch.clamp(spline, max=limit))


def light_levels(frames: Tensor) -> tuple[float, tuple[float, ...]]:
    """Brightest pixel and mean of each frame, in cd/m2 of max(R, G, B), of PQ frames `(T, 3, H, W)` in [0, 1].

    Measure what is delivered: frames rounded to the master's codes, without a mask of black around the picture.

    >>> light_levels(torch.full((2, 3, 4, 4), 1.0))
    (10000.0, (10000.0, 10000.0))
    """
    means = []
    brightest = 0.0
    for frame in frames:
        nits = pq_decoded(frame.amax(dim=0).to(torch.float64))
        brightest = max(brightest, float(nits.max()))
        means.append(float(nits.mean()))
    return brightest, tuple(means)


def content_light(levels: Iterable[tuple[float, tuple[float, ...]]]) -> tuple[int, int]:
    """MaxCLL and MaxFALL of a master from the `light_levels` of its windows: whole cd/m2, rounded up.

    >>> content_light([(203.0, (80.2, 90.0)), (480.2, (120.5,))])
    (481, 121)
    """
    windows = list(levels)
    if not windows:
        raise ValueError("a master without frames has no light levels")
    cll = max(brightest for brightest, _ in windows)
    fall = max(mean for _, means in windows for mean in means)
    # Codes are computed in float32: 1000.0001 is 1000.
    return math.ceil(round(cll, 1)), math.ceil(round(fall, 1))


def _held(value: float, low: float, high: float) -> float:
    return min(max(value, low), high)


def _sampled(footage: Footage, count: int, most: int = 65536) -> Tensor:
    """Sampled frames `(N, 3, h, w)` without their borders, each thinned to about `most` pixels."""
    frames = []
    for clip in footage.sample(count):
        height, width = clip.size
        step = max(1, math.ceil(math.sqrt(height * width / most)))
        inner = clip.frames[..., height // 20 : height - height // 20, width // 20 : width - width // 20]
        frames.append(inner[..., ::step, ::step].cpu())
    return torch.cat(frames)


def _quantile(values: Tensor, share: float) -> float:
    return float(np.quantile(values.numpy(), share))
