"""What happens to a film, and the truth about it: a loose gate, grain, dust and a lamp that flickers.

A frame shows at x what the film holds at x + d(x), with the d of `restorers.damage`: seen once, for camera and gate
together, so that nothing but the gate tells a shaken frame from the film. Dust and grain are laid on each frame by
itself; light flickers in density.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import TypeAlias

import cv2
import numpy as np
import torch

from restorers.colorspace import Space, converted
from restorers.damage import GateMotion, LampTruth, Shaking, Soiling
from restorers.damage.shaking import MODES, gate_motion
from restorers.damage.soiling import cover
from restorers.restorer import Bench
from tests.benchmarks.moves import Film, Floats, Recorded, Singles
from tests.benchmarks.peers import Frames

Lamp: TypeAlias = Callable[..., LampTruth]
"""What a lamp does at reel numbers, `(numbers, bench=bench)`."""

LOOSE = Shaking(horizontal=1.2, vertical=1.5, rotation=0.05, breathing=0.0004, warp=0.6, memory=0.2)
DUST = Soiling(dust=20, dust_radius=1.8, hairs=0.4, blotches=0.25, scratches=0)
CODES = 65536


@dataclass(frozen=True)
class Wear:
    """What happens to the film; lengths are pixels.

    Attributes:
        gate: how loosely it lies; None holds it still.
        grain: standard deviation in 8-bit sRGB levels.
        dust: specks a frame.
        lamp: its light; None is even.
    """

    gate: Shaking | None = LOOSE
    grain: float = 8.0
    dust: float = 20.0
    lamp: Lamp | None = None


@dataclass(frozen=True, eq=False)
class Take:
    """A shot as found, and the truth about it.

    Attributes:
        found: 8-bit sRGB.
        even: the same grain, dust and movement in an even light; the very same frames where the light was even.
        gate: where the film lay.
        travel: of the camera, pixels.
    """

    found: Frames
    even: Frames
    gate: GateMotion
    travel: float

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        return self.found.shape[1], self.found.shape[2]


def take(film: Film, wear: Wear, *, seed: int = 0) -> Take:
    """The film as found after wear, and the truth about it. Different seeds wear it differently."""
    bench = Bench(seed=seed)
    numbers = range(film.length)
    gate = gate_motion(numbers, wear.gate or _HELD, bench)
    lamp = wear.lamp(numbers, bench=bench) if wear.lamp else None
    dust = DUST.model_copy(update={"dust": wear.dust, "hairs": wear.dust / 50, "blotches": wear.dust / 80})
    found, even = [], []
    for number in numbers:
        frame = _gated(film, number, gate, still_gate=wear.gate is None)
        chance = np.random.default_rng((seed, 3, number))
        if wear.grain:
            frame = frame + wear.grain * _grain(film.size, chance)
        if wear.dust:
            frame = _soiled(frame, cover(number, film.size, dust, bench))
        even.append(_coded(frame))
        found.append(_coded(_lit(frame, lamp, number)) if lamp else even[-1])
    clean = np.stack(even)
    return Take(np.stack(found) if lamp else clean, clean, gate, film.travel)


def displacement_at(gate: GateMotion, index: int, size: tuple[int, int], x: Floats, y: Floats) -> Floats:
    """The gate's displacement at any places `(N,)` of a frame, `(2, N)` pixels."""
    height, width = size
    u, v = x - (width - 1) / 2, y - (height - 1) / 2
    angle, stretch = gate.rotation[index], 1 + gate.scale[index]
    cos, sin = np.cos(angle) * stretch, np.sin(angle) * stretch
    down, across = np.pi * (y + 0.5) / height, np.pi * (x + 0.5) / width
    modes = np.stack([np.cos(i * down) * np.cos(j * across) for i, j in MODES])
    rigid = np.stack([(cos - 1) * u - sin * v, sin * u + (cos - 1) * v])
    return np.asarray(rigid + gate.warp[index] @ modes + gate.shift[index][:, None])


