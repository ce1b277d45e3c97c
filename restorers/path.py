"""Where each frame of a shot lies, in coefficients of the modes of `warp`.

Dense flow says how each frame lies against the one before, and starts its exact registration with those one, two and
four before, which are reconciled to one path by least squares. Then every frame is laid anew over a median of steadied
frames: of the whole shot where the camera stood still, of its neighbors where it moved.
"""

from collections import deque
from collections.abc import Iterator
from functools import partial
from typing import NamedTuple, TypeAlias

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from restorers import jumps, motion, trend, warp
from restorers.registration import Placement, Reference
from restorers.render import Footage
from restorers.restorer import Bench

Floats: TypeAlias = NDArray[np.float64]
Singles: TypeAlias = NDArray[np.float32]
Modes: TypeAlias = tuple[tuple[int, int], ...]

LAGS = (1, 2, 4)
REFERENCE_FRAMES = 15
NEIGHBORS = 3
ROUGH_STEP_PX = 4
FLOW_STEP_PX = 8
STRAYING_PX = 1.0


class Path(NamedTuple):
    """Where the frames lie, and how surely.

    Attributes:
        places: `(T, 2, K)` in pixels of the frames; the median of a shot is near zero.
        error: `(T, 2, K)` standard error of each; infinite where it is not known.
        agreement: `(T,)` share of the picture that lies as the modes say, in [0, 1].
    """

    places: Floats
    error: Floats
    agreement: Floats


def path_over_pairs(footage: Footage, modes: Modes, bench: Bench) -> Path:
    """The path as pairs of frames tell it; holds as many small pictures as the longest lag."""
    length, shape = len(footage), (2, len(modes))
    pairs = list(_pairs(footage, modes, bench))
    steps = (trend.Step(source, target, found.coefficients, found.agreement) for source, target, found in pairs)
    places = trend.reconciled(steps, length, shape)
    agreement = np.zeros((length, 2))
    for source, target, found in pairs:
        agreement[[source, target]] += (found.agreement, 1)
    return Path(places, np.full(places.shape, np.inf), agreement[:, 0] / np.maximum(agreement[:, 1], 1))


def path_over_median(footage: Footage, places: Floats, modes: Modes, bench: Bench) -> Path:
    """The path of a shot whose camera stood still: each frame over the median of frames from all of it.

    `places`, `(T, 2, K)` in pixels, says roughly where they lie.
    """
    sampled = [
        _steadied(motion.fine_luma(clip.frames[0]), places[clip.first - footage.first], footage.size, modes)
        for clip in footage.sample(REFERENCE_FRAMES)
    ]
    reference = Reference.of(np.median(np.stack(sampled), axis=0), modes)
    per_frame = _per_frame_pixel(reference.size, footage.size)

    def placement(item: tuple[int, Singles]) -> Placement:
        index, picture = item
        return reference.placed(picture, places[index] / per_frame)

    found: list[Placement] = []
    for numbers, clip in footage.windows():
        pictures = [(number - footage.first, motion.fine_luma(clip[number])) for number in numbers]
        found += bench.map(placement, pictures)
    return _path(found, per_frame)


def path_over_neighbors(footage: Footage, places: Floats, course: Floats, modes: Modes, bench: Bench) -> Path:
    """The path of a shot whose camera moved: each frame over the median of its steadied neighbors.

    `places`, `(T, 2, K)` in pixels, says roughly where the frames lie, `course` which part of it is the camera's.
    """

    def placement(item: tuple[int, dict[int, Singles]]) -> Placement:
        index, around = item
        per_frame = _per_frame_pixel(around[index].shape, footage.size)
        steadied = [
            _steadied(picture, places[other] - course[index], footage.size, modes)
            for other, picture in around.items()
            if other != index
        ]
        reference = Reference.of(np.median(np.stack(steadied), axis=0), modes)
        return reference.placed(around[index], (places[index] - course[index]) / per_frame)

    found: list[Placement] = []
    batch: list[tuple[int, dict[int, Singles]]] = []
    per_frame = np.ones((2, 1))
    for item in _surrounded(footage):
        per_frame = _per_frame_pixel(item[1][item[0]].shape, footage.size)
        batch.append(item)
        if len(batch) == 2 * bench.workers:
            found += bench.map(placement, batch)
            batch = []
    found += bench.map(placement, batch)
    path = _path(found, per_frame)
    return path._replace(places=path.places + course)


class _Seen(NamedTuple):
    """A frame of the pairs: what flow and registration need, and roughly where it lies, pixels of its picture."""

    picture: motion.Picture
    texture: motion.Weights
    fine: Singles
    reference: Reference
    trust: Singles | None
    place: Floats


