"""The painter: what a hole in a picture may have hidden, from what is around it.

A masked autoencoder: pictures are shown with holes in them, it learns to say what was there, by the pixels alone: no
adversary rewards invented detail. It is told a smooth filling of the hole, and learns what that lacks. What it paints
has no grain.

Pathak et al., *Context Encoders*, CVPR 2016. doi:10.1109/CVPR.2016.278. He et al., *Masked Autoencoders Are Scalable
Vision Learners*, CVPR 2022. doi:10.1109/CVPR52688.2022.01553
"""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

GAMMA = 0.45
"""Brightness is linear light to the power of this: steps that look alike, and grain alike at all densities."""

DARKEST = 1e-3  # brightness; density 6.7
CALM = 0.02  # brightness: contrasts below it are not stretched to full scale
BLOCK = 8
"""Pictures are multiples of so many pixels high and wide."""


def brightness(density: Tensor) -> Tensor:
    """The brightness of a density, any shape: 1 at density 0, 0.13 at 2."""
    return torch.pow(10.0, -GAMMA * density)


def density_of(brightness: Tensor) -> Tensor:
    """The density of a brightness, any shape; the inverse of `brightness`."""
    return torch.log10(torch.clamp(brightness, min=DARKEST)) / -GAMMA


class Painter(nn.Module):
    """A U-net of residual blocks without normalization, 1/8 of the picture at its deepest; its holes are told to it."""

    def __init__(self, *, width: int = 24, depth: int = 96) -> None:
        super().__init__()
        widths = (width, 2 * width, depth, depth)
        self.begin = nn.Conv2d(7, width, 3, padding=1)
        self.before = nn.ModuleList(Block(size) for size in widths[:3])
        self.down = nn.ModuleList(nn.Conv2d(a, b, 2, stride=2) for a, b in pairwise(widths))
        self.deepest = nn.Sequential(Block(depth, reach=1), Block(depth, reach=2))
        self.up = nn.ModuleList(nn.Conv2d(b, a, 1) for a, b in pairwise(widths))
        self.after = nn.ModuleList(Block(size) for size in widths[:3])
        self.end = nn.Conv2d(width, 3, 3, padding=1)
        for parameter in self.end.parameters():
            nn.init.zeros_(parameter)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                module.weight.data = module.weight.data.contiguous(memory_format=torch.channels_last)

    def forward(self, picture: Tensor, known: Tensor) -> Tensor:
        """The picture with its holes painted; what is known comes back as it was.

        Whatever the precision of the weights, the picture's own is kept.

        Args:
            picture: brightness, `(N, 3, H, W)`, H and W multiples of 8; what it has in its holes makes no difference.
            known: `(N, 1, H, W)`, 1 where the picture is known, 0 in holes; each picture must be known somewhere.
        """
        count = known.sum((2, 3), keepdim=True)
        level = (picture * known).sum((2, 3), keepdim=True) / count
        contrast = ((picture - level) * known).square().sum((1, 2, 3), keepdim=True) / (3 * count)
        scale = contrast.sqrt() + CALM
        seen = (picture - level) / scale * known
        smooth = smoothly(seen, known)
        told = torch.cat([seen, known, smooth], 1)
        features = self.begin(told.to(self.begin.weight.dtype, memory_format=torch.channels_last))
        passed = []
        for block, down in zip(self.before, self.down, strict=True):
            features = block(features)
            passed.append(features)
            features = down(features)
        features = self.deepest(features)
        for block, up, skip in zip(reversed(self.after), reversed(self.up), reversed(passed), strict=True):
            features = block(functional.interpolate(up(features), scale_factor=2.0, mode="nearest") + skip)
        painted = (smooth + self.end(features).to(smooth.dtype)) * scale + level
        return torch.where(known > 0, picture, painted)


class Block(nn.Module):
    """Two convolutions, added to what they are given."""

    def __init__(self, channels: int, *, reach: int = 1) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=reach, dilation=reach)
        self.second = nn.Conv2d(channels, channels, 3, padding=reach, dilation=reach)
        with torch.no_grad():
            self.second.weight.mul_(0.1)

    def forward(self, features: Tensor) -> Tensor:
        """Features `(N, channels, h, w)`."""
        inner: Tensor = self.second(functional.relu(self.first(functional.relu(features))))
        return features + inner


def smoothly(picture: Tensor, known: Tensor) -> Tensor:
    """The smoothest filling of the holes: nearly harmonic, found from coarse to fine.

    Args:
        picture: `(N, C, H, W)`, zero in its holes.
        known: `(N, 1, H, W)`, 1 where it is known, 0 in holes.
    """
    if min(picture.shape[-2:]) <= 2:
        rest = (picture * known).sum((2, 3), keepdim=True) / known.sum((2, 3), keepdim=True).clamp_min(1)
        return torch.where(known > 0, picture, rest)
    share = functional.avg_pool2d(known, 2, ceil_mode=True)
    half = functional.avg_pool2d(picture, 2, ceil_mode=True) / share.clamp_min(1e-6)
    there = (share > 0).to(known.dtype)
    coarse = smoothly(half * there, there)
    size = (picture.shape[-2], picture.shape[-1])
    filled = functional.interpolate(coarse, size=size, mode="bilinear", align_corners=False)
    for _ in range(4):
        rim = functional.pad(torch.where(known > 0, picture, filled), (1, 1, 1, 1), mode="replicate")
        filled = functional.avg_pool2d(rim, 3, stride=1)
    return torch.where(known > 0, picture, filled)
