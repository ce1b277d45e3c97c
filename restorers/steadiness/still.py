"""The picture that stands still in a shot: what a sample of its frames shows when laid over one another.

The frames are laid roughly over one of them and over their own median, then each over each other, and the places
reconciled by least squares; the median of the frames in these places is the picture without what moved through it.
"""

from dataclasses import replace
from functools import partial
from itertools import combinations
from typing import NamedTuple, Self, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from restorers.geometry import motion, warp
from restorers.render import Footage
from restorers.restorer import Bench
from restorers.steadiness.registration import Level, Placement, Reference, coarse, coarseness
from restorers.steadiness.steps import Step, reconciled

Floats: TypeAlias = NDArray[np.float64]
Singles: TypeAlias = NDArray[np.float32]
Modes: TypeAlias = tuple[tuple[int, int], ...]

SAMPLED_FRAMES = 11
LEAST_LIKENESS = 0.25
LEAST_SHARE = 0.8
MOST_TRAVEL, MOST_SHRINKAGE = 0.04, 0.01  # of the width; film turns and shrinks by far less than a camera zooms
ROUGH_ROUNDS = 2
AGREEING_SPREADS = 2.0
SLOPE_SHARE = 0.1
AROUND_PX = 5


class Still(NamedTuple):
    """What stands still in a shot.

    Attributes:
        reference: its picture.
        flat: the same, small, for flow.
        times: `(S,)` which of the shot's frames were placed on it.
        places: `(S, 2, K)` where, in pixels of the picture; their median is zero.
    """

    reference: Reference
    flat: motion.Picture
    times: NDArray[np.intp]
    places: Floats

    @classmethod
    def of(cls, footage: Footage, modes: Modes, bench: Bench) -> Self | None:
        """The picture that a sample of the frames shows; None where most do not show the same."""
        sample = replace(footage, space=footage.source.space).sample(SAMPLED_FRAMES)
        seen = [(clip.first - footage.first, motion.fine_luma(clip.frames[0], clip.space)) for clip in sample]
        small = [coarse(picture) for _, picture in seen]
        for anchor in dict.fromkeys(len(seen) * k // 4 for k in (2, 1, 3)):
            gathered = _gathered(small, anchor, modes, bench)
            if len(gathered) < max(LEAST_SHARE * len(seen), 1):
                continue
            pictures = [seen[k][1] for k in gathered]
            rough = _among([small[k] for k in gathered], np.stack(list(gathered.values())), modes, bench)
            rough = coarseness(pictures[0]) * rough
            middle, trust = _middle(pictures, rough, modes, bench)
            reference = Reference.of(middle, modes, trust)
            places = _centered(bench.map(partial(_laid, reference), zip(pictures, rough, strict=True)))
            middle, trust = _middle(pictures, places, modes, bench)
            times = np.array([seen[k][0] for k in gathered])
            return cls(Reference.of(middle, modes, trust), motion.picture_of(coarse(middle)), times, places)
        return None


def steadied(picture: Singles, coefficients: Floats, modes: Modes) -> Singles:
    """A picture `(h, w)` that shows at x what the given one shows at x + modes(x)."""
    x, y = warp.places(coefficients, (picture.shape[0], picture.shape[1]), modes)
    return np.asarray(cv2.remap(picture, x, y, cv2.INTER_LINEAR, None, cv2.BORDER_REPLICATE), np.float32)


def _gathered(pictures: list[Singles], anchor: int, modes: Modes, bench: Bench) -> dict[int, Floats]:
    """Roughly where the small pictures lie, `(2, K)`, that show the same as one of them; empty where most do not."""
    count = len(warp.AFFINE)
    places = np.zeros((len(pictures), 2, len(modes)))
    middle, trust = pictures[anchor], None
    gathered: list[int] = []
    for _ in range(ROUGH_ROUNDS):
        level = Level.of(middle, modes[:count], trust)
        found = bench.map(partial(_laid, level), zip(pictures, places[:, :, :count], strict=True))
        gathered = [k for k, placement in enumerate(found) if placement.likeness > LEAST_LIKENESS]
        if len(gathered) < LEAST_SHARE * len(pictures):
            return {}
        places[gathered, :, :count] = _centered([found[k] for k in gathered])
        reach = np.abs(places[gathered]).max(axis=(0, 1)) / middle.shape[1]
        if reach[0] > MOST_TRAVEL or reach[1:].max() > MOST_SHRINKAGE:
            return {}
        middle, trust = _middle([pictures[k] for k in gathered], places[gathered], modes, bench)
    return {k: places[k] for k in gathered}


def _among(pictures: list[Singles], places: Floats, modes: Modes, bench: Bench) -> Floats:
    """Where pictures lie among one another, `(S, 2, K)`, from roughly where.

    Each of two is laid over the other equally often, for grain in a reference makes every step a little too short.
    """
    levels = bench.map(lambda picture: Level.of(picture, modes), pictures)

    def step(pair: tuple[int, int]) -> Step:
        over, under = pair if sum(pair) % 2 else pair[::-1]
        placed = levels[under].placed(pictures[over], places[over] - places[under])
        apart = placed.coefficients if over > under else -placed.coefficients
        return Step(*pair, apart, float(placed.likeness > LEAST_LIKENESS))

    steps = bench.map(step, list(combinations(range(len(pictures)), 2)))
    return reconciled(steps, len(pictures), places.shape[1:])


def _laid(over: Reference | Level, item: tuple[Singles, Floats]) -> Placement:
    return over.placed(*item)


def _centered(found: list[Placement]) -> Floats:
    places = np.stack([placement.coefficients for placement in found])
    return np.asarray(places - np.median(places, axis=0))


def _middle(pictures: list[Singles], places: Floats, modes: Modes, bench: Bench) -> tuple[Singles, Singles]:
    """The median of pictures steadied by their places `(S, 2, K)`, and trust in it where they agree."""
    laid = np.stack(bench.map(lambda pair: steadied(*pair, modes), zip(pictures, places, strict=True)))
    middle = _median(laid)
    around = (AROUND_PX, AROUND_PX)
    apart = cv2.blur(_median(np.abs(laid - middle)), around)
    slope = np.hypot(*(cv2.Scharr(middle, cv2.CV_32F, a, b, scale=1 / 32) for a, b in ((1, 0), (0, 1))))
    usual = AGREEING_SPREADS * (float(np.median(apart)) + SLOPE_SHARE * cv2.blur(slope, around))
    return middle, np.asarray(1 / (1 + (apart / np.maximum(usual, 1e-6)) ** 4), np.float32)


def _median(stack: Singles) -> Singles:
    flat = np.ascontiguousarray(stack.reshape(len(stack), -1).T)
    middle = np.partition(flat, len(stack) // 2, axis=1)[:, len(stack) // 2]
    return np.ascontiguousarray(middle.reshape(stack.shape[1:]))
