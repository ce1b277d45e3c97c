"""How the light of one frame differs from that of another, as level, contrast and shading, channel by channel.

A frame is reduced to a thumbnail and that to a grid of cells. Between two frames the cells' densities, followed as they
move there and back so that neither is blurred more than the other, differ by a level, a gain and a smooth shading. A
cell's difference is the median of its pixels', which neither grain nor dust can move; the fit over the cells is robust,
so that what lights up in a part of the picture is outvoted.
"""

from typing import NamedTuple, TypeAlias

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from restorers.evenness.response import tally
from restorers.geometry import motion

Floats: TypeAlias = NDArray[np.float64]
Singles: TypeAlias = NDArray[np.float32]

CELLS = (12, 16)
SAMPLES = 8
LEAST_IN_VIEW = 0.7
ROUNDS = 6
INLIER_SPREADS = 2.5
LEAST_SPREAD = 1e-3
RIDGE = 1e-3
GAIN_RIDGE = 1e-4


class Thumbnail(NamedTuple):
    """A frame of a few thousand pixels, `(h, w, 3)` densities, and its picture for flow."""

    densities: Singles
    picture: motion.Picture


class Pair(NamedTuple):
    """What the light of one frame has over that of another, about density nought.

    Attributes:
        found: `(3, K + 1)` level and shading of the K modes, in density, then the gain.
        covariance: `(3, K + 1, K + 1)` of its errors.
        spread: of what the cells differ by beyond it.
        middle: `(3,)` median density of the cells.
        in_view: share of the cells that both frames show.
        followed: how far the pixels of each density follow it, see `response.tally`.
    """

    found: Floats
    covariance: Floats
    spread: float
    middle: Floats
    in_view: float
    followed: Floats


def thumbnail(frame: Tensor) -> Thumbnail:
    """The thumbnail of a frame `(3, H, W)` in density."""
    size = (CELLS[1] * SAMPLES, CELLS[0] * SAMPLES)
    channels = [
        cv2.resize(np.ascontiguousarray(channel), size, interpolation=cv2.INTER_AREA)
        for channel in frame.to(torch.float32).cpu().numpy()
    ]
    densities = np.stack(channels, axis=-1).astype(np.float32)
    return Thumbnail(densities, motion.luma_for_flow(torch.from_numpy(densities).permute(2, 0, 1)))


def moved(source: Thumbnail, target: Thumbnail) -> Floats:
    """How far most of the picture moves from one frame to the next, `(2,)`, x and y in pixels of the thumbnails."""
    flow = motion.flow(source.picture, target.picture)
    return np.array(motion.global_shift(flow, motion.texture(source.picture)))


def compared(source: Thumbnail, target: Thumbnail, way: Floats, shape: Floats) -> Pair:
    """What the light of the target has over that of the source.

    Args:
        source: the earlier frame.
        target: the later one.
        way: `(2,)` how far most of the picture has moved between them, about.
        shape: `(cells, K)` values of the modes.
    """
    flow = motion.flow(source.picture, target.picture, _guess(source.picture, target.picture, way))
    there, back = _fetched(target.densities, flow), _fetched(source.densities, -flow)
    changes = _cells(there - source.densities), _cells(target.densities - back)
    densities = _cells(there + source.densities) / 2
    medians = np.stack([np.median(one, axis=1) for one in changes])
    change = np.asarray(medians.mean(axis=0, dtype=np.float64))
    seen = _cells(_in_view(flow) * _in_view(-flow)).mean(axis=(1, 2)) > LEAST_IN_VIEW
    pair = _difference(change, densities.mean(axis=1, dtype=np.float64), seen.astype(np.float64), shape)
    expected = (shape @ pair.found[:, :-1].T)[:, None, :] + densities * pair.found[:, -1]
    followed = tally(changes[0][seen], expected[seen].astype(np.float32), densities[seen])
    return pair._replace(in_view=float(seen.mean()), followed=followed)


