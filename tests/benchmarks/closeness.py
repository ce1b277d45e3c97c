"""How close enlarged frames come to the original, as the literature on super-resolution measures it, and as we do."""

import numpy as np
import torch
from numpy.typing import NDArray

from restorers.metrics.fidelity import decibels, ssim
from tests.benchmarks.footage import decoded
from tests.benchmarks.moves import Floats
from tests.benchmarks.peers import Frames

EDGE = 8  # pixels at the edges that are not judged, but for the literature's own protocol
LEAST = 1e-7  # squared error: 70 dB


def luma(frames: NDArray[np.generic]) -> Floats:
    """BT.601 luma of studio range `(..., H, W)`, 16 to 235, of 8-bit codes `(..., H, W, 3)`; not rounded."""
    return 16 + frames.astype(np.float64) @ np.array([65.481, 128.553, 24.966]) / 255


def luma_psnr(wanted: Floats, done: Floats, shave: int) -> float:
    """PSNR of luma planes `(H, W)` of a peak of 255, `shave` pixels off each side."""
    inside = np.s_[..., shave:-shave, shave:-shave]
    return _capped(((wanted[inside] - done[inside]) / 255) ** 2)


def luma_ssim(wanted: Floats, done: Floats, shave: int) -> float:
    """SSIM of the same."""
    planes = [torch.from_numpy(p[shave:-shave, shave:-shave] / 255).expand(3, -1, -1) for p in (wanted, done)]
    return ssim(planes[0], planes[1])


def psnr(wanted: Frames, done: Frames) -> float:
    """PSNR of 8-bit frames `(T, H, W, 3)`, all channels and frames together, without their edges."""
    inside = np.s_[:, EDGE:-EDGE, EDGE:-EDGE]
    return _capped(((wanted[inside].astype(np.float32) - done[inside]) / 255) ** 2)


def alike(wanted: Frames, done: Frames) -> float:
    """SSIM of luma, the mean over the frames."""
    return float(np.mean([ssim(a, b) for a, b in zip(decoded(wanted).frames, decoded(done).frames, strict=True)]))


def _capped(errors: NDArray[np.floating]) -> float:
    return decibels(max(float(errors.mean(dtype=np.float64)), LEAST))
