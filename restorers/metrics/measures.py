"""Everything that is measured on a shot, before its restoration against after, in one pass over both.

Both sides are measured at the scan's size: an enlarged picture is averaged down first, so that weave is in pixels of
the scan and sharpness is compared at equal frequencies. Memory is bounded by two frames and a few numbers a frame.
"""

from collections.abc import Iterable, Iterator
from itertools import zip_longest
from typing import Self

import cv2
import numpy as np
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from restorers.clip import Clip
from restorers.colorspace import Space, converted, luma
from restorers.metrics.fidelity import color_difference, decibels, squared_error, ssim
from restorers.metrics.flicker import Exposure, Flicker
from restorers.metrics.grain import grain_fineness, grain_sigma
from restorers.metrics.registration import Picture
from restorers.metrics.sharpness import sharpness
from restorers.metrics.spectrum import Spectra
from restorers.metrics.weave import PicturePath, weave

COLOR_PIXELS = 20_000


class Appearance(BaseModel):
    """What was measured on one side: the shot as found, or as restored. None where the shot says nothing about it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    weave_x: float | None = Field(description="standard deviation of sideways weave, pixels of the scan")
    weave_y: float | None = Field(description="standard deviation of vertical weave, pixels of the scan")
    flicker: Flicker | None = Field(description="unsteady exposure, density")
    sharpness: float | None = Field(description="amplitude of the picture's fine over its coarse detail, grain aside")
    grain_sigma: float | None = Field(description="standard deviation of the grain of luma, density")
    grain_fineness: float | None = Field(description="share of the grain's variance above 1/4 cycle per pixel")
    grain_spectrum: tuple[float, ...] = Field(
        description="power of grain by frequency, 23 bins of 1/32 cycle per pixel"
    )
    picture_spectrum: tuple[float, ...] = Field(description="power of the picture in the same bins")
    density: tuple[float, ...] = Field(description="mean density of luma of each frame")
    path_x: tuple[float, ...] = Field(description="where the picture stands in each frame, pixels right of the first")
    path_y: tuple[float, ...] = Field(description="the same, pixels below the first")


class Measures(BaseModel):
    """A shot before its restoration against after."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    first: int = Field(description="reel number of the first frame")
    frames: int
    before: Appearance
    after: Appearance
    psnr: float | None = Field(description="of after to before in Rec.709, dB; None where sizes differ or all is equal")
    ssim: float | None = Field(description="mean over the frames, of luma in Rec.709; None where sizes differ")
    color_difference: float | None = Field(
        description="mean CIEDE2000 between after and before; None where sizes differ"
    )


class ShotMeter:
    """Takes the frames of a shot, before and after, as they come."""

    def __init__(self) -> None:
        self._first: int | None = None
        self._frames = 0
        self._before, self._after = _SideMeter(), _SideMeter()
        self._errors: list[float] = []
        self._ssims: list[float] = []
        self._colors: list[float] = []

    def add(self, before: Clip, after: Clip) -> Self:
        """Some more frames of both, the same reel numbers; sizes may differ.

        Raises:
            ValueError: the clips do not hold the same frames, or they do not follow on the last.
        """
        if before.numbers != after.numbers:
            raise ValueError(
                f"measured side by side: frames {before.first}-{before.stop - 1} before, "
                f"but {after.first}-{after.stop - 1} after"
            )
        if self._first is None:
            self._first = before.first
        if before.first != self._first + self._frames:
            raise ValueError(f"frame {self._first + self._frames} comes next, not {before.first}")
        size = before.size
        for a, b in zip(before.frames, after.frames, strict=True):
            self._before.add(_scan_luma(a, before.space, size))
            self._after.add(_scan_luma(b, after.space, size))
            self._compare(a, before.space, b, after.space)
        self._frames += len(before)
        return self

    @property
    def measures(self) -> Measures:
        """What was measured on the frames so far.

        Raises:
            ValueError: there were none.
        """
        if self._first is None:
            raise ValueError("a shot without frames has no measures")
        error = np.mean(self._errors) if self._errors else 0.0
        return Measures(
            first=self._first,
            frames=self._frames,
            before=self._before.appearance,
            after=self._after.appearance,
            psnr=decibels(float(error)) if error > 0 else None,
            ssim=float(np.mean(self._ssims)) if self._ssims else None,
            color_difference=float(np.mean(self._colors)) if self._colors else None,
        )

    def _compare(self, before: Tensor, before_space: Space, after: Tensor, after_space: Space) -> None:
        if before.shape != after.shape:
            return
        a, b = converted(before, before_space, Space.REC709), converted(after, after_space, Space.REC709)
        self._errors.append(squared_error(a, b))
        self._ssims.append(ssim(a, b))
        step = max(round((a[0].numel() / COLOR_PIXELS) ** 0.5), 1)
        thin = (slice(None), slice(step // 2, None, step), slice(step // 2, None, step))
        self._colors.append(float(color_difference(a[thin], b[thin], Space.REC709).mean()))


def measure(before: Iterable[Clip], after: Iterable[Clip]) -> Measures:
    """A shot measured before against after.

    Args:
        before: the frames as found, in order, in clips of any length and any scan or display space.
        after: the same frames as restored; clips may be cut otherwise and be larger.

    Raises:
        ValueError: one side has frames that the other has not.
    """
    meter = ShotMeter()
    for a, b in zip_longest(_singly(before), _singly(after)):
        if a is None or b is None:
            raise ValueError(f"frame {(a or b).first} is only there {'after' if a is None else 'before'} restoration")
        meter.add(a, b)
    return meter.measures


class _SideMeter:
    def __init__(self) -> None:
        self.path, self.exposure, self.spectra = PicturePath(), Exposure(), Spectra()

    def add(self, gray: Picture) -> None:
        shift = self.path.add(gray)
        self.exposure.add(gray, shift)
        self.spectra.add(gray, shift)

    @property
    def appearance(self) -> Appearance:
        path, spectra = self.path.path, self.spectra.radial
        steadiness = weave(path) or (None, None)
        return Appearance(
            weave_x=steadiness[0],
            weave_y=steadiness[1],
            flicker=self.exposure.flicker,
            sharpness=sharpness(spectra.picture) if spectra else None,
            grain_sigma=grain_sigma(spectra.grain) if spectra else None,
            grain_fineness=grain_fineness(spectra.grain) if spectra else None,
            grain_spectrum=tuple(spectra.grain.tolist()) if spectra else (),
            picture_spectrum=tuple(spectra.picture.tolist()) if spectra else (),
            density=tuple(self.exposure.means),
            path_x=tuple(path[:, 0].tolist()),
            path_y=tuple(path[:, 1].tolist()),
        )


def _singly(clips: Iterable[Clip]) -> Iterator[Clip]:
    for clip in clips:
        for number in clip.numbers:
            yield clip.between(number, number + 1)


def _scan_luma(frame: Tensor, space: Space, size: tuple[int, int]) -> Picture:
    gray = luma(converted(frame, space, Space.DENSITY))[0].cpu().numpy()
    if gray.shape != size:
        gray = cv2.resize(gray, size[::-1], interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(gray, np.float32)
