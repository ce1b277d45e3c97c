"""Lay film grain: density noise that grows with the root of density and is correlated over a clump's size.

A print's density comes of many small clouds of dye, so that its variance over an aperture is proportional to the
density (Nutting, On the Absorption of Light in Heterogeneous Media, Philosophical Magazine 26, 1913; Selwyn, A Theory
of Graininess, Photographic Journal 75, 1935). The clouds' size and the scanner's aperture shape its spectrum, here
a Gaussian.
"""

from dataclasses import replace

import numpy as np
import scipy.fft
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from restorers.clip import Clip
from restorers.colorspace import Space
from restorers.damage.chance import numbers
from restorers.restorer import Bench

FOG = 0.05  # density that even clear film has grain for


class Graining(BaseModel):
    """How much grain, how coarse."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sigma: float = Field(0.025, ge=0, le=0.5, description="standard deviation of density where the density is 1")
    radius: float = Field(0.7, gt=0, le=8, description="Gaussian radius of a grain clump in pixels")
    common: float = Field(0.5, ge=0, le=1, description="share of the variance that the three layers have in common")


def grain(clip: Clip, graining: Graining, bench: Bench) -> tuple[Clip, Tensor]:
    """The clip with grain on it, in the space it came in, and the density `(T, 3, H, W)` the grain added."""
    density = clip.in_space(Space.DENSITY)
    fields = bench.map(lambda number: _field(clip.size, graining, bench, number), clip.numbers)
    level = torch.sqrt(torch.clamp(density.frames, min=0) + FOG) * (graining.sigma / (1 + FOG) ** 0.5)
    laid = level * torch.from_numpy(np.stack(fields)).to(level.device)
    return replace(density, frames=density.frames + laid).in_space(clip.space), laid


def clumped(white: NDArray[np.float32], radius: float) -> NDArray[np.float32]:
    """White noise `(..., H, W)` given a Gaussian spectrum, its variance kept; it repeats at the edges.

    Args:
        white: unit variance.
        radius: standard deviation of the Gaussian clump in pixels.
    """
    height, width = white.shape[-2:]
    y, x = np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None, :]
    response = np.exp(-2 * np.pi**2 * radius**2 * (y**2 + x**2))
    full = np.exp(-2 * np.pi**2 * radius**2 * (y**2 + np.fft.fftfreq(width)[None, :] ** 2))
    response /= np.sqrt(np.mean(full**2))
    shaped = scipy.fft.rfft2(white) * response.astype(np.float32)
    return np.asarray(scipy.fft.irfft2(shaped, s=(height, width)), np.float32)


def _field(size: tuple[int, int], graining: Graining, bench: Bench, number: int) -> NDArray[np.float32]:
    height, width = size
    padded = (scipy.fft.next_fast_len(height, real=True), scipy.fft.next_fast_len(width, real=True))
    white = numbers(bench, "grain", number).standard_normal((4, *padded), dtype=np.float32)
    mixed = np.sqrt(np.float32(graining.common)) * white[3] + np.sqrt(np.float32(1 - graining.common)) * white[:3]
    return clumped(mixed, graining.radius)[:, :height, :width]
