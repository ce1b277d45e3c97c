"""Spoilt films whose truth is known: real outlines of dirt on clean shots, and lines that run along the film.

The outlines were drawn by people around the dirt of ten scans (`film/damage_masks/annotated_scans`); half of the lint
and hairs of the same collection lie among them. Nothing of this was seen by anything that was trained here.
"""

import gzip
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from restorers.damage.breaking import Breaking
from restorers.damage.breaking import cover as breaks
from restorers.damage.soiling import drop
from restorers.restorer import Bench
from tests.benchmarks.grainy import grained
from tests.benchmarks.moves import FOOTAGE, Film, Singles
from tests.benchmarks.peers import Frames
from tests.benchmarks.wear import density_of_levels, levels_of_density

Mask: TypeAlias = NDArray[np.bool_]
Chance: TypeAlias = np.random.Generator

WEAVE = 0.3  # pixels a stabilizer leaves
SEEN = 3.0  # sigmas of grain from which on a change counts as damage
OPAQUE = 0.9  # density of dirt that lets no light through
BRIGHT = 0.4  # share of the dirt that prints white
FINER = 8  # outlines are drawn so many times finer than the frame
ASTRAY = 12.0  # levels by which a neighbor along the flow is off where things are fast or hidden


@dataclass(frozen=True, eq=False)
class Spoilt:
    """A shot with damage on it, and what it was; 8-bit sRGB `(T, H, W, 3)`.

    Attributes:
        clean: without grain and damage.
        sound: with grain, without damage.
        found: as scanned.
        sigma: standard deviation of the grain in 8-bit levels.
    """

    clean: Frames
    sound: Frames
    found: Frames
    sigma: float

    @property
    def touched(self) -> Mask:
        """Where damage changed a code, `(T, H, W)`."""
        return np.asarray((self.sound != self.found).any(-1))

    @property
    def spoilt(self) -> Mask:
        """Where it changed the mean of the channels by three sigmas of grain or more, `(T, H, W)`."""
        change = self.found.mean(-1) - self.sound.mean(-1)
        return np.asarray(np.abs(change) >= SEEN * max(self.sigma, 2.0))


Layer: TypeAlias = Callable[[int, tuple[int, int], int], Singles]
"""Cover `(2, H, W)` in [0, 1] of a frame of a number and a size, in a shot of a seed, by dark and bright damage."""


def spoilt(film: Film, layer: Layer, *, grain: float = 6.0, seed: int = 0, weave: float = WEAVE) -> Spoilt:
    """A film with grain of a strength in 8-bit levels and damage on it."""
    height, width = film.size
    y, x = np.mgrid[:height, :width].astype(np.float32)
    shifts = np.random.default_rng((seed, 7)).normal(0, weave, (film.length, 2)).astype(np.float32)
    seen = [film.seen(time, x + dx, y + dy) for time, (dx, dy) in enumerate(shifts)]
    clean = np.stack([np.clip(np.rint(frame), 0, 255).astype(np.uint8) for frame in seen])
    sound = grained(clean, "film", grain) if grain else clean
    found = [_laid(f, layer(n, film.size, seed)) for n, f in enumerate(sound)]
    return Spoilt(clean, sound, np.stack(found), grain)


def dirt(amount: float = 18, *, size: float = 0.45) -> Layer:
    """So many pieces of real dirt a frame, as large as on a scan `1 / size` times as large, give or take half."""

    def layer(number: int, frame: tuple[int, int], seed: int) -> Singles:
        chance = np.random.default_rng((seed, 11, number))
        cover = np.zeros((2, *frame), np.float32)
        for _ in range(chance.poisson(amount)):
            scale = size * float(np.exp(chance.normal(0, 0.35)))
            piece = _outlined(chance, scale) if chance.random() < 0.93 else _fiber(chance, scale)
            _lay(cover[int(chance.random() < BRIGHT)], piece * chance.uniform(0.45, 1.0), chance)
        return cover

    return layer


