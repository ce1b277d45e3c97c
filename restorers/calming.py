"""Grain taken off: first in time, where it is independent from frame to frame and the picture is not, then in space.

Neighbors are brought to the frame along the flow and averaged with it where they differ by no more than grain does.
Dabov, Foi, Egiazarian's block matching (VBM3D, 2007) and every motion-compensated filter before it rest on the same
fact. Each step says what share of the grain's standard deviation it left, pixel by pixel.
"""

from collections.abc import Mapping

import cv2
import numpy as np
import torch
from torch import Tensor

from restorers.clip import Clip
from restorers.grain import Floats, GrainModel, spectrum
from restorers.motion import Flow, Picture, Weights, displacement, flow, resampled, texture

NEIGHBORS = (-1, 1, -2, 2)
DOUBT = 1.5
CALM = 1.0  # pixels: Gauss filter of calm areas
SMOOTHING = 12.0


def fused(
    clip: Clip, number: int, pictures: Mapping[int, Picture], model: GrainModel, *, strength: float
) -> tuple[Tensor, Tensor]:
    """A frame averaged with its neighbors in the clip.

    Args:
        clip: density; holds the frame and up to two neighbors each side.
        number: reel number of the frame.
        pictures: `luma_for_flow` of these frames, by reel number.
        model: its grain.
        strength: 0 leaves the frame as it is.

    Returns:
        The frame `(3, H, W)`, and the share of its grain that is left `(H, W)`, in (0, 1].
    """
    frame, picture = clip[number], pictures[number]
    variance = 2 * _squared_sigma(frame, model)
    total, weights = frame.clone(), []
    sure = texture(picture)
    around = cv2.GaussianBlur(sure, (0, 0), SMOOTHING) + 1e-6
    for distance in NEIGHBORS:
        if number + distance not in clip.numbers:
            continue
        motion = _steadied(flow(picture, pictures[number + distance]), sure, np.asarray(around, np.float32))
        field = displacement(motion, clip.size).to(frame.device)
        there = resampled(clip[number + distance][None], field[None])[0]
        spot = (there - frame).square_().mean(0).div_(variance)
        miss = _blurred(spot, 7)
        weight = miss.sub_(1.2).clamp_(min=0).mul_(-DOUBT).sub_(spot.sub_(9).clamp_(min=0).mul_(0.5)).exp_()
        total += there.mul_(weight)
        weights.append(weight)
    sum_of_weights = 1 + sum(weights, torch.zeros_like(variance))
    own = (1 - strength) + strength / sum_of_weights
    lent = sum(((strength * w / sum_of_weights) ** 2 for w in weights), torch.zeros_like(variance))
    mean = total.div_(sum_of_weights)
    return mean.sub_(frame).mul_(strength).add_(frame), own.square_().add_(lent).sqrt_()


def calmed(picture: Tensor, share: Tensor, model: GrainModel, *, strength: float) -> tuple[Tensor, Tensor]:
    """A frame `(3, H, W)` with the grain that is left softened where the picture is flat, and the share left then."""
    left = _squared_sigma(picture, model).sqrt_().mul_(share)
    gray = picture.mean(0)
    detail = _blurred(_gauss(gray, 1.2).sub_(_gauss(gray, 2.5)).square_(), 9)
    flatness = detail.neg_().div_(left.mul_(0.35).square_().clamp_(min=1e-12)).exp_()
    amount = flatness.mul_(strength)
    soft = torch.stack([_gauss(channel, CALM) for channel in picture])
    linear, square = _lost(model.autocorrelation)
    kept = torch.sqrt(torch.clamp(1 - 2 * amount * linear + amount**2 * square, min=0))
    return soft.sub_(picture).mul_(amount).add_(picture), kept.mul_(share)


def _squared_sigma(frame: Tensor, model: GrainModel) -> Tensor:
    """Mean variance of the channels' grain at each pixel, `(H, W)`."""
    sigma = model.sigma_at(torch.stack([_gauss(channel, 2.0) for channel in frame]))
    return sigma.square_().mean(0).clamp_(min=1e-10)


def _steadied(motion: Flow, sure: Weights, around: Weights) -> Flow:
    """A flow that follows its surroundings where the picture has nothing to hold on to, so as not to follow grain.

    `sure` says where it has, `around` how much of that lies in the surroundings.
    """
    course = cv2.GaussianBlur(motion * sure[..., None], (0, 0), SMOOTHING) / around[..., None]
    return np.asarray(course + (motion - course) * sure[..., None], np.float32)


def _lost(autocorrelation: Floats) -> tuple[float, float]:
    """Shares of grain's power that the Gauss filter of calm areas takes: of 1 - G, and of (1 - G) squared."""
    size = 64
    power = spectrum(autocorrelation, size).astype(np.float64)
    fy, fx = np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size)[None]
    passed = np.exp(-2 * (np.pi * CALM) ** 2 * (fy**2 + fx**2))
    twice = np.full(power.shape, 2.0)
    twice[:, 0] = twice[:, -1] = 1.0
    mass = power * twice / (power * twice).sum()
    return float((mass * (1 - passed)).sum()), float((mass * (1 - passed) ** 2).sum())


def _gauss(plane: Tensor, sigma: float) -> Tensor:
    soft = cv2.GaussianBlur(plane.cpu().numpy(), (0, 0), sigma)
    return torch.from_numpy(soft).to(plane.device)


def _blurred(plane: Tensor, size: int) -> Tensor:
    return torch.from_numpy(cv2.blur(plane.cpu().numpy(), (size, size))).to(plane.device)
