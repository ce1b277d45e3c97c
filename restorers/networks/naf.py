"""Blocks of NAFNet, and what they tell of the wider surroundings of each place.

A block computes at places one by one, but for one convolution a channel; what lets its features through are features,
not an activation. Of NAFNet's blocks its attention to the whole picture is left out: what is seen of a place must not
hang on how far the picture, or a tile of it, goes on.

Chen, Chu, Zhang, Sun, *Simple Baselines for Image Restoration*, ECCV 2022, doi:10.1007/978-3-031-20071-7_2.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

COARSE = 2
"""Pixels a side that are one where surroundings are looked at."""


class NAFBlock(nn.Module):
    """Two gated steps, each added to what it is given, and each nothing before it has learned.

    Args:
        width: channels.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.second = nn.LayerNorm(width), nn.LayerNorm(width)
        self.enter = nn.Conv2d(width, 2 * width, 1)
        self.look = nn.Conv2d(2 * width, 2 * width, 3, padding=1, groups=2 * width)
        self.leave = _silent(nn.Conv2d(width, width, 1))
        self.widen = nn.Conv2d(width, 2 * width, 1)
        self.narrow = _silent(nn.Conv2d(width, width, 1))

    def forward(self, features: Tensor) -> Tensor:
        """Features `(N, width, h, w)`."""
        features = features + self.leave(_gated(self.look(self.enter(_normed(self.first, features)))))
        told: Tensor = features + self.narrow(_gated(self.widen(_normed(self.second, features))))
        return told


class Surroundings(nn.Module):
    """What surroundings tell of each place: half the size, twice the channels, some blocks, and back.

    Args:
        width: channels of what it is shown.
        depth: blocks.
    """

    def __init__(self, width: int, depth: int) -> None:
        super().__init__()
        self.down = nn.Conv2d(width, COARSE * width, COARSE, COARSE)
        self.blocks = nn.Sequential(*(NAFBlock(COARSE * width) for _ in range(depth)))
        self.up = _silent(nn.Conv2d(COARSE * width, COARSE**2 * width, 1))
        self.reach = COARSE * (1 + depth)

    def forward(self, features: Tensor) -> Tensor:
        """Of features `(N, width, h, w)`, sides divisible by `COARSE`, as many."""
        coarse = self.blocks(self.down(features))
        told: Tensor = functional.pixel_shuffle(self.up(coarse), COARSE)
        return told


def _normed(norm: nn.LayerNorm, features: Tensor) -> Tensor:
    normed: Tensor = norm(features.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
    return normed


def _gated(features: Tensor) -> Tensor:
    one, other = features.chunk(2, 1)
    return one * other


def _silent(convolution: nn.Conv2d) -> nn.Conv2d:
    with torch.no_grad():
        for parameter in convolution.parameters():
            nn.init.zeros_(parameter)
    return convolution
