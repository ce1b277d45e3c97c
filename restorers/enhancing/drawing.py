"""Frames in density drawn by the enhancer: as brightness, tile by tile, and back."""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from math import log
from typing import NamedTuple, Self

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from restorers.colorspace import (
    FLARE,
    SRGB_DIM,
    SRGB_OFFSET,
    SRGB_POWER,
    SRGB_SLOPE,
    density,
    linear_light,
    srgb_decoded,
    srgb_encoded,
)
from restorers.enhancing.leaves import leaves
from restorers.enhancing.scanning import beyond, enlarged, strips
from restorers.networks import foreign
from restorers.networks.engine import Engine, Precision, engine
from restorers.networks.enhancer import (
    FOLD,
    PLANES,
    Condition,
    Enhancer,
    Enlarger,
    luma_chroma,
    red_green_blue,
    spoken,
    told,
)
from restorers.networks.foreign import Brought
from restorers.networks.tiles import tiled
from restorers.networks.weights import card, opened
from restorers.restorer import Bench, MissingWeights, RestorationError

TILE = 256  # folded pixels a side
PIECE = 1 << 16  # pixels
BORDER = 16  # pixels of mirror image: networks know less where they see nothing
SHOWN, SHOWN_PX = 24, 96
"""Pictures that whole numbers are fitted to, and how large they are."""


def brightness(density: Tensor) -> Tensor:
    """Brightness of a density, any shape: what sRGB shows it by, as in the pictures that networks learned from.

    It is 1 at density 0, 0 at black; steps of it look alike.
    """
    return srgb_encoded(linear_light(density))


