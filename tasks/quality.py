"""How a restored shot compares with the shot as found to eyes that were trained: VMAF and LPIPS.

Both were trained to find what coding does to a picture. Restoration changes a picture on purpose, so neither says that
a shot got better; they say how far it was taken from what was found.
"""

from collections.abc import Iterable
from contextlib import ExitStack
from fractions import Fraction
from itertools import zip_longest
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from restorers.clip import Clip
from restorers.colorspace import Space
from restorers.metrics.perceptual import ALEX, MissingTrunk, PerceptualDistance, found
from restorers.metrics.perceptual import SMALLEST as SMALLEST_FOR_LPIPS
from restorers.restorer import MissingWeights
from tasks.lab import Lab
from tasks.media.vmaf import SMALLEST as SMALLEST_FOR_VMAF
from tasks.media.vmaf import Vmaf, VmafMeter

LPIPS_EVERY = 8  # frames; a 2K frame takes seconds on a core


class Quality(BaseModel):
    """VMAF and LPIPS of a restored shot against the shot as found; what is absent says why."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    vmaf: Vmaf | None = None
    vmaf_absent: str = Field("", description="why there is no VMAF")
    lpips: float | None = Field(None, description="mean over every 8th frame, AlexNet trunk")
    lpips_absent: str = Field("", description="why there is no LPIPS")

    @staticmethod
    def trunk_digests(trunks: Path | None) -> dict[str, str]:
        """Digests of the trunks that LPIPS would use, for recipes: a trunk that comes later changes what is found."""
        try:
            return {ALEX.name: found(trunks, ALEX)}
        except MissingTrunk:
            return {}


def quality(before: Iterable[Clip], after: Iterable[Clip], lab: Lab) -> Quality:
    """VMAF and LPIPS of one shot.

    Args:
        before: the frames as found, in order, in clips of any length and any space.
        after: the same frames as restored; clips may be cut otherwise.
        lab: `trunks` is where LPIPS finds its trunk; `workers` threads are used.

    Raises:
        ValueError: one side has frames that the other has not.
        EncodeError: ffmpeg failed.
    """
    distance, lpips_absent = _perceptual(lab.trunks)
    meter: VmafMeter | None = None
    distances: list[float] = []
    why = ""
    with ExitStack() as stack:
        for number, (a, b) in enumerate(zip_longest(_singly(before), _singly(after))):
            if a is None or b is None or a.first != b.first:
                raise ValueError(f"frame {(a or b).first} has no counterpart {'after' if a else 'before'} restoration")
            why = why or _incomparable(a, b)
            if why:
                continue
            meter = meter or stack.enter_context(VmafMeter(a.size, Fraction(24), threads=lab.workers))
            meter.add(a, b)
            if distance and number % LPIPS_EVERY == 0:
                distances.append(distance(a.in_space(Space.SRGB).frames[0], b.in_space(Space.SRGB).frames[0]))
        return Quality(
            vmaf=meter.finished() if meter and not why else None,
            vmaf_absent=why or ("" if meter else "the shot has no frames"),
            lpips=float(np.mean(distances)) if distances and not why else None,
            lpips_absent=why or lpips_absent,
        )


def _perceptual(trunks: Path | None) -> tuple[PerceptualDistance | None, str]:
    try:
        return PerceptualDistance(trunks), ""
    except MissingWeights as error:
        return None, f"not measured: {error}"


def _incomparable(before: Clip, after: Clip) -> str:
    if before.size != after.size:
        (h, w), (height, width) = before.size, after.size
        return f"not measured: {w} x {h} before and {width} x {height} after cannot be compared pixel by pixel"
    smallest = max(SMALLEST_FOR_LPIPS, SMALLEST_FOR_VMAF)
    if min(before.size) < smallest:
        return f"not measured: frames of {before.size[1]} x {before.size[0]} are smaller than {smallest} x {smallest}"
    return ""


def _singly(clips: Iterable[Clip]) -> Iterable[Clip]:
    for clip in clips:
        for number in clip.numbers:
            yield clip.between(number, number + 1)