def _pairs(footage: Footage, modes: Modes, bench: Bench) -> Iterator[tuple[int, int, Placement]]:
    """Placements in pixels of the frames, of a later frame against an earlier one, by their places in the shot."""
    before: deque[_Seen] = deque(maxlen=max(LAGS))
    for index, clip in enumerate(footage.frames()):
        picture, fine = motion.luma_for_flow(clip.frames[0]), motion.fine_luma(clip.frames[0])
        per_frame = _per_frame_pixel(fine.shape, footage.size)
        here = _Seen(
            picture,
            motion.texture(picture),
            fine,
            Reference.of(fine, modes, step=ROUGH_STEP_PX),
            None,
            np.zeros((2, len(modes))),
        )
        if before:
            step, before[-1], here = _flowed(before[-1], here, modes)
            here = here._replace(place=before[-1].place + step)
        lags = [lag for lag in LAGS if lag <= len(before)]
        found = bench.map(partial(_placement, here), [before[-lag] for lag in lags])
        for lag, placement in zip(lags, found, strict=True):
            yield index - lag, index, placement._replace(coefficients=placement.coefficients * per_frame)
        before.append(here._replace(place=before[-1].place + found[0].coefficients) if before else here)


def _placement(target: _Seen, source: _Seen) -> Placement:
    return source.reference.placed(target.fine, target.place - source.place, source.trust)


def _flowed(source: _Seen, target: _Seen, modes: Modes) -> tuple[Floats, _Seen, _Seen]:
    """Motion from one picture to the next, from the flows both ways, and both with trust in what does not stray."""
    height, width = target.picture.shape
    points = warp.grid((height, width), modes, step=FLOW_STEP_PX)
    there, back = jumps.flows(source.picture, target.picture)
    vectors = np.concatenate((points.at(there), -points.at(back)))
    trust = (
        warp.trust(source.texture, motion.consistency(there, back)),
        warp.trust(target.texture, motion.consistency(back, there)),
    )
    fit = warp.fitted(points, vectors, np.concatenate([points.at(weight) for weight in trust]) + 1e-6)
    rows = len(range(FLOW_STEP_PX // 2, height, FLOW_STEP_PX))
    stray = (1 / (1 + (fit.apart / STRAYING_PX) ** 2) ** 2).astype(np.float32).reshape(2, rows, -1)
    trusts = [cv2.resize(map_, (width, height), interpolation=cv2.INTER_LINEAR) for map_ in stray]
    if source.trust is None:
        source = source._replace(trust=np.asarray(trusts[0], np.float32))
    return fit.coefficients, source, target._replace(trust=np.asarray(trusts[1], np.float32))


def _surrounded(footage: Footage) -> Iterator[tuple[int, dict[int, Singles]]]:
    """Each frame with its neighbors: its place in the shot, and small pictures by place in the shot."""
    held: dict[int, Singles] = {}
    length = len(footage)
    for index, clip in enumerate(footage.frames()):
        held[index] = motion.fine_luma(clip.frames[0])
        held.pop(index - 2 * NEIGHBORS - 1, None)
        last = index == length - 1
        for center in range(index - NEIGHBORS, index + 1 if last else index - NEIGHBORS + 1):
            if center >= 0:
                yield center, {k: v for k, v in held.items() if abs(k - center) <= NEIGHBORS}


def _steadied(picture: Singles, coefficients: Floats, size: tuple[int, int], modes: Modes) -> Singles:
    shape = (picture.shape[0], picture.shape[1])
    field = warp.field(torch.from_numpy(coefficients / _per_frame_pixel(shape, size)), shape, modes)
    x, y = np.meshgrid(np.arange(shape[1], dtype=np.float32), np.arange(shape[0], dtype=np.float32))
    moved = cv2.remap(picture, x + field[0].numpy(), y + field[1].numpy(), cv2.INTER_CUBIC, None, cv2.BORDER_REPLICATE)
    return np.asarray(moved, np.float32)


def _per_frame_pixel(shape: tuple[int, ...], size: tuple[int, int]) -> Floats:
    """Pixels of the frame in a pixel of its small picture, x then y, `(2, 1)`."""
    return np.array([[size[1] / shape[1]], [size[0] / shape[0]]])


def _path(found: list[Placement], per_frame: Floats) -> Path:
    return Path(
        np.stack([placement.coefficients for placement in found]) * per_frame,
        np.stack([placement.error for placement in found]) * per_frame,
        np.array([placement.agreement for placement in found]),
    )