def lines(count: int = 2) -> Layer:
    """Scratches that run along the film for many frames: some slanted, some faint, none of even depth."""

    def layer(number: int, frame: tuple[int, int], seed: int) -> Singles:
        cover = np.zeros((2, *frame), np.float32)
        along = number + np.arange(frame[0]) / frame[0]
        for index in range(count):
            chance = np.random.default_rng((seed, 13, index))
            plane = cover[int(chance.random() < BRIGHT)]
            np.maximum(plane, _line(chance, along, frame), out=plane)
        return cover

    return layer


def broken(breaking: Breaking) -> Layer:
    """Splices or tears on every fourth frame, of which something is to be seen there."""

    def layer(number: int, frame: tuple[int, int], seed: int) -> Singles:
        chance = np.random.default_rng((seed, 11, number))
        cover = np.zeros((2, *frame), np.float32)
        while number % 4 == 2 and (cover.max(0) > BRIGHT).sum() < frame[1]:
            cover = breaks(number, frame, breaking, Bench(seed=int(chance.integers(2**31))))
        return cover

    return layer


def drops(*, radius: float = 0.05) -> Layer:
    """Dried drops on every other frame, of about a radius in heights of it."""

    def layer(number: int, frame: tuple[int, int], seed: int) -> Singles:
        chance = np.random.default_rng((seed, 11, number))
        cover = np.zeros((2, *frame), np.float32)
        for _ in range(1 + int(chance.integers(2)) if number % 2 else 0):
            piece = drop(chance, radius * frame[0] * float(np.exp(chance.normal(0, 0.3))))
            _lay(cover[int(chance.random() < BRIGHT)], piece * np.float32(chance.uniform(0.2, 0.45)), chance)
        return cover

    return layer


def nothing(_: int, frame: tuple[int, int], __: int) -> Singles:
    """No damage."""
    return np.zeros((2, *frame), np.float32)


def obscured(share: float = 0.1) -> Layer:
    """Opaque blobs over a share of the frame."""

    def layer(number: int, frame: tuple[int, int], seed: int) -> Singles:
        chance = np.random.default_rng((seed, 11, number))
        cover = np.zeros((2, *frame), np.float32)
        while (cover > 0.5).any(0).mean() < share:
            axes = chance.uniform(0.008, 0.03, 2) * frame[1]
            center = chance.uniform(0, frame[::-1])
            shape = (tuple(center), tuple(2 * axes), float(chance.uniform(0, 180)))
            cv2.ellipse(cover[int(chance.random() < BRIGHT)], shape, 1.0, -1)
        return cover

    return layer


def hard(clean: Frames) -> Mask:
    """Where a clean film cannot be followed from one side or the other, as flow itself sees it, `(T, H, W)`."""
    grays = [np.ascontiguousarray(f.mean(-1), np.float32) for f in clean]
    small = [np.asarray(np.clip(g, 0, 255), np.uint8) for g in grays]
    astray = np.zeros(clean.shape[:3], bool)
    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    y, x = np.mgrid[: clean.shape[1], : clean.shape[2]].astype(np.float32)
    for one in range(len(clean)):
        for two in (one - 1, one + 1):
            if 0 <= two < len(clean):
                flow = search.calc(small[one], small[two], None)
                there = cv2.remap(grays[two], x + flow[..., 0], y + flow[..., 1], cv2.INTER_LINEAR)
                astray[one] |= cv2.blur(np.abs(there - grays[one]), (3, 3)) > ASTRAY
    square = np.ones((9, 9), np.uint8)
    return np.stack([cv2.dilate(mask.astype(np.uint8), square) > 0 for mask in astray])


def _laid(frame: Frames, cover: Singles) -> Frames:
    dark, bright = cover
    touched = (dark + bright) > 0.004
    density = density_of_levels(frame[touched].astype(np.float32))
    density = density * (1 - bright[touched][:, None]) + OPAQUE * dark[touched][:, None]
    out = frame.copy()
    out[touched] = np.clip(np.rint(levels_of_density(density)), 0, 255).astype(np.uint8)
    return out


