"""Where each frame of a shot lies, in coefficients of the modes of `warp`.

Where the camera stood still, or all but still, every frame is laid over the picture that does so (see `still`). Where
the camera moved, small pictures of the frames are laid over those one, two and four before, and the steps reconciled by
least squares; then every frame is laid over the middle of its steadied neighbors.

A frame that shows nothing of the others, black, out of focus or torn, lies where its neighbors say, and its error says
that it is not known.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import NamedTuple, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_array
from scipy.sparse.linalg import splu
from torch import Tensor

from restorers.geometry import motion, warp
from restorers.render import Footage
from restorers.restorer import Bench
from restorers.steadiness import jumps
from restorers.steadiness.registration import Level, Placement, Reference, coarse, coarseness
from restorers.steadiness.steps import Step, reconciled
from restorers.steadiness.still import LEAST_LIKENESS, Still, steadied

Floats: TypeAlias = NDArray[np.float64]
Singles: TypeAlias = NDArray[np.float32]
Modes: TypeAlias = tuple[tuple[int, int], ...]

LAGS = (1, 2, 4)
NEIGHBORS = 3
ROUGH_WEIGHT = 0.02
FLOW_STEP_PX = 4
STRAYING_PX = 0.5
LEAST_ERROR_PX = 0.01
LOST_PX = 1.0
SLACK = 1e-6


class Path(NamedTuple):
    """Where the frames lie, and how surely.

    Attributes:
        places: `(T, 2, K)` in pixels of the frames; the median of a shot is near zero.
        error: `(T, 2, K)` standard error of each; a pixel or more where the frame could not be placed.
        agreement: `(T,)` share of the picture that lies as the modes say, in [0, 1].
    """

    places: Floats
    error: Floats
    agreement: Floats


def path_over_still(footage: Footage, modes: Modes, bench: Bench) -> Path | None:
    """The path of a shot whose frames show one picture: each over that picture; None where they do not.

    Reads a sample of the frames, and each frame once.
    """
    still = Still.of(footage, modes, bench)
    if still is None:
        return None
    knots = still.places.reshape(len(still.times), -1).T
    starts = np.stack([np.interp(np.arange(len(footage)), still.times, knot) for knot in knots], axis=1)

    def placement(item: tuple[int, Singles]) -> Placement:
        index, picture = item
        found = still.reference.placed(picture, starts[index].reshape(still.places.shape[1:]))
        if found.likeness > LEAST_LIKENESS:
            return found
        start, _ = _flowed(still.flat, motion.picture_of(coarse(picture)), modes)
        again = still.reference.placed(picture, coarseness(picture) * start)
        return again if again.likeness > found.likeness else found

    found: list[Placement] = []
    for batch in _pictures(footage, bench):
        found += bench.map(placement, enumerate(batch, len(found)))
    return _path(found, motion.pixels_in_fine(footage.size[0]))


def path_over_pairs(footage: Footage, modes: Modes, bench: Bench) -> Path:
    """The path as pairs of frames tell it, roughly; holds as many small pictures as the longest lag.

    Its error is that of single pairs.
    """
    length, shape = len(footage), (2, len(modes))
    steps = [Step(t, t + 1, np.zeros(shape), SLACK) for t in range(length - 1)]  # where nothing tells more
    agreement, errors = np.zeros((length, 2)), np.full((length, *shape), np.inf)
    for source, target, found in _pairs(footage, modes, bench):
        agreement[[source, target]] += (found.agreement, 1)
        if found.likeness > LEAST_LIKENESS:
            weight = 1 / float((found.error**2).sum() + LEAST_ERROR_PX**2)
            steps.append(Step(source, target, found.coefficients, weight))
            errors[[source, target]] = np.minimum(errors[[source, target]], found.error)
    places = reconciled(steps, length, shape)
    return _known(places, errors, agreement[:, 0] / np.maximum(agreement[:, 1], 1))


def path_over_neighbors(footage: Footage, places: Floats, course: Floats, modes: Modes, bench: Bench) -> Path:
    """The path of a shot whose camera moved: each frame over the middle of its steadied neighbors.

    `places`, `(T, 2, K)` in pixels, says roughly where the frames lie, `course` which part of it is the camera's.
    """
    times = motion.pixels_in_fine(footage.size[0])

    def placement(item: tuple[int, dict[int, Singles]]) -> Placement:
        index, around = item
        others = [
            steadied(picture, (places[other] - course[index]) / times, modes)
            for other, picture in around.items()
            if other != index
        ]
        reference = Reference.of(_trimmed(others), modes)
        return reference.placed(around[index], (places[index] - course[index]) / times)

    found: list[Placement] = []
    batch: list[tuple[int, dict[int, Singles]]] = []
    for item in _surrounded(footage, bench):
        batch.append(item)
        if len(batch) == 2 * bench.workers:
            found += bench.map(placement, batch)
            batch = []
    found += bench.map(placement, batch)
    path = _path(found, times)
    return path._replace(places=_parted_from_neighbors(path.places + course, places))


def _parted_from_neighbors(found: Floats, rough: Floats) -> Floats:
    """The path `(T, 2, K)` of frames each found over the mean of its neighbors, which were only roughly in place.

    What is found of a frame holds the mean error of its neighbors' rough places; a least squares fit to all frames at
    once takes it out again. What is slower than the neighbors reach is told by the rough places.
    """
    every = np.arange(len(found))
    row, other = (part.ravel() for part in np.meshgrid(every, np.arange(-NEIGHBORS, NEIGHBORS + 1), indexing="ij"))
    column = row + other
    kept = (other != 0) & (column >= 0) & (column < len(found))
    row, column = row[kept], column[kept]
    share = np.concatenate((np.ones(len(every)), -1 / np.bincount(row)[row]))
    apart = csc_array((share, (np.concatenate((every, row)), np.concatenate((every, column)))))
    normal = csc_array(apart.T @ apart + csc_array((np.full(len(every), ROUGH_WEIGHT), (every, every))))
    flat, start = (part.reshape(len(every), -1) for part in (found, rough))
    goal = apart.T @ (flat - start + apart @ start) + ROUGH_WEIGHT * start
    return np.asarray(splu(normal).solve(goal)).reshape(found.shape)


def _trimmed(pictures: list[Singles]) -> Singles:
    """The mean of pictures without the greatest and the least of each pixel, where there are more than three."""
    stack = np.stack(pictures)
    if len(stack) <= 3:
        return np.asarray(np.median(stack, axis=0), np.float32)
    return np.asarray((stack.sum(axis=0) - stack.max(axis=0) - stack.min(axis=0)) / (len(stack) - 2), np.float32)


class _Seen(NamedTuple):
    """A frame of the pairs: its small picture, for flow too, and roughly where it lies, pixels of that picture."""

    number: int
    picture: Singles
    flat: motion.Picture
    level: Level | None
    place: Floats


def _pairs(footage: Footage, modes: Modes, bench: Bench) -> Iterator[tuple[int, int, Placement]]:
    """Placements in pixels of the frames, of a later frame against an earlier one, by their places in the shot."""
    before: deque[_Seen] = deque(maxlen=max(LAGS))
    number = -1
    for batch in _pictures(footage, bench):
        for picture in batch:
            number += 1
            small = coarse(picture)
            here = _Seen(number, small, motion.picture_of(small), None, np.zeros((2, len(modes))))
            if before:
                step, trust = _flowed(before[-1].flat, here.flat, modes)
                level = before[-1].level or Level.of(before[-1].picture, modes, trust)
                before[-1] = before[-1]._replace(level=level)
                here = here._replace(place=before[-1].place + step)
            sources = [before[-lag] for lag in LAGS if lag <= len(before)]
            found = bench.map(partial(_placement, here), sources)
            times = motion.pixels_in_fine(footage.size[0]) * coarseness(picture)
            for source, placement in zip(sources, found, strict=True):
                enlarged = (times * placement.coefficients, times * placement.error)
                yield source.number, number, Placement(*enlarged, placement.agreement, placement.likeness)
            if found and found[0].likeness > LEAST_LIKENESS:
                here = here._replace(place=before[-1].place + found[0].coefficients)
            before.append(here)


def _placement(target: _Seen, source: _Seen) -> Placement:
    if source.level is None:
        raise ValueError(f"frame {source.number} of the shot was not made a reference")
    return source.level.placed(target.picture, target.place - source.place)


def _flowed(source: motion.Picture, target: motion.Picture, modes: Modes) -> tuple[Floats, Singles]:
    """Motion from one picture to another, from the flows both ways, and trust `(h, w)` in what does not stray."""
    height, width = source.shape
    points = warp.grid((height, width), modes, step=FLOW_STEP_PX)
    there, back = jumps.flows(source, target)
    vectors = np.concatenate((points.at(there), -points.at(back)))
    sure = (
        warp.trust(motion.texture(source), motion.consistency(there, back)),
        warp.trust(motion.texture(target), motion.consistency(back, there)),
    )
    fit = warp.fitted(points, vectors, np.concatenate([points.at(weight) for weight in sure]) + 1e-6)
    rows = len(range(FLOW_STEP_PX // 2, height, FLOW_STEP_PX))
    apart = fit.apart[: len(fit.apart) // 2].reshape(rows, -1)
    stray = (1 / (1 + (apart / STRAYING_PX) ** 2) ** 2).astype(np.float32)
    return fit.coefficients, np.asarray(cv2.resize(stray, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)


def _pictures(footage: Footage, bench: Bench) -> Iterator[list[Singles]]:
    """The fine pictures of all frames, window by window; the frames themselves are not converted."""

    def picture(frame: Tensor) -> Singles:
        return motion.fine_luma(frame, footage.source.space)

    for numbers, clip in replace(footage, space=footage.source.space).windows():
        yield bench.map(picture, [clip[number] for number in numbers])


def _surrounded(footage: Footage, bench: Bench) -> Iterator[tuple[int, dict[int, Singles]]]:
    """Each frame with its neighbors: its place in the shot, and fine pictures by place in the shot."""
    held: dict[int, Singles] = {}
    length, index = len(footage), -1
    for batch in _pictures(footage, bench):
        for picture in batch:
            index += 1
            held[index] = picture
            held.pop(index - 2 * NEIGHBORS - 1, None)
            last = index == length - 1
            for center in range(index - NEIGHBORS, index + 1 if last else index - NEIGHBORS + 1):
                if center >= 0:
                    yield center, {k: v for k, v in held.items() if abs(k - center) <= NEIGHBORS}


def _path(found: list[Placement], times: int) -> Path:
    """Placements as a path, pixels of the frames."""
    sound = np.array([placement.likeness > LEAST_LIKENESS for placement in found])
    error = np.stack([placement.error for placement in found]) * times
    error[~sound] = np.inf
    places = np.stack([placement.coefficients for placement in found]) * times
    return _known(places, error, np.array([placement.agreement for placement in found]))


def _known(places: Floats, error: Floats, agreement: Floats) -> Path:
    """A path in which what could not be placed, of infinite error, lies between its neighbors."""
    lost = np.isinf(error).any(axis=(1, 2))
    if not lost.any():
        return Path(places, error, agreement)
    known = np.flatnonzero(~lost)
    places, error = places.copy(), error.copy()
    spread = np.zeros(places.shape[1:])
    if len(known):
        flat = places.reshape(len(places), -1)
        for series in flat.T:
            series[lost] = np.interp(np.flatnonzero(lost), known, series[known])
        spread = places[known].std(axis=0)
    error[lost] = np.maximum(spread, LOST_PX)
    return Path(places, error, np.where(lost, 0, agreement))
