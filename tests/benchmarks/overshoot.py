"""Bare edges made larger: how far contenders go beyond them, and how steep they leave them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product

import numpy as np
from scipy.special import erf

from tests.benchmarks import enlargers
from tests.benchmarks.closeness import luma
from tests.benchmarks.moves import Floats
from tests.benchmarks.peers import Frames
from tests.benchmarks.readings import Extent, Goal, Reading
from tests.benchmarks.resizing import rounded

SIDE, MARGIN = 64, 12  # pixels of the small picture; what is nearer to its border is not judged
CONTRASTS = ((90.0, 165.0), (40.0, 200.0), (10.0, 80.0))
ANGLES = (0.0, 5.0, 27.0, 45.0)  # degrees from upright
BLURS = (0.5, 0.8, 1.2)  # pixels of the small picture
TENTH_TO_NINE = 2.5631  # standard deviations from 10 to 90 % of a Gaussian edge
BINS = 8  # a pixel
OVER, RISE = "overshoot", "rise, of the edge's own"
CASES: Mapping[str, Mapping[str, int]] = {"edges": {"edges x2": 2, "edges x4": 4}}
GOALS: Mapping[str, Mapping[str, Goal]] = {case: {OVER: Goal(1, least=False)} for case in CASES["edges"]}


@dataclass(frozen=True)
class Edge:
    """A straight edge through the middle of a small picture.

    Attributes:
        levels: on its left and on its right, 8-bit.
        angle: degrees from upright.
        blur: standard deviation of its Gaussian, pixels.
    """

    levels: tuple[float, float]
    angle: float
    blur: float

    def __str__(self) -> str:
        return f"{self.levels[0]:g}-{self.levels[1]:g}, {self.angle:g} degrees, {self.blur:g} px"

    def drawn(self, scale: int = 1) -> Frames:
        """The edge as a frame `(1, H, W, 3)`, so many times larger, as sharp as it is."""
        level = (1 + erf(distances(self.angle, scale) / (self.blur * np.sqrt(2)))) / 2
        gray = rounded(self.levels[0] + (self.levels[1] - self.levels[0]) * level)
        return np.repeat(gray[None, ..., None], 3, axis=-1)


@dataclass(frozen=True)
class Trial:
    """An edge at a scale."""

    case: str
    scale: int
    edge: Edge


def trials(section: str, extent: Extent) -> Iterator[Trial]:
    """Edges of every contrast, angle and blur; photographs have no part in it."""
    edges = [Edge(*each) for each in product(CONTRASTS, ANGLES, BLURS)]
    for case, scale in CASES[section].items():
        yield from (Trial(case, scale, edge) for edge in edges[: 2 if extent.quick else extent.most])


def readings(trial: Trial, extent: Extent) -> list[Reading]:
    """What every contender makes of an edge."""
    found = trial.edge.drawn()
    works = {enlargers.OURS: enlargers.worked(enlargers.ours(scale=trial.scale), found)}
    works |= {name: peer(found) for name, peer in enlargers.enlargers(trial.scale).items() if extent.peers}
    judged = []
    for method, done in works.items():
        for metric, value, unit in (
            (OVER, overshoot(done, trial.edge), "%"),
            (RISE, rise(done, trial.edge), ""),
        ):
            judged.append(Reading(trial.case, str(trial.edge), method, metric, value, unit))
    return judged


def overshoot(done: Frames, edge: Edge) -> float:
    """How far codes lie beyond either side of an edge, percent of its height; half a level is rounding."""
    gray, _ = _judged(done, edge)
    beyond = max(gray.max() - edge.levels[1], edge.levels[0] - gray.min()) - 0.5
    return 100 * max(float(beyond), 0.0) / (edge.levels[1] - edge.levels[0])


def rise(done: Frames, edge: Edge) -> float:
    """Its width from 10 to 90 % of its height, of what it was before it was sampled."""
    gray, distance = _judged(done, edge)
    near = np.abs(distance) < MARGIN / 2
    bins = np.floor((distance[near] + MARGIN / 2) * BINS).astype(int)
    counts = np.bincount(bins, minlength=MARGIN * BINS)
    places = (np.arange(MARGIN * BINS) + 0.5) / BINS - MARGIN / 2
    profile = np.bincount(bins, gray[near], MARGIN * BINS)[counts > 0] / counts[counts > 0]
    share = np.maximum.accumulate((profile - edge.levels[0]) / (edge.levels[1] - edge.levels[0]))
    low, high = (float(np.interp(level, share, places[counts > 0])) for level in (0.1, 0.9))
    return (high - low) / (TENTH_TO_NINE * edge.blur)


def distances(angle: float, scale: int = 1) -> Floats:
    """How far each pixel of a picture so many times larger lies right of the edge, in pixels of the small one."""
    place = (np.arange(SIDE * scale) + 0.5) / scale - 0.5 - (SIDE - 1) / 2
    return place * np.cos(np.deg2rad(angle)) + place[:, None] * np.sin(np.deg2rad(angle))


def _judged(done: Frames, edge: Edge) -> tuple[Floats, Floats]:
    """Gray codes away from the border, and how far right of the edge they are."""
    scale = done.shape[1] // SIDE
    inside = np.s_[MARGIN * scale : -MARGIN * scale, MARGIN * scale : -MARGIN * scale]
    gray = (luma(done[0]) - 16) * 255 / 219
    return gray[inside], distances(edge.angle, scale)[inside]