def _lay(plane: Singles, piece: Singles, chance: Chance) -> None:
    piece = np.rot90(piece, int(chance.integers(4)))
    top, left = (int(chance.integers(0, n)) - m // 2 for n, m in zip(plane.shape, piece.shape, strict=True))
    rows = slice(max(top, 0), min(top + piece.shape[0], plane.shape[0]))
    columns = slice(max(left, 0), min(left + piece.shape[1], plane.shape[1]))
    seen = piece[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]
    np.maximum(plane[rows, columns], seen, out=plane[rows, columns])


def _outlined(chance: Chance, scale: float) -> Singles:
    outlines = _outlines()
    points = outlines[int(chance.integers(len(outlines)))] * scale
    points = points - points.min(0) + 2
    wide, high = np.ceil(points.max(0) + 3).astype(int)
    fine = np.zeros((high * FINER, wide * FINER), np.uint8)
    cv2.fillPoly(fine, [np.rint(points * FINER).astype(np.int32)], (255,))
    small = cv2.resize(fine, (wide, high), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.GaussianBlur(small, (0, 0), float(chance.uniform(0.3, 0.8))) / np.float32(255))


def _fiber(chance: Chance, scale: float) -> Singles:
    fibers = _fibers()
    picture = fibers[int(chance.integers(len(fibers)))]
    small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return np.asarray(np.clip(small / 255 * 1.5, 0, 1), np.float32)


def _line(chance: Chance, along: NDArray[np.float64], frame: tuple[int, int]) -> Singles:
    width, slant = chance.uniform(0.8, 3.0), np.tan(np.deg2rad(chance.uniform(-1.5, 1.5))) * chance.integers(2)
    first = chance.uniform(-12, 14)
    last = first + chance.uniform(8, 40)
    x = chance.uniform(0.05, 0.95) * frame[1] + slant * frame[0] * (along - (first + last) / 2) / 4
    x = x + chance.uniform(0, 3) * np.sin(along * chance.uniform(0.2, 0.9) + chance.uniform(0, 6))
    rough = np.interp(along, np.arange(-16, 80, 0.23), chance.normal(0, 1, len(np.arange(-16, 80, 0.23))))
    depth = chance.uniform(0.25, 0.8) * np.clip(1 + 0.3 * rough, 0, 1.4) * ((along >= first) & (along < last))
    apart = np.abs(np.arange(frame[1])[None, :] - x[:, None])
    return np.asarray(np.clip(depth[:, None] * np.clip(width / 2 + 0.5 - apart, 0, 1), 0, 1), np.float32)


@cache
def _outlines() -> Sequence[NDArray[np.float64]]:
    files = sorted((FOOTAGE / "film" / "damage_masks" / "annotated_scans").glob("*.json.gz"))
    found = []
    for file in files:
        for figure in json.loads(gzip.decompress(file.read_bytes())).values():
            points = np.array([(p["x"], p["y"]) for p in figure["points"]], float)
            if len(points) > 2 and figure["label"]["name"] != "Scratch" and np.ptp(points, axis=0).max() < 160:
                found.append(points)
    return found


@cache
def _fibers() -> Sequence[NDArray[np.uint8]]:
    folder = FOOTAGE / "film" / "damage_masks"
    files = [file for kind in ("lint", "hair-short") for file in sorted((folder / kind).glob("*.png"))[1::2]]
    cut = []
    for file in files:
        alpha = np.asarray(cv2.imread(str(file), cv2.IMREAD_UNCHANGED))[..., 3]
        rows, columns = np.flatnonzero((alpha > 8).any(1)), np.flatnonzero((alpha > 8).any(0))
        cut.append(np.ascontiguousarray(alpha[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]))
    return cut