def density_of(brightness: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The density of a brightness, any shape; the inverse of `brightness`.

    Put into `out`, which has no gaps, where it is given; on a processor piece by piece, so that they stay in its cache.
    """
    found = torch.empty_like(brightness, memory_format=torch.contiguous_format) if out is None else out
    piece = PIECE if found.device.type == "cpu" else max(found.numel(), 1)
    pieces = zip(torch.split(brightness.flatten(), piece), torch.split(found.view(-1), piece), strict=True)
    for light, there in pieces:
        there.copy_(density(srgb_decoded(light)))
    return found


def slope(density: Tensor) -> Tensor:
    """By how much brightness changes with density there, without its sign; any shape."""
    linear = linear_light(density)
    steep = linear.clamp(min=SRGB_DIM).log2_().mul_(1 / SRGB_POWER - 1).exp2_().mul_((1 + SRGB_OFFSET) / SRGB_POWER)
    steep.masked_fill_(linear <= SRGB_DIM, SRGB_SLOPE)
    return linear.add_(FLARE / (1 - FLARE)).mul_(log(10)).mul_(steep)


class Sketch(NamedTuple):
    """What a network says of a picture, brightness."""

    base: Tensor | None
    """`(3, H, W)`, to be enlarged by the bicubic filter; None where the detail is the whole picture."""
    detail: Tensor
    """`(1, scale H, scale W)`, to be added to all three colors, or `(3, scale H, scale W)`."""

    def picture(self, scale: int) -> Tensor:
        """The picture `(3, scale H, scale W)`."""
        return self.detail if self.base is None else enlarged(self.base, scale).add_(self.detail)

    def density(self, scale: int, out: Tensor | None) -> Tensor:
        """The picture as density, `(3, scale H, scale W)`, put into `out` where it is given."""
        if self.base is None or scale == 1 or self.base.device.type != "cpu":
            return density_of(self.picture(scale), out=out)
        whole = self.base.new_empty((3, *self.detail.shape[1:])) if out is None else out
        for lines, strip in strips(self.base, scale):
            strip.add_(self.detail[:, lines])
            for plane, there in zip(strip, whole[:, lines], strict=True):
                density_of(plane, out=there)
        return whole


@dataclass(frozen=True, eq=False)
class Drawing:
    """A network, ready to draw frames larger.

    Attributes:
        scale: by how much.
        ran: what runs it and how precisely, as read back from what was built.
    """

    scale: int
    ran: str
    _sketched: Callable[[Tensor, Condition], "Sketch"]

    @classmethod
    def of(cls, name: str, scale: int, precision: Precision, bench: Bench) -> Self:
        """An enhancer of ours, by its name; made ready once a process.

        Raises:
            MissingWeights: they are not there, or not the ones pinned.
            MissingBackend: nothing here runs it in this precision.
        """
        return cls._ready(opened(name, Enhancer, bench), scale, precision, bench)

    @classmethod
    def between(cls, names: tuple[str, str], share: float, scale: int, precision: Precision, bench: Bench) -> Self:
        """An enhancer between two of ours, by their names; the second began with the first one's weights.

        Network interpolation: Wang et al., *ESRGAN*, ECCVW 2018, section 3.4.

        Args:
            names: of the two.
            share: how much of the second, in [0, 1].
            scale: by how much it draws larger.
            precision: what to compute in.
            bench: where.

        Raises:
            MissingWeights: they are not there, not the ones pinned, or the second began with other weights.
            MissingBackend: nothing here runs it in this precision.
        """
        name, other = names
        begun, had = card(other, bench).begun_with, card(name, bench).sha256
        if begun != had:
            raise MissingWeights(
                f"the network {other} began with weights of sha256 {begun[:16] or 'none'}..., and {name} has {had[:16]}"
                f"...: nothing lies between them; train {other} again"
            )
        return cls._ready(_between(name, other, share, bench), scale, precision, bench)

    @classmethod
    def _ready(cls, network: Enhancer, scale: int, precision: Precision, bench: Bench) -> Self:
        ready = _engine(network, scale, precision, bench)
        return cls(scale, ready.ran, partial(_enhanced, ready, network.reach, scale))

    @classmethod
    def brought(cls, network: Brought, scale: int, bench: Bench) -> Self:
        """A network that somebody brought; it lies in the bench's folder for them, and is told nothing.

        Raises:
            MissingWeights: there is no such folder or file, or it is another file.
            RestorationError: it draws at another scale.
        """
        if bench.brought is None:
            raise MissingWeights(f"{network.file} was brought, but the lab has no folder that such weights lie in")
        found = foreign.opened(network, bench.brought / network.file, bench)
        if found.scale != scale:
            raise RestorationError(
                f"{network.file} draws x{found.scale}, and the treatment asks for x{scale}: set its scale to "
                f"{found.scale}, or bring another network"
            )
        ran = f"torch {torch.__version__}, {bench.device.type}, {str(found.dtype).removeprefix('torch.')}"
        said = f"{found.architecture} {network.sha256[:8]} by {ran}"
        return cls(scale, said, lambda picture, _: Sketch(None, found.drawn(torch.clamp(picture, 0, 1))))

    def drawn(
        self, frame: Tensor, condition: Condition, *, scan: Tensor | None = None, out: Tensor | None = None
    ) -> Tensor:
        """A frame `(3, H, W)` as `(3, scale H, scale W)`, both density.

        Args:
            frame: what it is drawn from.
            condition: what ails it; a map of noise is `(H, W)`.
            scan: the frame as scanned; what it shows beyond what is drawn is laid on that.
            out: where to put it.
        """
        light = brightness(frame)
        sketch = self._sketched(light, condition)
        if scan is None:
            return sketch.density(self.scale, out)
        shown = light if scan is frame else brightness(scan)
        if sketch.base is None or condition.blur > 0:
            sketch = Sketch(None, sketch.picture(self.scale))
        return sketch._replace(base=beyond(sketch.detail, shown, self.scale, condition.blur)).density(self.scale, out)


def _enhanced(run: Engine, reach: int, scale: int, frame: Tensor, condition: Condition) -> Sketch:
    """What an enhancer says of a picture `(3, H, W)`, brightness; at its borders it is shown a mirror."""
    height, width = frame.shape[-2:]
    picture = _framed(luma_chroma(frame))[None]
    noise = condition.noise if isinstance(condition.noise, Tensor) and condition.noise.ndim else None
    parts = picture if noise is None else torch.cat([picture, _framed(noise[None])[None]], 1)

    def said(tile: Tensor) -> Tensor:
        return run(told(tile[:, :3], condition if noise is None else condition._replace(noise=tile[:, 3])))

    words = tiled(said, parts, tile=FOLD * TILE, overlap=reach, multiple=FOLD)
    luma_said, chroma_said = spoken(words, scale)
    picture[:, 1:] += chroma_said
    inner, outer = (np.s_[side : side + n] for side, n in ((BORDER, height), (scale * BORDER, scale * height)))
    across, wide = (np.s_[side : side + n] for side, n in ((BORDER, width), (scale * BORDER, scale * width)))
    return Sketch(red_green_blue(picture[0, :, inner, across]), luma_said[0, :, outer, wide])


def _framed(planes: Tensor) -> Tensor:
    """Planes `(C, H, W)` with their mirror image around them, to even sides."""
    height, width = planes.shape[-2:]
    down, across = BORDER + height % FOLD, BORDER + width % FOLD
    mode = "reflect" if min(height, width) > BORDER + 1 else "replicate"
    return functional.pad(planes[None], (BORDER, across, BORDER, down), mode=mode)[0]


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


@lru_cache(maxsize=4)
def _between(name: str, other: str, share: float, bench: Bench) -> Enhancer:
    one, two = (opened(each, Enhancer, bench) for each in (name, other))
    if share == 1:
        return two
    mixed, weights = copy.deepcopy(one), two.state_dict()
    mixed.load_state_dict({key: torch.lerp(value, weights[key], share) for key, value in one.state_dict().items()})
    return mixed
