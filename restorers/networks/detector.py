"""The detector: a small U-shaped network that tells dirt on a frame from what moves, from its evidence.

Pixels are folded fourfold into channels first, so that most of the work is done on a quarter of them; plain 3 x 3
convolutions and ReLU, nothing that depends on more than the cell it looks at.

Ronneberger, Fischer, Brox, *U-Net: Convolutional Networks for Biomedical Image Segmentation*, MICCAI 2015.
doi:10.1007/978-3-319-24574-4_28
"""

import math
import operator
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

RARE = -3.0  # where it begins: dirt is rare
UNCALIBRATED = (1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
"""Weights that take the network at its word: of the log odds of an object's pixels, five other signs, a constant."""


class Detector(nn.Module):
    """How surely each pixel is dirt.

    Args:
        planes: of evidence.
        width: channels at half the size; twice as many at a quarter, somewhat more at an eighth.
    """

    calibration: Tensor

    def __init__(self, planes: int = 11, width: int = 24) -> None:
        super().__init__()
        wide, widest = 2 * width, 8 * width // 3
        self.first = _pair(4 * planes, width)
        self.second = _pair(width, wide)
        self.third = _pair(wide, widest)
        self.up_second, self.back_second = nn.Conv2d(widest, wide, 1), nn.Conv2d(wide, wide, 3, padding=1)
        self.up_first, self.back_first = nn.Conv2d(wide, width, 1), nn.Conv2d(width, width, 3, padding=1)
        self.register_buffer("calibration", torch.tensor(UNCALIBRATED))
        self.last = _rare(nn.Conv2d(width, 4, 3, padding=1))

    def forward(self, evidence: Tensor) -> Tensor:
        """Log odds of dirt `(N, H, W)`, of evidence `(N, planes, H, W)` in sigmas; sides are multiples of 8."""
        fine = self.first(functional.pixel_unshuffle(evidence, 2))
        middle = self.second(functional.max_pool2d(fine, 2))
        coarse = self.third(functional.max_pool2d(middle, 2))
        middle = torch.relu(self.back_second(middle + _twice(self.up_second(coarse))))
        fine = torch.relu(self.back_first(fine + _twice(self.up_first(middle))))
        return functional.pixel_shuffle(self.last(fine), 2)[:, 0]

    def likely(self, signs: Sequence[float]) -> float:
        """How likely an object is dirt, 0 to 1, by the log odds of its pixels and five other signs.

        Platt, *Probabilistic outputs for support vector machines*, 1999; `calibration` is fitted to films kept back.
        """
        *weights, constant = self.calibration.tolist()
        total = math.fsum((*map(operator.mul, weights, signs), constant))
        return 1 / (1 + math.exp(-min(max(total, -50), 50)))


def _rare(layer: nn.Conv2d) -> nn.Conv2d:
    with torch.no_grad():
        for parameter, value in zip(layer.parameters(), (0.0, RARE), strict=True):
            parameter.fill_(value)
    return layer


def _pair(taken: int, given: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(taken, given, 3, padding=1), nn.ReLU(), nn.Conv2d(given, given, 3, padding=1), nn.ReLU()
    )


def _twice(planes: Tensor) -> Tensor:
    return functional.interpolate(planes, scale_factor=2, mode="nearest")
