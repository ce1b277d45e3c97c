"""The enhancer: a picture freed of noise, blur and coding, and drawn larger, as far as its own pixels let it be known.

It learns from pixels alone, no adversary rewards invented texture, and it is told how strong noise, blur and coding
are: where there is none of them it has nothing to take off. What its neighbors in time know of a frame is brought into
it beforehand, and the noise that is left is told as a map. Shown what they took off as well, in planes of their own, a
network of 9600 and 7535 steps more drew the same to 0.03 dB; and its own last frame it is not shown, so that a frame is
the same wherever work begins.

Pixels are folded fourfold into channels first, so that all work is done on a quarter of them; plain 3 x 3 convolutions,
nothing that depends on more than the place it looks at, so that a picture can be cut into tiles and come out the same.
Luma has the capacity; what is said of chroma is said at the picture's own size and costs eight channels at either end.
Whatever it says is added to a bicubic enlargement.

Shi et al., *Real-Time Single Image and Video Super-Resolution Using an Efficient Sub-Pixel Convolutional Neural
Network*, CVPR 2016, doi:10.1109/CVPR.2016.207. Lim et al., *Enhanced Deep Residual Networks for Single Image
Super-Resolution*, CVPRW 2017, doi:10.1109/CVPRW.2017.151 (residual blocks without normalization, one body for all
scales). Zhang, Zuo, Zhang, *FFDNet*, IEEE TIP 27(9), 2018, doi:10.1109/TIP.2018.2839891 (folding, a map of the noise).
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

FOLD = 2
SCALES = (1, 2, 4)
PLANES = 3 * FOLD**2 + 3
"""Channels it is shown: luma and chroma, folded, and three conditions."""

UNIT = 0.1
"""Brightness: the spread of noise, or of what coding did, that a condition of 1 stands for."""
UNIT_PX = 1.5
"""Pixels: the radius of blur that a condition of 1 stands for."""

MIDDLE = 0.5  # luma that it is shown as nothing, as chroma is shown
LEAK = 0.1
"""What passes of negative values: channels that pass none died in training, all of some blocks'."""

RED, GREEN, BLUE = 0.299, 0.587, 0.114  # ITU-R BT.601, as the literature on enlarging measures


class Condition(NamedTuple):
    """What ails a picture.

    Attributes:
        noise: standard deviation of its random part, brightness, a number or `(H, W)`.
        blur: radius of the blur beyond what sampling needs, in pixels: the standard deviation of a Gaussian.
        coding: root mean square of what lossy coding changed, brightness.
    """

    noise: Tensor | float = 0.0
    blur: float = 0.0
    coding: float = 0.0


