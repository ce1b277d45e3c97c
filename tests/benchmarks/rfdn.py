"""RFDN, four times larger: the winner of AIM 2020's challenge for efficient super-resolution, as its weights are named.

Liu, Tang, Wu, Residual Feature Distillation Network for Lightweight Image Super-Resolution, ECCV Workshops 2020.
doi:10.1007/978-3-030-67070-2_2. 433 448 parameters in `shared/data/peers/rfdn` (MIT). It was trained on DIV2K and
Flickr2K, shrunk by bicubic. Its authors report 29.04 dB of PSNR on DIV2K's validation pictures.
"""

from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from tests.benchmarks.moves import FOOTAGE
from tests.benchmarks.peers import Frames

WEIGHTS = Path("peers/rfdn/RFDN_AIM.pth")
WIDTH, DISTILLED, ATTENTION, SCALE = 50, 25, 12, 4
SLOPE = 0.05


class Attention(nn.Module):
    """Where a block's features count: looked at from afar, in strides of six pixels."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.conv_f = nn.Conv2d(WIDTH, ATTENTION, 1), nn.Conv2d(ATTENTION, ATTENTION, 1)
        self.conv2 = nn.Conv2d(ATTENTION, ATTENTION, 3, stride=2)
        self.conv_max, self.conv3, self.conv3_ = (nn.Conv2d(ATTENTION, ATTENTION, 3, padding=1) for _ in range(3))
        self.conv4 = nn.Conv2d(ATTENTION, WIDTH, 1)

    def forward(self, features: Tensor) -> Tensor:
        """The features `(N, 50, H, W)`, each weighted."""
        narrow = self.conv1(features)
        afar = functional.max_pool2d(self.conv2(narrow), 7, stride=3)
        afar = self.conv3_(torch.relu(self.conv3(torch.relu(self.conv_max(afar)))))
        afar = functional.interpolate(afar, features.shape[-2:], mode="bilinear", align_corners=False)
        return features * torch.sigmoid(self.conv4(afar + self.conv_f(narrow)))


class Block(nn.Module):
    """Three shallow residual steps, of each of which half is set aside."""

    def __init__(self) -> None:
        super().__init__()
        self.c1_d, self.c2_d, self.c3_d = (nn.Conv2d(WIDTH, DISTILLED, 1) for _ in range(3))
        self.c1_r, self.c2_r, self.c3_r = (nn.Conv2d(WIDTH, WIDTH, 3, padding=1) for _ in range(3))
        self.c4 = nn.Conv2d(WIDTH, DISTILLED, 3, padding=1)
        self.c5 = nn.Conv2d(4 * DISTILLED, WIDTH, 1)
        self.esa = Attention()

    def forward(self, features: Tensor) -> Tensor:
        """Features `(N, 50, H, W)`."""
        kept = []
        for aside, step in ((self.c1_d, self.c1_r), (self.c2_d, self.c2_r), (self.c3_d, self.c3_r)):
            kept.append(_active(aside(features)))
            features = _active(step(features) + features)
        kept.append(_active(self.c4(features)))
        return self.esa(self.c5(torch.cat(kept, 1)))


class Network(nn.Module):
    """The whole: four blocks, put together, and pixels shuffled."""

    def __init__(self) -> None:
        super().__init__()
        self.fea_conv = nn.Conv2d(3, WIDTH, 3, padding=1)
        self.B1, self.B2, self.B3, self.B4 = (Block() for _ in range(4))
        self.c = nn.Sequential(nn.Conv2d(4 * WIDTH, WIDTH, 1), nn.LeakyReLU(SLOPE))
        self.LR_conv = nn.Conv2d(WIDTH, WIDTH, 3, padding=1)
        self.upsampler = nn.Sequential(nn.Conv2d(WIDTH, 3 * SCALE**2, 3, padding=1), nn.PixelShuffle(SCALE))

    def forward(self, frames: Tensor) -> Tensor:
        """Frames in sRGB `(N, 3, H, W)`, 0 to 255, as `(N, 3, 4 H, 4 W)`."""
        first = features = self.fea_conv(frames)
        each = []
        for block in (self.B1, self.B2, self.B3, self.B4):
            features = block(features)
            each.append(features)
        return self.upsampler(self.LR_conv(self.c(torch.cat(each, 1))) + first)


def enlarged(frames: Frames) -> Frames:
    """8-bit sRGB frames `(T, H, W, 3)`, four times the size."""
    network, out = _network(), []
    with torch.inference_mode():
        for frame in frames:
            given = torch.from_numpy(frame.astype(np.float32)).permute(2, 0, 1)[None]
            done = torch.round(network(given)[0].clamp(0, 255)).to(torch.uint8)
            out.append(done.permute(1, 2, 0).numpy())
    return np.stack(out)


@lru_cache(maxsize=1)
def _network() -> Network:
    path = FOOTAGE / WEIGHTS
    if not path.is_file():
        raise FileNotFoundError(f"the benchmark wants the weights of RFDN at {path}")
    network = Network()
    network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    return network.eval().to(memory_format=torch.channels_last)


def _active(features: Tensor) -> Tensor:
    return functional.leaky_relu(features, SLOPE)
