"""Frames in density drawn by the enhancer: as brightness, tile by tile, and back."""

from dataclasses import dataclass
from functools import lru_cache
from math import log
from typing import Self

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from restorers.colorspace import FLARE
from restorers.enhancing.leaves import leaves
from restorers.networks import painter
from restorers.networks.engine import Engine, Precision, engine
from restorers.networks.enhancer import (
    FOLD,
    PLANES,
    Condition,
    Enhancer,
    Enlarger,
    drawn,
    luma_chroma,
    red_green_blue,
    told,
)
from restorers.networks.painter import GAMMA
from restorers.networks.tiles import tiled
from restorers.networks.weights import opened
from restorers.restorer import Bench

BLACK: float = FLARE**GAMMA
TILE = 256  # folded pixels a side
SHOWN, SHOWN_PX = 24, 96
"""Pictures that whole numbers are fitted to, and how large they are."""


def brightness(density: Tensor) -> Tensor:
    """Brightness of a density, any shape: 1 at density 0, 0 at black; steps of it look alike."""
    return (painter.brightness(density) - BLACK) / (1 - BLACK)


def density_of(brightness: Tensor) -> Tensor:
    """The density of a brightness, any shape; the inverse of `brightness`."""
    return painter.density_of(brightness * (1 - BLACK) + BLACK)


def slope(density: Tensor) -> Tensor:
    """By how much brightness changes with density there, without its sign; any shape."""
    return painter.brightness(density) * (GAMMA * log(10) / (1 - BLACK))


@dataclass(frozen=True, eq=False)
class Drawing:
    """The enhancer, ready to draw frames larger.

    Attributes:
        scale: by how much.
        ran: what runs it, how precisely.
    """

    scale: int
    engine: Engine
    reach: int

    @property
    def ran(self) -> str:
        """What runs it and how precisely, as read back from what was built."""
        return self.engine.ran

    @classmethod
    def of(cls, name: str, scale: int, precision: Precision, bench: Bench) -> Self:
        """The network of a name, made ready once a process.

        Raises:
            MissingWeights: they are not there, or not the ones pinned.
            MissingBackend: nothing here runs it in this precision.
        """
        network = opened(name, Enhancer, bench)
        return cls(scale, _engine(network, scale, precision, bench), network.reach)

    def drawn(self, frame: Tensor, condition: Condition) -> Tensor:
        """A frame `(3, H, W)` as `(3, scale H, scale W)`, both density; a map of noise is `(H, W)`."""
        height, width = frame.shape[-2:]
        picture = luma_chroma(_even(brightness(frame)))[None]
        noise = condition.noise
        if isinstance(noise, Tensor) and noise.ndim:
            noise = _even(noise[None])[0]
        planes = told(picture, condition._replace(noise=noise))
        said = tiled(self.engine, planes, tile=TILE, overlap=-(-self.reach // FOLD), bench=None)
        large = drawn(picture, said, self.scale)[0]
        return density_of(red_green_blue(large))[:, : self.scale * height, : self.scale * width]


def shown() -> list[Tensor]:
    """Planes as the enhancer may see them, `(1, 15, 48, 48)`: leaves, sharp, soft, noisy and dark."""
    pieces = []
    for number in range(SHOWN):
        chance = np.random.default_rng((12, number))
        picture = leaves(number, SHOWN_PX)
        noise = float(chance.choice([0.0, 0.0, 0.02, 0.06]))
        picture = picture + noise * chance.standard_normal(picture.shape, dtype=np.float32)
        condition = Condition(noise, float(chance.choice([0.0, 0.0, 0.6, 1.0])), float(chance.choice([0.0, 0.0, 0.02])))
        tensor = torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1), np.float32))
        pieces.append(told(luma_chroma(tensor)[None], condition))
    return pieces


@lru_cache(maxsize=8)
def _engine(network: Enhancer, scale: int, precision: Precision, bench: Bench) -> Engine:
    calibration = shown() if precision == "int8" else None
    return engine(Enlarger(network, scale), bench=bench, precision=precision, channels=PLANES, calibration=calibration)


def _even(planes: Tensor) -> Tensor:
    """Planes `(C, H, W)` with their last row or column repeated where a side is odd."""
    height, width = planes.shape[-2:]
    if height % FOLD == 0 and width % FOLD == 0:
        return planes
    return functional.pad(planes[None], (0, width % FOLD, 0, height % FOLD), mode="replicate")[0]