def density_of(codes: Frames) -> Singles:
    """Density of 8-bit sRGB."""
    return np.asarray(_densities()[codes.astype(np.uint16) * 257], np.float32)


def density_of_levels(display: Singles) -> Singles:
    """Density of sRGB from 0 to 255."""
    return np.asarray(_densities()[np.clip(display * 257, 0, CODES - 1).astype(np.uint16)], np.float32)


def levels_of_density(density: Singles) -> Singles:
    """SRGB from 0 to 255 of densities."""
    return np.asarray(_displays()[np.clip(density * (CODES / 4), 0, CODES - 1).astype(np.uint16)], np.float32)


_HELD = Shaking(horizontal=0, vertical=0, rotation=0, breathing=0, warp=0)


def _gated(film: Film, number: int, gate: GateMotion, *, still_gate: bool) -> Singles:
    height, width = film.size
    if still_gate and isinstance(film, Recorded):
        return np.asarray(film.frames[number], np.float32)
    x, y = np.arange(width) - (width - 1) / 2, np.arange(height)[:, None] - (height - 1) / 2
    angle, stretch = gate.rotation[number], 1 + gate.scale[number]
    cos, sin = np.cos(angle) * stretch, np.sin(angle) * stretch
    bent = _smooth(gate.warp[number], film.size)
    u = np.arange(width) + (cos - 1) * x - sin * y + gate.shift[number, 0] + bent[0]
    v = np.arange(height)[:, None] + sin * x + (cos - 1) * y + gate.shift[number, 1] + bent[1]
    return film.seen(number, *(np.ascontiguousarray(place, np.float32) for place in (u, v)))


def _smooth(coefficients: Floats, size: tuple[int, int]) -> Floats:
    """Sums of the eight cosine modes, `(C, H, W)`, of coefficients `(C, 8)`."""
    down, across = (np.stack([np.cos(np.pi * i * (np.arange(n) + 0.5) / n) for i in range(3)]) for n in size)
    table = np.zeros((len(coefficients), 3, 3))
    table[:, [i for i, _ in MODES], [j for _, j in MODES]] = coefficients
    return np.asarray(down.T @ table @ across)


def _grain(size: tuple[int, int], chance: np.random.Generator) -> Singles:
    """Clumps of unit spread, the same for all colors, `(H, W, 1)`."""
    clumped = np.asarray(cv2.GaussianBlur(chance.standard_normal(size, dtype=np.float32), (0, 0), 0.6))
    return np.asarray(clumped / clumped.std(), np.float32)[..., None]


def _soiled(frame: Singles, covers: Singles) -> Singles:
    dark, bright, _ = covers
    touched = (dark + bright) > 0.004
    density = density_of_levels(frame[touched])
    density = density * (1 - bright[touched][:, None]) + DUST.density * dark[touched][:, None]
    out = frame.copy()
    out[touched] = levels_of_density(density)
    return out


def _lit(frame: Singles, lamp: LampTruth, number: int) -> Singles:
    field = _smooth(lamp.local[number][None], frame.shape[:2])[0].astype(np.float32)
    density = density_of_levels(frame) * np.float32(lamp.contrast[number])
    return levels_of_density(density + field[..., None] + lamp.offset[number].astype(np.float32))


def _coded(frame: Singles) -> Frames:
    return np.asarray(np.clip(frame + 0.5, 0, 255), np.uint8)


@cache
def _densities() -> Singles:
    """Density of 65536 sRGB levels."""
    level = torch.linspace(0, 1, CODES).view(1, 1, 1, -1).expand(1, 3, 1, -1)
    return np.ascontiguousarray(converted(level, Space.SRGB, Space.DENSITY)[0, 0, 0].numpy())


@cache
def _displays() -> Singles:
    """SRGB, 0 to 255, of 65536 densities from 0 to 4."""
    density = ((torch.arange(CODES) + 0.5) * (4 / CODES)).view(1, 1, 1, -1).expand(1, 3, 1, -1)
    return np.ascontiguousarray(converted(density, Space.DENSITY, Space.SRGB)[0, 0, 0].clamp(0, 1).numpy() * 255)
