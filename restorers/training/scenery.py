"""Clean films for networks to learn from: photographs under a moving camera, with things and weather of their own.

All of it is what a finder of dirt must leave alone: fast things that turn and hide what is behind them, rain, snow,
sparks, lamps that flash, glints on water, smoke, the marks that announce a change of reels. Frames are gray.
"""

from collections.abc import Callable, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from restorers.detail.grain import Floats

Chance = np.random.Generator
Pictures = Sequence[NDArray[np.uint8]]

SHUTTER = 3  # moments a frame is exposed for
RARE = 0.15  # share of the films with weather: a network that sees much of it holds back everywhere
FADED = 1.9  # density of what no light comes from


def photographed(photographs: Pictures, size: tuple[int, int], length: int, chance: Chance) -> Floats:
    """A film of photographs `(h, w)`, some of which move on their own before another: density, `(T, H, W)`."""
    ground = _picture(photographs, chance)
    camera = _Camera(ground.shape, size, chance)
    things = [_Thing(_picture(photographs, chance), size, chance) for _ in range(chance.integers(0, 5))]
    weather = _weather(size, length, chance) if chance.random() < RARE else None
    frames = []
    for t in range(length):
        exposed = np.zeros(size, np.float32)
        for moment in range(SHUTTER):
            when = t + 0.5 * moment / SHUTTER
            frame = camera.seen(ground, size, when, t)
            for thing in things:
                frame = thing.before(frame, when)
            exposed += frame / SHUTTER
        frames.append(density_of(weather(exposed, t) if weather else exposed))
    return np.stack(frames)


def recorded(scene: NDArray[np.uint8], size: tuple[int, int], chance: Chance) -> Floats:
    """A part of a real scene `(T, h, w)`, gray, 8 bits, made smaller, mirrored, run backwards: density, `(T, H, W)`."""
    least = max(wanted / there for wanted, there in zip(size, scene.shape[1:], strict=True))
    scale = max(least, chance.uniform(min(least, 1), 1))
    high, wide = (max(round(there * scale), wanted) for there, wanted in zip(scene.shape[1:], size, strict=True))
    top, left = int(chance.integers(0, high - size[0] + 1)), int(chance.integers(0, wide - size[1] + 1))
    frames = [cv2.resize(frame, (wide, high), interpolation=cv2.INTER_AREA) for frame in scene]
    part = np.stack(frames)[:, top : top + size[0], left : left + size[1]]
    axes = tuple(axis for axis in (0, 2) if chance.random() < 0.5)
    light = (np.flip(part, axes).astype(np.float32) / 255) ** np.float32(chance.uniform(1.6, 2.4))
    return density_of(np.asarray(0.02 + 0.96 * light, np.float32))


def density_of(light: Floats) -> Floats:
    """Density of light in [0, 1], black at 1.9."""
    return np.asarray(-np.log10(np.maximum(light, 10**-FADED)), np.float32)


def blob(chance: Chance, radius: float, size: int) -> Floats:
    """An uneven, stretched shape around the middle of a square, `(size, size)` in [0, 1]."""
    y, x = np.mgrid[:size, :size].astype(np.float32) - np.float32((size - 1) / 2)
    turn, stretch = chance.uniform(0, np.pi), np.exp(0.4 * chance.standard_normal())
    u, v = (x * np.cos(turn) + y * np.sin(turn)) / stretch, (y * np.cos(turn) - x * np.sin(turn)) * stretch
    angle, outline = np.arctan2(v, u), np.ones_like(u)
    for k in range(2, 7):
        outline += 0.5 / k * chance.standard_normal() * np.cos(k * angle + chance.uniform(0, 2 * np.pi))
    return np.asarray(np.clip(np.clip(outline, 0.2, 2) * radius - np.hypot(u, v) + 0.5, 0, 1), np.float32)