class Block(nn.Module):
    """Two convolutions, added to what they are given."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)
        with torch.no_grad():
            self.second.weight.mul_(0.1)

    def forward(self, features: Tensor) -> Tensor:
        """Features `(N, width, h, w)`."""
        inner: Tensor = self.second(functional.leaky_relu(self.first(features), LEAK))
        return features + inner


class Enhancer(nn.Module):
    """One body, and an end for each scale.

    Args:
        width: channels.
        depth: residual blocks.
    """

    def __init__(self, *, width: int = 64, depth: int = 5) -> None:
        super().__init__()
        self.begin = nn.Conv2d(PLANES, width, 3, padding=1)
        self.body = nn.Sequential(*(Block(width) for _ in range(depth)))
        self.luma = nn.ModuleDict({str(scale): _silent(width, (FOLD * scale) ** 2) for scale in SCALES})
        self.chroma = _silent(width, 2 * FOLD**2)
        self.reach = FOLD * (2 + 2 * depth)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                module.weight.data = module.weight.data.contiguous(memory_format=torch.channels_last)

    def forward(self, planes: Tensor, scale: int) -> Tensor:
        """What is to be added `(N, 4 scale^2 + 8, h, w)`, folded, to pictures as told `(N, 15, h, w)`."""
        features = self.begin(planes)
        features = features + self.body(features)
        return torch.cat([self.luma[str(scale)](features), self.chroma(features)], 1)


class Enlarger(nn.Module):
    """The enhancer at one scale: planes in, planes out, as engines want it. Both ends are one convolution."""

    def __init__(self, enhancer: Enhancer, scale: int) -> None:
        super().__init__()
        self.begin, self.body = enhancer.begin, enhancer.body
        luma, chroma = (end.state_dict() for end in (enhancer.luma[str(scale)], enhancer.chroma))
        self.end = nn.Conv2d(enhancer.begin.out_channels, (FOLD * scale) ** 2 + 2 * FOLD**2, 3, padding=1)
        self.end.load_state_dict({name: torch.cat([luma[name], chroma[name]]) for name in luma})
        self.end.requires_grad_(False)

    def forward(self, planes: Tensor) -> Tensor:
        """Planes `(N, 4 scale^2 + 8, h, w)` of planes `(N, 15, h, w)`."""
        features = self.begin(planes)
        out: Tensor = self.end(features + self.body(features))
        return out


def told(picture: Tensor, condition: Condition) -> Tensor:
    """What the enhancer is shown `(N, 15, H/2, W/2)` of pictures `(N, 3, H, W)`, luma and chroma; sides are even."""
    count, _, height, width = picture.shape
    planes = picture.new_empty((count, PLANES, height // FOLD, width // FOLD))
    planes[:, : -len(condition)] = functional.pixel_unshuffle(picture, FOLD)
    planes[:, : FOLD**2] -= MIDDLE
    noise = condition.noise
    if isinstance(noise, Tensor) and noise.ndim:
        noise = functional.avg_pool2d(noise.view(-1, 1, height, width), FOLD)[:, 0]
    for index, value in enumerate((noise / UNIT, condition.blur / UNIT_PX, condition.coding / UNIT)):
        planes[:, index - len(condition)] = value
    return planes


def drawn(picture: Tensor, said: Tensor, scale: int) -> Tensor:
    """The pictures `(N, 3, scale H, scale W)` that the enhancer's words `(N, 4 scale^2 + 8, H/2, W/2)` make of some."""
    luma, chroma = spoken(said, scale)
    large = larger(torch.cat([picture[:, :1], picture[:, 1:] + chroma], 1), scale)
    large[:, :1] += luma
    return large


def spoken(said: Tensor, scale: int) -> tuple[Tensor, Tensor]:
    """What words `(N, 4 scale^2 + 8, H/2, W/2)` add to luma `(N, 1, scale H, scale W)` and to chroma `(N, 2, H, W)`."""
    luma, chroma = said[:, : -2 * FOLD**2], said[:, -2 * FOLD**2 :]
    return functional.pixel_shuffle(luma, FOLD * scale), functional.pixel_shuffle(chroma, FOLD)


def larger(picture: Tensor, scale: int) -> Tensor:
    """Pictures `(N, C, H, W)` enlarged by the bicubic filter that the enhancer corrects."""
    if scale == 1:
        return picture.clone()
    return functional.interpolate(picture, scale_factor=scale, mode="bicubic", align_corners=False)


def luma_chroma(picture: Tensor) -> Tensor:
    """Luma in [0, 1] and two chroma in [-0.5, 0.5] of red, green and blue `(..., 3, H, W)`, ITU-R BT.601."""
    red, green, blue = picture.unbind(-3)
    luma = RED * red + GREEN * green + BLUE * blue
    return torch.stack([luma, (blue - luma) / (2 - 2 * BLUE), (red - luma) / (2 - 2 * RED)], -3)


def red_green_blue(picture: Tensor) -> Tensor:
    """The inverse of `luma_chroma`."""
    luma, bluish, reddish = picture.unbind(-3)
    red, blue = luma + (2 - 2 * RED) * reddish, luma + (2 - 2 * BLUE) * bluish
    return torch.stack([red, (luma - RED * red - BLUE * blue) / GREEN, blue], -3)


def _silent(width: int, planes: int) -> nn.Conv2d:
    """An end that says nothing yet: what comes out is the bicubic enlargement."""
    end = nn.Conv2d(width, planes, 3, padding=1)
    for parameter in end.parameters():
        nn.init.zeros_(parameter)
    return end