def _guess(source: motion.Picture, target: motion.Picture, way: Floats) -> motion.Flow:
    """No movement, or the way in whole pixels, whichever lays the pictures better over one another."""
    height, width = source.shape
    x, y = (int(np.clip(round(float(step)), 1 - n, n - 1)) for step, n in zip(way, (width, height), strict=True))
    rows, columns = slice(max(-y, 0), height - max(y, 0)), slice(max(-x, 0), width - max(x, 0))
    there = target[rows.start + y : rows.stop + y, columns.start + x : columns.stop + x]
    moves = cv2.absdiff(source[rows, columns], there).mean() < cv2.absdiff(source, target).mean()
    return np.full((height, width, 2), (x, y) if moves else (0, 0), np.float32)


def _fetched(picture: Singles, flow: motion.Flow) -> Singles:
    """A picture `(h, w, C)` along a flow, sharp enough not to lose contrast."""
    height, width = flow.shape[:2]
    x = np.arange(width, dtype=np.float32) + flow[..., 0]
    y = np.arange(height, dtype=np.float32)[:, None] + flow[..., 1]
    return np.asarray(cv2.remap(picture, x, y, cv2.INTER_CUBIC, None, cv2.BORDER_REPLICATE), np.float32)


def _cells(picture: Singles) -> Singles:
    """The pixels of each cell, `(cells, pixels, C)`, row by row."""
    rows, columns = CELLS
    blocks = picture.reshape(rows, SAMPLES, columns, SAMPLES, -1).transpose(0, 2, 1, 3, 4)
    return blocks.reshape(rows * columns, SAMPLES**2, -1)


def _in_view(flow: motion.Flow) -> Singles:
    """1 at pixels `(h, w)` that the flow does not lead out of the picture."""
    height, width = flow.shape[:2]
    x = np.arange(width) + flow[..., 0]
    y = np.arange(height)[:, None] + flow[..., 1]
    return np.asarray((x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1), np.float32)


def _difference(change: Floats, densities: Floats, seen: Floats, shape: Floats) -> Pair:
    """The light that most of the cells agree on, of changes and densities `(cells, 3)`."""
    middle = np.median(densities, axis=0)
    designs = np.stack([np.concatenate((shape, one[:, None]), axis=1) for one in (densities - middle).T])
    count = designs.shape[-1]
    hold = np.full(count, RIDGE)
    hold[0], hold[-1] = 1e-9, GAIN_RIDGE
    if not seen.any():
        seen = np.ones_like(seen)
    residual = change - np.median(change[seen > 0], axis=0)
    for _ in range(ROUNDS):
        weights, spread = _inlying(residual, seen)
        pull = (designs * weights[:, None]).transpose(0, 2, 1)
        normal = pull @ designs + np.diag(hold * weights.sum())
        found = np.linalg.solve(normal, pull @ change.T[..., None])
        residual = change - (designs @ found)[..., 0].T
    inverse = np.linalg.inv(normal)
    scores = pull * residual.T[:, None, :]
    covariance = inverse @ (scores @ scores.transpose(0, 2, 1)) @ inverse
    mixing = np.broadcast_to(np.eye(count), (3, count, count)).copy()
    mixing[:, 0, -1] = -middle
    covariance = mixing @ covariance @ mixing.transpose(0, 2, 1)
    return Pair((mixing @ found)[..., 0], covariance, spread, middle, float(seen.mean()), np.empty(0))


def _inlying(residual: Floats, seen: Floats) -> tuple[Floats, float]:
    squares = (residual**2).sum(axis=1)
    spread = float(np.sqrt(np.median(squares[seen > 0]) / 3))
    reach = (INLIER_SPREADS * max(spread, LEAST_SPREAD)) ** 2 * 3
    return np.asarray(seen * (reach / (reach + squares)) ** 2, np.float64), spread
