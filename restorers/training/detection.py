"""What the detector learns from: clean films in motion, grain, dirt laid on single frames, and where it lies.

Dirt is drawn (specks, hairs, stains) or has shapes taken from real scans; it is dark or bright, opaque or see-through,
sharp or soft, single or in heaps. What is shown to the network is exactly what repair will show it: the evidence of the
cells in which a frame stands out from its neighbors.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from restorers.cleaning.blemishes import blemishes
from restorers.cleaning.cells import TILE
from restorers.cleaning.detector import Signs, candidates
from restorers.cleaning.evidence import CELL, MARGIN, PLANES, Suspects, planes, suspects
from restorers.cleaning.found import Found
from restorers.cleaning.neighbors import Neighbor
from restorers.cleaning.shelf import FLOOR
from restorers.damage.graining import FOG, clumped
from restorers.damage.soiling import Soiling, hair, speck
from restorers.detail.grain import Floats
from restorers.geometry.motion import flow, luma_for_flow
from restorers.networks.detector import UNCALIBRATED, Detector
from restorers.training.calibration import Judged, calibrated, calibration_error
from restorers.training.loop import Batch, Lesson, Told, untold
from restorers.training.scenery import Chance, Pictures, photographed, recorded

STEPS = 15.8  # in which evidence is kept, for each sigma
SURE, DOUBTFUL = 2, 1  # of a truth: dirt, and what changes so little that nobody can tell
TOUCHED = 1e-4  # density
LARGEST = 4000  # pixels
SENSITIVITY = 6.0  # sigmas, of the rules
COUNT = 1500  # films
REAL = 0.3  # share of the films that were filmed, if any were
RIM = 4  # pixels around a cell that count in learning, too


@dataclass(frozen=True)
class Film:
    """A damaged film: what is seen of it, and what lies on it.

    Attributes:
        frames: density, `(T, H, W)`.
        sigma: of the grain, as it would be measured, `(T, H, W)`.
        change: density that dirt adds, `(T, H, W)`.
    """

    frames: Floats
    sigma: Floats
    change: Floats

    def truth(self, number: int) -> NDArray[np.uint8]:
        """2 where dirt lies on a frame, 1 where it changes it by less than can be told, else 0, `(H, W)`."""
        contrast = np.abs(self.change[number]) / self.sigma[number]
        near = cv2.dilate((contrast >= 3).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
        dirt = (contrast >= 2.5) | (near & (contrast >= 1))
        return np.asarray(np.where(dirt, SURE, np.where(contrast >= 0.7, DOUBTFUL, 0)), np.uint8)

    def neighbors(self, number: int) -> tuple[Neighbor, Neighbor]:
        """The frames beside one, or the two next to it at an end."""
        last = len(self.frames) - 1
        others = (1, 2) if number == 0 else (last - 1, last - 2) if number == last else (number - 1, number + 1)
        return self._neighbor(number, others[0]), self._neighbor(number, others[1])

    def suspects(self, number: int) -> tuple[tuple[Neighbor, Neighbor], Suspects]:
        """The neighbors of a frame, and where it stands out from both."""
        sides = self.neighbors(number)
        return sides, suspects(self.frames[number], sides, self.sigma[number])

    def candidates(self, number: int, network: Detector) -> list[tuple[Found, Signs]]:
        """All that a network or the rules make out on a frame, however unsure, and what speaks for it."""
        ends = number in (0, len(self.frames) - 1)
        gray, sides, sigma = self.frames[number], self.neighbors(number), self.sigma[number]
        ruled = blemishes(gray, sides, sigma, sensitivity=SENSITIVITY, max_area=LARGEST)
        return candidates(gray, sides, sigma, network, ruled=ruled, max_area=LARGEST, one_sided=ends)

    def _neighbor(self, number: int, other: int) -> Neighbor:
        here, there = (luma_for_flow(torch.from_numpy(self.frames[n]).expand(3, -1, -1)) for n in (number, other))
        return Neighbor(self.frames[other], flow(here, there), flow(there, here))


@dataclass(frozen=True)
class Examples:
    """Cells that stand out: evidence `(N, 11, 64, 64)` in 1/15.8 sigmas, and truth `(N, 64, 64)`."""

    evidence: NDArray[np.int8]
    truth: NDArray[np.uint8]


class Detection(Lesson[Detector]):
    """Learn where dirt lies."""

    def __init__(
        self,
        shown: Examples,
        kept_back: Examples,
        films: Sequence[Film],
        settings: Mapping[str, int],
        *,
        size: int = 32,
        seed: int = 0,
    ) -> None:
        """A lesson from cells.

        Args:
            shown: what it learns from.
            kept_back: of other films, to judge it by.
            films: these, whole, to fit its confidence to.
            settings: of the network.
            size: cells a batch.
            seed: of the order in which they come.
        """
        self.shown, self.kept_back, self.films, self.settings = shown, kept_back, films, settings
        self.size, self.seed = size, seed

    def network(self) -> Detector:
        """A network that takes everything to be clean."""
        return Detector(**self.settings)

    def batch(self, step: int) -> Batch:
        """Cells drawn by chance, mirrored and turned."""
        chance = np.random.default_rng((self.seed, step))
        chosen = np.sort(chance.integers(0, len(self.shown.truth), self.size))
        evidence = _evidence(self.shown.evidence[chosen])
        truth = torch.from_numpy(self.shown.truth[chosen])
        mirrors = tuple(axis for axis in (-1, -2) if chance.random() < 0.5)
        evidence, truth = evidence.flip(mirrors), truth.flip(mirrors)
        if chance.random() < 0.5:
            evidence, truth = evidence.transpose(-1, -2), truth.transpose(-1, -2)
        return evidence.contiguous(memory_format=torch.channels_last), truth

    def loss(self, network: Detector, batch: Batch) -> Tensor:
        """Cross entropy of the pixels that can be told, in and close to the cells."""
        evidence, truth = batch
        inner = slice(MARGIN - RIM, TILE - MARGIN + RIM)
        logits, truth = network(evidence)[:, inner, inner], truth[:, inner, inner]
        known = (truth != DOUBTFUL).float()
        each = functional.binary_cross_entropy_with_logits(logits, (truth == SURE).float(), reduction="none")
        return (each * known).sum() / known.sum()

    def finished(self, network: Detector) -> Detector:
        """The network, the confidence of its objects fitted to what is right on the films kept back."""
        objects = [judged(film, network) for film in self.films]
        network.calibration.copy_(torch.tensor(calibrated(objects, UNCALIBRATED)))
        return network

    def scores(self, network: Detector) -> dict[str, float]:
        """Pixels of the cells kept back: F1, precision and recall at one half, and how far confidence is off."""
        inner = slice(MARGIN, TILE - MARGIN)
        with torch.inference_mode():
            parts = [network(_evidence(part)) for part in np.array_split(self.kept_back.evidence, 64) if len(part)]
        sure = torch.cat(parts)[:, inner, inner].sigmoid().numpy()
        truth = self.kept_back.truth[:, inner, inner]
        sure, dirt = sure[truth != DOUBTFUL], truth[truth != DOUBTFUL] == SURE
        hits = float((dirt & (sure >= 0.5)).sum())
        precision, recall = hits / max(float((sure >= 0.5).sum()), 1), hits / max(float(dirt.sum()), 1)
        return {
            "f1": 2 * precision * recall / max(precision + recall, 1e-9),
            "precision": precision,
            "recall": recall,
            "calibration error": calibration_error(sure, dirt),
        }


def judged(film: Film, network: Detector) -> list[Judged]:
    """What speaks for the objects that a network or the rules make out on a film, and which of them are dirt."""
    objects: list[Judged] = []
    for number in range(len(film.frames)):
        touched = cv2.dilate((np.abs(film.change[number]) > TOUCHED).astype(np.uint8), np.ones((3, 3), np.uint8))
        for found, signs in film.candidates(number, network):
            top, left, bottom, right = found.box
            objects.append((signs, float(touched[top:bottom, left:right][found.mask].mean()) > 0.5))
    return objects


def detection(
    photographs: Pictures,
    films: Sequence[Pictures],
    shapes: Sequence[Floats],
    *,
    kept_back: float,
    settings: Mapping[str, int],
    count: int = COUNT,
    seed: int = 0,
    tell: Told = untold,
) -> Detection:
    """The lesson of so many films, and an eighth as many of what is kept back; takes some CPU minutes.

    Args:
        photographs: gray, 8 bits, `(h, w)`.
        films: real ones, the scenes of each in their order, `(T, h, w)`, as the photographs are; none, or several.
        shapes: real pieces of dirt, how much of each pixel they hide in [0, 1].
        kept_back: share of the photographs, and of each film its end, to judge by alone; half of the shapes is, too.
        settings: of the network.
        count: films.
        seed: of all that is random in them.
        tell: is told how many of them are made.
    """
    back = max(round(len(photographs) * kept_back), 1)
    ends = [max(round(len(scenes) * (1 - kept_back)), 1) for scenes in films]
    earlier = [scenes[:end] for scenes, end in zip(films, ends, strict=True)]
    later = [scenes[end:] for scenes, end in zip(films, ends, strict=True) if end < len(scenes)]
    shown = partial(_filmed, photographs[back:], earlier, shapes[::2], seed)
    kept = [_filmed(photographs[:back], later, shapes[1::2], seed, number) for number in range(count, count * 9 // 8)]
    return Detection(
        examples(shown, count, tell=tell), examples(kept.__getitem__, len(kept)), kept, settings, seed=seed
    )


def examples(film: Callable[[int], Film], count: int, *, most: int = 10, tell: Told = untold) -> Examples:
    """The cells of films, given by their number, that stand out; at most so many of a frame, drawn by chance."""
    parts: list[Examples] = []

    def cut(number: int) -> Examples:
        return _cells(film(number), most, np.random.default_rng((count, number)))

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for part in pool.map(cut, range(count)):
            parts.append(part)
            tell(len(parts), count)
    return Examples(np.concatenate([p.evidence for p in parts]), np.concatenate([p.truth for p in parts]))


def _cells(film: Film, most: int, chance: Chance) -> Examples:
    evidence, truth = [np.empty((0, PLANES, TILE, TILE), np.int8)], [np.empty((0, TILE, TILE), np.uint8)]
    for number in range(len(film.frames)):
        sides, seen = film.suspects(number)
        chosen = np.sort(chance.permutation(len(seen.cells))[:most])
        seen = Suspects(seen.excess, seen.cells[chosen], seen.levels)
        ends = number in (0, len(film.frames) - 1)
        shown = planes(film.frames[number], sides, film.sigma[number], seen, one_sided=ends)
        evidence.append(np.rint(np.clip(shown, -8, 8) * STEPS).astype(np.int8))
        whole = np.pad(film.truth(number), TILE, mode="edge")
        corners = seen.cells * CELL - MARGIN + TILE
        truth.append(np.array([whole[y : y + TILE, x : x + TILE] for y, x in corners]).reshape(-1, TILE, TILE))
    return Examples(np.concatenate(evidence), np.concatenate(truth))


def _filmed(photographs: Pictures, films: Sequence[Pictures], shapes: Sequence[Floats], seed: int, number: int) -> Film:
    return filmed(photographs, films, shapes, np.random.default_rng((seed, number)))


def filmed(
    photographs: Pictures,
    films: Sequence[Pictures],
    shapes: Sequence[Floats],
    chance: Chance,
    *,
    size: tuple[int, int] = (256, 304),
) -> Film:
    """A film of six frames, damaged: photographs in motion or, if there are films, now and then a scene of one."""
    if films and chance.random() < REAL:
        scenes = films[int(chance.integers(len(films)))]
        return soiled(recorded(scenes[int(chance.integers(len(scenes)))], size, chance), shapes, chance)
    return soiled(photographed(photographs, size, 6, chance), shapes, chance)


def soiled(clean: Floats, shapes: Sequence[Floats], chance: Chance, *, weakest: float = 0.003) -> Film:
    """A clean film `(T, H, W)`, density, with grain, dirt on single frames and a flicker that was not quite taken off.

    `shapes` are real pieces of dirt, how much of each pixel they hide in [0, 1]. Some films are given no dirt at all.
    """
    strength = float(np.exp(chance.uniform(np.log(weakest), np.log(0.06))))
    radius = chance.uniform(0.3, 1.5)
    white = chance.standard_normal(clean.shape).astype(np.float32)
    level = np.sqrt((np.maximum(clean, 0) + FOG) / (1 + FOG))
    film = clean + strength * level * clumped(white, radius)
    dirt = _Dirt(shapes, chance)
    soil = np.stack([dirt.laid(frame) for frame in film])
    gain = 1 + chance.uniform(0, 0.02) * chance.standard_normal((len(clean), 1, 1))
    frames = np.asarray(soil * gain, np.float32)
    calm = np.stack([cv2.blur(frame, (5, 5)) for frame in frames])
    grain = strength * np.sqrt((np.maximum(calm, 0) + FOG) / (1 + FOG))
    sigma = np.maximum(grain * chance.uniform(0.85, 1.2), FLOOR)
    return Film(frames, np.asarray(sigma, np.float32), np.asarray(soil - film, np.float32))


class _Dirt:
    """How dirty one film is, and with what."""

    def __init__(self, shapes: Sequence[Floats], chance: Chance) -> None:
        self.shapes, self.chance = shapes, chance
        self.often = 0.0 if chance.random() < 0.12 else float(np.exp(chance.uniform(np.log(0.5), np.log(25))))
        self.bright, self.scale = chance.uniform(0, 1), float(np.exp(chance.uniform(-0.5, 0.9)))
        self.soft, self.density = chance.uniform(0, 1.3) * (chance.random() < 0.6), chance.uniform(0.4, 1.6)
        self.clear = chance.uniform(0, 0.3)

    def laid(self, frame: Floats) -> Floats:
        """A frame `(H, W)` with dirt on it."""
        frame = frame.copy()
        place = self.chance.uniform(0, 1, 2) * frame.shape
        for _ in range(self.chance.poisson(self.often)):
            if self.chance.random() < 0.8:
                place = self.chance.uniform(0, 1, 2) * frame.shape
            place = place + self.chance.normal(0, 6, 2)
            patch = self._patch()
            opacity = np.float32(self.chance.uniform(0.1, 1) if self.chance.random() < 0.5 else 1)
            top, left = (round(float(p)) - n // 2 for p, n in zip(place, patch.shape, strict=True))
            rows = slice(max(top, 0), min(top + patch.shape[0], frame.shape[0]))
            columns = slice(max(left, 0), min(left + patch.shape[1], frame.shape[1]))
            if rows.start >= rows.stop or columns.start >= columns.stop:
                continue
            cover = opacity * patch[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]
            under = frame[rows, columns]
            under[:] = self._seen_through(under, cover)
        return frame

    def _seen_through(self, under: Floats, cover: Floats) -> Floats:
        if self.chance.random() < self.bright:
            return np.asarray(under * (1 - cover) + cover * np.float32(self.clear), np.float32)
        if self.chance.random() < 0.5:
            return under + np.float32(self.density) * cover
        return np.asarray(under * (1 - cover) + cover * np.float32(1 + self.density / 2), np.float32)

    def _patch(self) -> Floats:
        chance, drawn = self.chance, self.chance.random()
        if drawn < 0.4 and self.shapes:
            shape = self.shapes[int(chance.integers(len(self.shapes)))]
            reach = float(np.exp(chance.uniform(np.log(2.5), np.log(45)))) * self.scale / max(shape.shape)
            rows, columns = (max(round(n * reach), 2) for n in shape.shape)
            patch = cv2.resize(np.rot90(shape, int(chance.integers(4))).copy(), (columns, rows), None, 0, 0, 3)
        elif drawn < 0.8:
            patch = speck(chance, 1.5 * self.scale * float(np.exp(0.5 * chance.standard_normal())))
        elif drawn < 0.92:
            patch = hair(chance, Soiling(hair_length=30 * self.scale, hair_width=chance.uniform(0.6, 2.5)))
        else:
            patch = 0.5 * speck(chance, float(np.exp(chance.uniform(np.log(5), np.log(25)))))
            return np.asarray(cv2.GaussianBlur(np.pad(patch, 8), (0, 0), chance.uniform(0.5, 4)), np.float32)
        if self.soft > 0.2:
            patch = cv2.GaussianBlur(np.pad(patch, 3), (0, 0), self.soft)
        return np.asarray(patch, np.float32)


def _evidence(kept: NDArray[np.int8]) -> Tensor:
    return torch.from_numpy(kept).float() / STEPS
