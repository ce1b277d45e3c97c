"""Light whose every change is known: flicker of the lamp and of decay, and light that belongs to the scene."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

import numpy as np

from restorers.damage import Flickering, LampTruth
from restorers.damage.chance import wander
from restorers.damage.flickering import lamp
from restorers.damage.shaking import MODES
from restorers.restorer import Bench
from tests.benchmarks.moves import Floats, Singles
from tests.benchmarks.overlaid import Overlaid
from tests.benchmarks.wear import Lamp, density_of_levels, levels_of_density

SceneLight: TypeAlias = Callable[[int, int, Singles, Singles], Singles]
"""Density that the scene's light adds: frame, length of the shot, and places from 0 to 1, `(H, W)`."""

PERIODS = (14.0, 23.0)
"""Frames in which slow pumping swings."""


def pumping(numbers: range, bench: Bench) -> LampTruth:
    """Slow pumping: swings of 14 and 23 frames whose size wanders, 7 % of light, even over the frame."""
    size = 1 + 0.3 * wander(bench, "pumping size", numbers, 2, memory=0.97)
    phase = 2 * np.pi * bench_share(bench)
    swings = [np.sin(2 * np.pi * np.arange(len(numbers)) / period + phase * period) for period in PERIODS]
    level = 0.03 * (size * np.stack(swings, axis=1)).sum(axis=1)
    return _lamp(numbers, level)


def alternating(numbers: range, bench: Bench) -> LampTruth:
    """One frame light, one frame dark: 6 % of light to either side, its size wandering."""
    size = 1 + 0.3 * wander(bench, "alternation", numbers, 1, memory=0.95)[:, 0]
    return _lamp(numbers, 0.025 * size * (-1.0) ** np.arange(len(numbers)))


def bench_share(bench: Bench) -> float:
    """A number from 0 to 1 that the bench's seed gives."""
    return float(np.random.default_rng((bench.seed, 4)).random())


FLICKERS: Mapping[str, Lamp] = {
    "global": partial(lamp, flickering=Flickering(exposure=0.03, contrast=0.02, pumping=0, color=0.15, local=0)),
    "local": partial(lamp, flickering=Flickering(exposure=0.01, contrast=0, pumping=0, color=0.15, local=0.03)),
    "slow pumping": pumping,
    "period two": alternating,
}


def lamp_on(time: int, length: int, x: Singles, y: Singles) -> Singles:
    """A lamp is switched on half-way, within two frames; it lights what is near it more."""
    on = np.clip((time - length // 2 + 1) / 2, 0, 1)
    return np.asarray(-on * (0.12 + 0.25 * np.exp(-((x - 0.7) ** 2 + (y - 0.3) ** 2) / 0.08)), np.float32)


def fade_to_black(time: int, length: int, x: Singles, y: Singles) -> Singles:
    """The last third fades to black, its light falling evenly."""
    left = np.clip((length - 3 - time) / (length / 3), 0.0, 1.0)
    return np.full(x.shape, -np.log10(max(left, 1e-3)), np.float32)


def explosion(time: int, length: int, x: Singles, y: Singles) -> Singles:
    """A flash that is there within a frame and dies away over a second."""
    since = time - length // 2
    bright = 0.0 if since < 0 else float(np.exp(-since / 5))
    return np.asarray(-bright * (0.25 + 0.7 * np.exp(-((x - 0.35) ** 2 + (y - 0.5) ** 2) / 0.05)), np.float32)


SCENE_LIGHTS: Mapping[str, SceneLight] = {
    "lamp on": lamp_on,
    "fade to black": fade_to_black,
    "explosion": explosion,
}


@dataclass(frozen=True, eq=False)
class Lit(Overlaid):
    """A film in whose scene the light changes."""

    light: SceneLight

    def seen(self, time: int, x: Singles, y: Singles) -> Singles:
        """The frame at places `(H, W)`, sRGB `(H, W, 3)`."""
        height, width = self.size
        u, v = np.asarray(x / width, np.float32), np.asarray(y / height, np.float32)
        added = self.light(time, self.length, u, v)
        return levels_of_density(density_of_levels(self.film.seen(time, x, y)) + added[..., None])


def _lamp(numbers: range, level: Floats) -> LampTruth:
    count = len(numbers)
    offset = np.repeat(level[:, None], 3, axis=1)
    return LampTruth(numbers.start, offset, np.ones(count), np.zeros((count, len(MODES))))