def _picture(photographs: Pictures, chance: Chance) -> Floats:
    """A photograph in linear light, darker or brighter than it was."""
    codes = photographs[int(chance.integers(len(photographs)))].astype(np.float32) / 255
    light = codes ** np.float32(chance.uniform(1.4, 2.6))
    return np.asarray(chance.uniform(0.0, 0.06) + light * chance.uniform(0.6, 0.94), np.float32)


class _Camera:
    """Pans, tilts, zooms and turns, a little unsteadily."""

    def __init__(self, ground: tuple[int, ...], size: tuple[int, int], chance: Chance) -> None:
        speed = 0.0 if chance.random() < 0.25 else float(chance.exponential(4))
        way = chance.uniform(0, 2 * np.pi)
        self.zoom = size[0] / ground[0] * np.exp(chance.uniform(0.1, 0.8))
        self.start = np.array([chance.uniform(0.3, 0.7) * n for n in ground])
        self.pace = speed * np.array([np.sin(way), np.cos(way)]) / self.zoom
        self.gain, self.turn = 0.15 * chance.standard_normal(), np.deg2rad(0.3 * chance.standard_normal())
        self.closer = 0.008 * chance.standard_normal() * (chance.random() < 0.5)
        self.weave = chance.normal(0, chance.uniform(0, 0.8), (64, 2))

    def seen(self, ground: Floats, size: tuple[int, int], when: float, frame: int) -> Floats:
        y, x = self.start + self.pace * when * (1 + self.gain * when)
        zoom, turn = self.zoom * np.exp(self.closer * when), self.turn * when
        c, s = zoom * np.cos(turn), zoom * np.sin(turn)
        down, across = self.weave[frame]
        shift = (size[1] / 2 - c * x - s * y + across, size[0] / 2 + s * x - c * y + down)
        matrix = np.array([[c, s, shift[0]], [-s, c, shift[1]]])
        seen = cv2.warpAffine(ground, matrix, size[::-1], flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101)
        return np.asarray(np.clip(seen, 0, 1), np.float32)


