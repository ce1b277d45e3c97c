"""How far each density of a shot follows the changes of its light, and the evening of a frame by as much.

What is burnt out to white or blocked up in black shows the same density in every frame, or changes by less than the
rest of the picture: taking the whole flicker out of it would put it in. So the share of the change that pixels of
each density really show is measured over the shot.
"""

from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from restorers.geometry import warp

Floats: TypeAlias = NDArray[np.float64]
Singles: TypeAlias = NDArray[np.float32]
Modes: TypeAlias = tuple[tuple[int, int], ...]

LOWEST, HIGHEST, WIDTH = -0.1, 2.1, 0.025
BINS = round((HIGHEST - LOWEST) / WIDTH)
FINE = 25  # steps of a bin when a curve is read
REACH = 3.7  # times the median distance: 2.5 standard deviations
LIKELY = 0.5
CERTAINTY = 3.0
TALLY = (2, 3, BINS)
STEEPEST = 1.25


def tally(change: Singles, expected: Singles, densities: Singles) -> Floats:
    """What pixels of each density do while their light is expected to change, to be summed over pairs of frames.

    Args:
        change: `(cells, pixels, 3)` of density.
        expected: the same, by the light of the whole frame.
        densities: the same, mean of both frames.

    Returns:
        `(2, 3, BINS)`: of each channel what was found times what was expected, and that squared, over the variance of
        what is left.
    """
    where = np.clip((densities - LOWEST) * np.float32(1 / WIDTH), 0, BINS - 1).astype(np.intp)
    sums = np.zeros(TALLY)
    for channel in range(3):
        e, at = expected[..., channel].ravel(), where[..., channel].ravel()
        apart = change[..., channel].ravel() - e
        reach = np.maximum(np.abs(e), REACH * np.median(np.abs(apart)))
        apart = np.clip(apart, -reach, reach)
        # Pixels of a cell are one observation: flow leads them astray together.
        weight = 1 / (change.shape[1] * (np.mean(apart**2) + 1e-9))
        sums[0, channel] = weight * np.bincount(at, e * (e + apart), BINS)
        sums[1, channel] = weight * np.bincount(at, e * e, BINS)
    return sums


def curve(sums: Floats, largest: float) -> Floats:
    """The share of a change of light `(3, BINS)` that each density shows, in [0, 1]; 1 where no less is certain.

    Args:
        sums: of tallies.
        largest: change of density that is to be taken out; no brighter pixel may become the darker one by it.
    """
    found, precision = sums + 1 / LIKELY**2
    share = np.clip(found / precision, 0, 1)
    share = np.where(1 - share > CERTAINTY / np.sqrt(precision), share, 1.0)
    apart = WIDTH * np.abs(np.arange(BINS)[:, None] - np.arange(BINS))
    return np.asarray((share[:, :, None] + apart / (STEEPEST * max(largest, 1e-9))).min(axis=1).clip(0, 1))


def evened(
    frame: Tensor, change: Tensor, out: Tensor, *, middle: Floats, modes: Modes, response: Tensor | None = None
) -> None:
    """Write to `out` a frame without a change of its light.

    Args:
        frame: `(3, H, W)` in density.
        change: float64 `(3, K + 1)`, level and shading of the modes in density, then the gain.
        out: `(3, H, W)`.
        middle: `(3,)` density about which the gain turns.
        modes: of level and shading.
        response: `(3, BINS)`, from `curve`; all densities follow the light where it is not given.
    """
    half = change[:, -1] / 2  # a gain about the mean of the frame with and without it
    down, across = warp.factors(change[:, :-1] / (1 + half[:, None]), (frame.shape[-2], frame.shape[-1]), modes)
    down[..., 0] -= (2 * half * torch.from_numpy(middle).to(half) / (1 + half))[:, None]
    for channel in range(3):
        scale = float((1 - half[channel]) / (1 + half[channel]))
        torch.addmm(frame[channel], down[channel].to(frame), across.to(frame), beta=scale, alpha=-1, out=out[channel])
        if response is not None and bool((response[channel] < 1).any()):
            torch.lerp(frame[channel], out[channel], _read(response[channel], frame[channel]), out=out[channel])


def _read(response: Tensor, densities: Tensor) -> Tensor:
    """A curve `(BINS,)` at densities, straight between the middles of its bins."""
    steps = torch.linspace(-0.5, BINS - 0.5, BINS * FINE + 1, device=response.device, dtype=torch.float64)
    left = steps.clamp(0, BINS - 1).floor().clamp(max=BINS - 2).long()
    share = steps.clamp(0, BINS - 1) - left
    table = torch.lerp(response[left].double(), response[left + 1].double(), share).to(densities)
    where = densities.sub(LOWEST).mul_(FINE / WIDTH).add_(0.5).clamp_(0, BINS * FINE)
    return table[where.to(torch.int64)]
