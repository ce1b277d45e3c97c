"""Soil the film: dust, hairs and blotches that lie on one frame, and scratches that run along many.

What lies on the film while it is scanned or projected is opaque and adds density; what lay on the negative when the
print was struck kept light away from it and leaves the print clear there. Scratches run along the film, so that each
leaves a frame at the bottom where it enters the next at the top.
"""

from dataclasses import dataclass, replace
from typing import Self

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from restorers.clip import Clip
from restorers.colorspace import Space
from restorers.damage.chance import numbers
from restorers.restorer import Bench

VISIBLE = 0.05
"""Density from which on a change counts as dirt in the truth."""

FAINT = 0.02  # cover of a scratch's skirts, below which a pixel is not called scratched
SUPERSAMPLING = 4
EPOCH = 32  # frames in which as many scratches begin as their rate says


class Soiling(BaseModel):
    """How dirty the film is. Lengths are pixels of the clip; numbers are means."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    dust: float = Field(16, ge=0, le=2000, description="specks a frame")
    dust_radius: float = Field(1.6, gt=0, le=50, description="median radius of a speck in pixels")
    hairs: float = Field(0.4, ge=0, le=50, description="hairs and fibers a frame")
    hair_length: float = Field(45, gt=0, le=2000, description="median length of a hair in pixels")
    hair_width: float = Field(1.2, gt=0, le=20, description="width of a hair in pixels")
    blotches: float = Field(0.25, ge=0, le=50, description="large faint stains a frame")
    blotch_radius: float = Field(14, gt=0, le=500, description="median radius of a blotch in pixels")
    bright: float = Field(0.4, ge=0, le=1, description="share of the dirt that prints white")
    stains: float = Field(0, ge=0, le=50, description="dried drops and rings of mold a frame, seen through")
    stain_radius: float = Field(24, gt=0, le=1000, description="median radius of a stain in pixels")
    scratches: float = Field(1.5, ge=0, le=50, description="scratches that run through a frame")
    scratch_frames: float = Field(20, gt=1, le=EPOCH, description="frames that a scratch runs along")
    scratch_width: float = Field(1.0, gt=0, le=20, description="width of a scratch in pixels")
    density: float = Field(0.9, gt=0, le=3, description="density of dirt that lets no light through")

    def scaled(self, factor: float) -> Self:
        """The same dirt seen in a picture `factor` times as large."""
        grown = ("dust_radius", "hair_length", "hair_width", "blotch_radius", "stain_radius", "scratch_width")
        return self.model_copy(update={name: getattr(self, name) * factor for name in grown})


@dataclass(frozen=True, eq=False)
class SoilTruth:
    """What lies on the film.

    Attributes:
        first: reel number of the first frame.
        change: density added, `(T, H, W)`, mean of the layers, negative where the dirt is bright.
        scratched: where it is a scratch, bool `(T, H, W)`.
    """

    first: int
    change: Tensor
    scratched: Tensor

    @property
    def mask(self) -> Tensor:
        """Where dirt can be seen, bool `(T, H, W)`: it changes density by 0.05 or more."""
        return self.change.abs() >= VISIBLE


@dataclass(frozen=True)
class _Scratch:
    left: float
    first: float
    last: float
    bright: bool
    depth: float
    phases: NDArray[np.float64]


def soil(clip: Clip, soiling: Soiling, bench: Bench) -> tuple[Clip, SoilTruth]:
    """The clip with dirt on it, in the space it came in, and what lies where."""
    density = clip.in_space(Space.DENSITY)
    covers = bench.map(lambda number: cover(number, clip.size, soiling, bench), clip.numbers)
    dark, bright, scratched = torch.from_numpy(np.stack(covers)).to(density.frames.device).unbind(1)
    frames = density.frames * (1 - bright.unsqueeze(1)) + soiling.density * dark.unsqueeze(1)
    change = (frames - density.frames).mean(dim=1)
    truth = SoilTruth(clip.first, change, (scratched > 0) & (change.abs() >= VISIBLE))
    return replace(density, frames=frames).in_space(clip.space), truth


def cover(number: int, size: tuple[int, int], soiling: Soiling, bench: Bench) -> NDArray[np.float32]:
    """How much of each pixel of a reel frame is under dark dirt, bright dirt, and scratches of either kind.

    Returns:
        `(3, H, W)` in [0, 1]; what the scratches cover is part of the first two.
    """
    chance = numbers(bench, "soil", number)
    planes = np.zeros((2, *size), np.float32)
    for _ in range(chance.poisson(soiling.dust)):
        radius = soiling.dust_radius * np.exp(0.5 * chance.standard_normal())
        _lay(planes, speck(chance, radius), chance.uniform(0.6, 1.0), chance, soiling)
    for _ in range(chance.poisson(soiling.hairs)):
        _lay(planes, hair(chance, soiling), chance.uniform(0.5, 0.9), chance, soiling)
    for _ in range(chance.poisson(soiling.blotches)):
        stain = speck(chance, soiling.blotch_radius * np.exp(0.35 * chance.standard_normal()))
        _lay(planes, _softened(stain, max(soiling.blotch_radius / 10, 0.5)), chance.uniform(0.15, 0.4), chance, soiling)
    for _ in range(chance.poisson(soiling.stains)):
        radius = soiling.stain_radius * np.exp(0.3 * chance.standard_normal())
        _lay(planes, drop(chance, radius), chance.uniform(0.25, 0.5), chance, soiling)
    scratched = np.zeros(size, np.float32)
    for scratch in _scratches(number, size[1], soiling, bench):
        plane, trace = planes[int(scratch.bright)], _scratched(scratch, number, size, soiling.scratch_width)
        np.maximum(plane, trace, out=plane)
        np.maximum(scratched, np.where(trace > FAINT, trace, 0), out=scratched)
    return np.concatenate([planes, scratched[None]])


def _lay(
    planes: NDArray[np.float32],
    patch: NDArray[np.float32],
    opacity: float,
    chance: np.random.Generator,
    soiling: Soiling,
) -> None:
    plane = planes[int(chance.random() < soiling.bright)]
    height, width = plane.shape
    top = int(chance.integers(0, height)) - patch.shape[0] // 2
    left = int(chance.integers(0, width)) - patch.shape[1] // 2
    rows = slice(max(top, 0), min(top + patch.shape[0], height))
    columns = slice(max(left, 0), min(left + patch.shape[1], width))
    seen = patch[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]
    np.maximum(plane[rows, columns], np.float32(opacity) * seen, out=plane[rows, columns])


def speck(chance: np.random.Generator, radius: float) -> NDArray[np.float32]:
    """A speck of an uneven, stretched outline of about a radius in pixels: what it hides of each pixel, `(h, w)`."""
    angle = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    outline = np.ones_like(angle)
    for k in range(2, 7):
        outline += 0.35 / k * chance.standard_normal() * np.cos(k * angle + chance.uniform(0, 2 * np.pi))
    outline = np.clip(outline, 0.25, 2.0) * radius
    stretch, turn = np.exp(0.3 * chance.standard_normal()), chance.uniform(0, np.pi)
    x, y = outline * np.cos(angle) * stretch, outline * np.sin(angle) / stretch
    points = np.stack([x * np.cos(turn) - y * np.sin(turn), x * np.sin(turn) + y * np.cos(turn)], axis=1)
    points += chance.uniform(0, 1, 2)
    canvas, origin = _canvas(points, 1.0)
    cv2.fillPoly(canvas, [np.rint((points - origin) * SUPERSAMPLING).astype(np.int32)], (255,))
    return _reduced(canvas)


def _softened(patch: NDArray[np.float32], radius: float) -> NDArray[np.float32]:
    return np.asarray(cv2.GaussianBlur(np.pad(patch, 3), (0, 0), radius), np.float32)


def drop(chance: np.random.Generator, radius: float) -> NDArray[np.float32]:
    """What a dried drop or a ring of mold of about a radius in pixels leaves, `(h, w)` in [0, 1].

    It is soft, and deepest near its rim: a drop dries from there, and leaves there most of what it held (Deegan et
    al., *Capillary flow as the cause of ring stains from dried liquid drops*, Nature 389, 1997).
    """
    shape = np.pad(speck(chance, radius), max(round(radius / 4), 2))
    depth = cv2.distanceTransform((shape > 0.5).astype(np.uint8), cv2.DIST_L2, 5)
    rim = np.exp(-np.square((depth / radius - 0.15) / 0.12))
    inner, clouds = chance.uniform(0.25, 0.8), cv2.GaussianBlur(chance.standard_normal(shape.shape), (0, 0), radius / 4)
    whole = np.maximum(rim, inner * (1 + 0.2 * clouds / max(float(np.abs(clouds).max()), 1e-6))) * (depth > 0)
    soft = cv2.GaussianBlur(whole.astype(np.float32), (0, 0), max(0.06 * radius, 0.7))
    return np.asarray(soft / max(float(soft.max()), 1e-6), np.float32)


def hair(chance: np.random.Generator, soiling: Soiling) -> NDArray[np.float32]:
    """A bent hair of about the length and the width that `soiling` says: how much of each pixel it hides, `(h, w)`."""
    steps = 40
    length = soiling.hair_length * np.exp(0.4 * chance.standard_normal())
    bend = np.cumsum(chance.normal(0, 0.12, steps)) + chance.normal(0, 1.2) * np.linspace(-1, 1, steps)
    heading = bend + chance.uniform(0, 2 * np.pi)
    points = np.cumsum(np.stack([np.cos(heading), np.sin(heading)], axis=1), axis=0) * (length / steps)
    canvas, origin = _canvas(points, 2 * soiling.hair_width)
    thickness = max(round(soiling.hair_width * SUPERSAMPLING), 1)
    line = np.rint((points - origin) * SUPERSAMPLING).astype(np.int32)
    cv2.polylines(canvas, [line], isClosed=False, color=(255,), thickness=thickness)
    return _reduced(canvas)


def _canvas(points: NDArray[np.float64], margin: float) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    origin = np.floor(points.min(axis=0) - margin)
    width, height = np.ceil(points.max(axis=0) + margin - origin).astype(int) + 1
    return np.zeros((height * SUPERSAMPLING, width * SUPERSAMPLING), np.uint8), origin


def _reduced(canvas: NDArray[np.uint8]) -> NDArray[np.float32]:
    height, width = canvas.shape[0] // SUPERSAMPLING, canvas.shape[1] // SUPERSAMPLING
    small = cv2.resize(canvas.astype(np.float32), (width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.GaussianBlur(small, (0, 0), 0.5) / 255, np.float32)


def _scratches(number: int, width: int, soiling: Soiling, bench: Bench) -> list[_Scratch]:
    begun = soiling.scratches * EPOCH / soiling.scratch_frames
    running = []
    for epoch in (number // EPOCH - 1, number // EPOCH):
        chance = numbers(bench, "scratches", epoch)
        for _ in range(chance.poisson(begun)):
            first = (epoch + chance.random()) * EPOCH
            lasts = float(min(soiling.scratch_frames * chance.uniform(0.5, 1.5), EPOCH))
            scratch = _Scratch(
                left=chance.uniform(0.03, 0.97) * width,
                first=first,
                last=first + lasts,
                bright=bool(chance.random() < soiling.bright),
                depth=chance.uniform(0.3, 0.8),
                phases=chance.uniform(0, 2 * np.pi, 6),
            )
            if scratch.first < number + 1 and scratch.last > number:
                running.append(scratch)
    return running


def _scratched(scratch: _Scratch, number: int, size: tuple[int, int], width: float) -> NDArray[np.float32]:
    along = number + np.arange(size[0]) / size[0]  # position on the film, in frames
    sways = [np.sin(2 * np.pi * f * along + p) for f, p in zip((0.13, 0.31, 0.71), scratch.phases[:3], strict=True)]
    pressure = [np.sin(2 * np.pi * f * along + p) for f, p in zip((0.37, 1.3, 4.1), scratch.phases[3:], strict=True)]
    left = scratch.left + (1.5 * sways[0] + 0.7 * sways[1] + 0.3 * sways[2]) * width
    strength = np.clip(0.75 + 0.35 * pressure[0] + 0.25 * pressure[1] + 0.2 * pressure[2], 0, 1) * scratch.depth
    strength = strength * ((along >= scratch.first) & (along < scratch.last))
    profile = np.exp(-0.5 * ((np.arange(size[1])[None, :] - left[:, None]) / (width / 2)) ** 2)
    return np.asarray(strength[:, None] * profile, np.float32)