class _Thing:
    """Something of its own look that crosses the picture, turning."""

    def __init__(self, skin: Floats, size: tuple[int, int], chance: Chance) -> None:
        radius = float(np.exp(chance.uniform(np.log(2), np.log(60))))
        side = int(4 * radius) + 8
        top, left = (int(chance.integers(0, max(n - side, 1))) for n in skin.shape)
        self.skin = cv2.resize(skin[top : top + side, left : left + side], (side, side))
        if chance.random() < 0.4:
            self.skin = np.full_like(self.skin, chance.uniform(0, 1))
        self.shape = blob(chance, radius, side)
        speed, way = float(chance.exponential(10)), chance.uniform(0, 2 * np.pi)
        self.pace = speed * np.array([np.sin(way), np.cos(way)])
        middle = chance.uniform(1, 4)
        self.start = np.array([chance.uniform(0, n) for n in size]) - middle * self.pace
        self.fall = chance.uniform(0, 1.5) * (chance.random() < 0.3)
        self.turn = np.deg2rad(chance.normal(0, 8))
        self.flap = chance.uniform(0, 0.5) * (chance.random() < 0.4)
        self.beat = chance.uniform(0.5, 3)

    def before(self, frame: Floats, when: float) -> Floats:
        y, x = self.start + self.pace * when + np.array([self.fall * when**2 / 2, 0])
        turn, middle = self.turn * when, (len(self.skin) - 1) / 2
        c, s = np.cos(turn), np.sin(turn)
        flat = 1 - self.flap * (1 + np.sin(self.beat * when)) / 2
        matrix = np.array([[c, s * flat, 0], [-s, c * flat, 0]])
        matrix[:, 2] = np.array([x, y]) - matrix[:, :2] @ np.array([middle, middle])
        size = frame.shape[::-1]
        skin = cv2.warpAffine(self.skin, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        cover = cv2.warpAffine(self.shape, matrix, size, flags=cv2.INTER_LINEAR)
        return np.asarray(frame * (1 - cover) + skin * cover, np.float32)


Weather = Callable[[Floats, int], Floats]


def _weather(size: tuple[int, int], length: int, chance: Chance) -> Weather:
    kinds = (_rain, _snow, _sparks, _lamps, _glints, _smoke, _cue, _flash)
    return kinds[int(chance.integers(len(kinds)))](size, length, chance)


def _lit(frame: Floats, cover: Floats, light: float) -> Floats:
    return np.asarray(frame * (1 - cover) + cover * light, np.float32)


def _streaks(size: tuple[int, int], ends: NDArray[np.float64], width: int, blur: float) -> Floats:
    """Lines between ends `(N, 2, 2)`, y and x."""
    cover = np.zeros(size, np.float32)
    for start, stop in np.rint(8 * ends[..., ::-1]).astype(int).tolist():
        cv2.line(cover, start, stop, 1.0, width, cv2.LINE_AA, 3)
    return np.asarray(cv2.GaussianBlur(cover, (0, 0), blur) if blur > 0.2 else cover, np.float32)


def _rain(size: tuple[int, int], length: int, chance: Chance) -> Weather:
    count, slant = int(chance.integers(15, 150)), chance.normal(0, 0.25)
    reach, opacity, blur = chance.uniform(5, 40), chance.uniform(0.15, 0.6), chance.uniform(0, 0.8)
    starts = chance.uniform(0, 1, (length, count, 2)) * size
    each = reach * chance.uniform(0.6, 1.4, (length, count, 1)) * np.array([np.cos(slant), np.sin(slant)])

    def fallen(frame: Floats, t: int) -> Floats:
        ends = np.stack([starts[t], starts[t] + each[t]], 1)
        return _lit(frame, np.float32(opacity) * _streaks(size, ends, 1, blur), 0.9)

    return fallen


def _snow(size: tuple[int, int], _: int, chance: Chance) -> Weather:
    count, radius = int(chance.integers(8, 80)), chance.uniform(0.8, 4)
    start, each = chance.uniform(-0.3, 1.3, (count, 2)) * size, chance.uniform(0.5, 1.5, count) * radius
    drift = chance.normal(0, 6, 2) + np.array([chance.uniform(2, 25), 0])
    pace, beat = drift + chance.normal(0, 2, (count, 2)), chance.uniform(0, 1.5, count)
    light = np.full(count, 0.95) if chance.random() < 0.6 else chance.uniform(0, 1, count)

    def falling(frame: Floats, t: int) -> Floats:
        for k in range(count):
            y, x = start[k] + pace[k] * t
            flat = max(abs(np.cos(beat[k] * t + k)), 0.2)
            axes = (round(16 * each[k] * 1.2), round(16 * each[k] * flat))
            cover = np.zeros(size, np.float32)
            cv2.ellipse(cover, (round(16 * x), round(16 * y)), axes, 40.0 * k, 0, 360, 1.0, -1, cv2.LINE_AA, 4)
            frame = _lit(frame, cover, light[k])
        return frame

    return falling


def _sparks(size: tuple[int, int], length: int, chance: Chance) -> Weather:
    count, source = int(chance.integers(5, 50)), chance.uniform(0.2, 0.8, 2) * size
    born, lasts = chance.uniform(-4, length, count), chance.uniform(0.6, 5, count)
    pace = chance.normal(0, chance.uniform(4, 20), (count, 2)) - np.array([4, 0])

    def flying(frame: Floats, t: int) -> Floats:
        age = t - born
        alive = np.flatnonzero((age >= 0) & (age < lasts))
        begin = np.maximum(age, 0)[:, None]
        ends = [source + pace * when + np.array([0.8, 0]) * when**2 for when in (begin, begin + 0.4)]
        return _lit(frame, _streaks(size, np.stack(ends, 1)[alive], 1, 0.5), 1.0)

    return flying


def _lamps(size: tuple[int, int], length: int, chance: Chance) -> Weather:
    count = int(chance.integers(1, 6))
    places, radius = chance.uniform(0, 1, (count, 2)) * size, np.exp(chance.uniform(0, 2.7, count))
    shining = chance.random((length, count)) < chance.uniform(0.2, 0.8)
    y, x = np.mgrid[: size[0], : size[1]].astype(np.float32)
    sharp = chance.uniform(0.5, 3)

    def flashing(frame: Floats, t: int) -> Floats:
        for k in np.flatnonzero(shining[t]):
            far = np.hypot(y - places[k, 0], x - places[k, 1]) / radius[k]
            frame = np.maximum(frame, np.exp(-(np.clip(far - 0.3, 0, None) ** sharp)).astype(np.float32))
        return frame

    return flashing


def _glints(size: tuple[int, int], length: int, chance: Chance) -> Weather:
    count, share = int(chance.integers(20, 300)), chance.uniform(0.1, 0.5)
    middle, spread = chance.uniform(0.2, 0.8, 2) * size, chance.uniform(0.08, 0.3, 2) * size
    places, width = middle + chance.standard_normal((count, 2)) * spread, chance.uniform(0.5, 5, count)

    def glittering(frame: Floats, t: int) -> Floats:
        here = np.flatnonzero(chance_of(t, count) < share)
        ends = np.stack([places[here], places[here] + np.stack([np.zeros(len(here)), width[here]], 1)], 1)
        return _lit(frame, _streaks(size, ends, 1, 0.4), 1.0)

    seeds = chance.integers(0, 2**31, length)

    def chance_of(t: int, number: int) -> NDArray[np.float64]:
        return np.random.default_rng(int(seeds[t])).random(number)

    return glittering


def _smoke(size: tuple[int, int], length: int, chance: Chance) -> Weather:
    grain = int(chance.integers(6, 24))
    coarse = chance.standard_normal((length + 8, size[0] // grain + 8, size[1] // grain + 8)).astype(np.float32)
    pace, thick, light = chance.normal(0, 0.4, 2), chance.uniform(0.2, 0.9), chance.uniform(0.1, 0.95)

    def drifting(frame: Floats, t: int) -> Floats:
        field = coarse[0] * np.cos(0.4 * t) + coarse[1] * np.sin(0.4 * t) + 0.3 * coarse[t + 2]
        matrix = np.array([[grain, 0, grain * (t * pace[1] - 4)], [0, grain, grain * (t * pace[0] - 4)]], np.float64)
        wide = cv2.warpAffine(field, matrix, size[::-1], flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
        return _lit(frame, np.asarray(np.clip(0.5 * wide, 0, 1) * thick, np.float32), light)

    return drifting


def _cue(size: tuple[int, int], length: int, chance: Chance) -> Weather:
    first, radius = int(chance.integers(-3, length)), chance.uniform(3, 8)
    place = (round(size[1] * chance.uniform(0.88, 0.96)), round(size[0] * chance.uniform(0.05, 0.14)))
    light, wide = float(chance.random() < 0.5), chance.uniform(1, 1.6)

    def marked(frame: Floats, t: int) -> Floats:
        if not first <= t < first + 4:
            return frame
        cover = np.zeros(size, np.float32)
        cv2.ellipse(cover, place, (round(radius * wide), round(radius)), 0, 0, 360, 1.0, -1, cv2.LINE_AA)
        return _lit(frame, cover, light)

    return marked


def _flash(size: tuple[int, int], length: int, chance: Chance) -> Weather:
    when, gain = int(chance.integers(0, length)), chance.uniform(1.1, 3)
    y, x = np.mgrid[: size[0], : size[1]].astype(np.float32)
    far = np.hypot(y - chance.uniform(0, size[0]), x - chance.uniform(0, size[1])) / size[0]

    def lightning(frame: Floats, t: int) -> Floats:
        bright = 1 + (gain - 1) * np.exp(-far * 2) if t == when else np.ones_like(far)
        return np.asarray(np.minimum(frame * bright, 1), np.float32)

    return lightning
