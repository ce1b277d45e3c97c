"""A frame laid over another exactly: the smooth modes of `warp`, fitted to the pictures themselves.

Gauss-Newton steps with the gradients of the reference, which every frame shares, first on a small picture
and then on the whole, with robust weights against dust. Each place counts by how much the two pictures are alike
around it, so that what moves on its own, which is like nothing in the reference, has no say; nor may a part of the
picture outweigh the others by its texture alone. What the alike places leave open of the turning, shrinkage and warp
is held near none. How far the fit may be wrong follows from how differently the tiles of the picture pull.

Baker, Matthews, Lucas-Kanade 20 years on: a unifying framework, IJCV 56(3), 2004.
doi:10.1023/B:VISI.0000011205.11775.fd
Liang, Zeger, Longitudinal data analysis using generalized linear models, Biometrika 73(1), 1986 (the error).
doi:10.1093/biomet/73.1.13
"""

from typing import NamedTuple, Self, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from restorers.geometry import warp

Floats: TypeAlias = NDArray[np.float64]
Singles: TypeAlias = NDArray[np.float32]
Modes: TypeAlias = tuple[tuple[int, int], ...]

COARSE_LINES = 120
MOST_COARSENESS = 4
TILE_PX = {True: 16, False: 8}
POINTS = {True: 24_000, False: 4_000}
MOST_STEPS = 8
NEAR_PX, ENOUGH_PX = 0.1, 0.01
EDGE_PX = 2
EVENNESS = 0.5
SOUND_SHARE, SOUND_QUANTILE = 0.3, 0.3853  # 30 % of a normal are within 0.3853 standard deviations
INLIER_SPREADS, TILE_SPREADS = 4.0, 1.5
LEAST_SPREAD = 0.05
LEAST_TRUST = 0.1
SLACK_PX = 0.3
NEIGHBORHOOD = 3
LIKENESS_POWER = 2
HOLD_PX, HOLD_POINTS = 1.0, 64  # turning, shrinkage and warp are held as if so many points told them to within so much
RIDGE = 1e-6


class Placement(NamedTuple):
    """How a picture lies against a reference.

    Attributes:
        coefficients: `(2, K)` modes in pixels of the picture: it shows at x + modes(x) what the reference shows at x.
        error: `(2, K)` standard error of each.
        agreement: share of the trusted reference that the picture shows in the same place, in [0, 1].
        likeness: correlation of the trusted reference with the picture, place by place, in [0, 1].
    """

    coefficients: Floats
    error: Floats
    agreement: float
    likeness: float


class Reference(NamedTuple):
    """A picture others are laid over, as it is and, where it is large enough, several times smaller."""

    coarse: "Level | None"
    fine: "Level"

    @classmethod
    def of(cls, picture: Singles, modes: Modes, trust: Singles | None = None) -> Self:
        """The reference that a picture makes.

        Args:
            picture: `(h, w)`, of mean 0 and spread 1.
            modes: which are fitted.
            trust: `(h, w)` weight of each pixel, in [0, 1], e.g. 0 where something moves on its own.
        """
        fine = Level.of(picture, modes, trust, fine=True)
        if coarseness(picture) == 1:
            return cls(None, fine)
        return cls(Level.of(coarse(picture), modes, None if trust is None else coarse(trust)), fine)

    def placed(self, picture: Singles, start: Floats) -> Placement:
        """How a picture of the same size lies against this one.

        Args:
            picture: `(h, w)`, mean 0 and spread 1.
            start: `(2, K)` roughly how it lies, within two pixels of the smaller picture or so.
        """
        if self.coarse is None:
            return self.fine.placed(picture, start)
        times = coarseness(picture)
        roughly = times * self.coarse.refined(coarse(picture), start / times)
        return self.fine.judged(picture, self.fine.refined(picture, roughly, closely=True))


class Level(NamedTuple):
    """The points of a picture that tell most about its place, as many in each of its tiles.

    Attributes:
        x, y: `(N,)`.
        shape: `(K, N)` the modes at the points.
        values: `(N,)` the picture at the points.
        gradients: `(N, 2K + 2)` what each mode, a rise in brightness and one in contrast do to the values.
        trust: `(N,)` weight of each point.
        energy: `(N / each,)` mean square of the slopes in each tile.
        each: points in a tile, which follow one another.
        tiles: rows and columns of tiles.
    """

    x: Singles
    y: Singles
    shape: Singles
    values: Singles
    gradients: Singles
    trust: Singles
    energy: Singles
    each: int
    tiles: tuple[int, int]

    @classmethod
    def of(cls, picture: Singles, modes: Modes, trust: Singles | None = None, *, fine: bool = False) -> Self:
        """The points of steepest slope of a picture `(h, w)` with a trust `(h, w)`; more where it is a fine one."""
        trust = np.ones_like(picture) if trust is None else trust
        tile = TILE_PX[fine]
        tiles = (picture.shape[0] // tile, picture.shape[1] // tile)
        each = min(max(POINTS[fine] // (tiles[0] * tiles[1]), 8), tile**2 // 4)
        slopes = [cv2.Scharr(picture, cv2.CV_32F, a, b, scale=1 / 32) for a, b in ((1, 0), (0, 1))]
        energy = slopes[0] ** 2 + slopes[1] ** 2
        x, y = _steepest(cv2.blur(energy, (3, 3)) * (trust + 1e-3), tile, each)
        tile_energy = energy[y, x].reshape(-1, each).mean(axis=1)
        even = 1 / (tile_energy + EVENNESS * float(tile_energy.mean()) + 1e-9)
        shape = warp.modes_at(x, y, (picture.shape[0], picture.shape[1]), modes).astype(np.float32)
        values, gx, gy = (np.asarray(part[y, x], np.float32) for part in (picture, *slopes))
        gradients = np.concatenate((gx * shape, gy * shape, np.ones_like(values)[None], values[None]))
        gradients = np.ascontiguousarray(gradients.T)
        weight = trust[y, x] * np.repeat(even, each)
        weight = (weight / max(float(weight.mean()), 1e-9)).astype(np.float32)
        return cls(
            x.astype(np.float32), y.astype(np.float32), shape, values, gradients, weight, tile_energy, each, tiles
        )

    def placed(self, picture: Singles, start: Floats) -> Placement:
        """How a picture of the same size lies, from roughly right modes `(2, K)`."""
        return self.judged(picture, self.refined(picture, start))

    def refined(self, picture: Singles, start: Floats, *, closely: bool = False) -> Floats:
        """Modes `(2, K)` from roughly right ones, until a step moves next to nothing.

        What is alike has its full say from the start where they are `closely` right.
        """
        count, found = start.shape[1], start.copy()
        normal, far = np.zeros(0), np.inf
        bent = np.append(np.tile(np.arange(count) > 0, 2), (False, False))
        for done in range(LIKENESS_POWER if closely else 0, MOST_STEPS):
            residual, inside = self._residual(picture, found)
            trusted, left, alike = self._weights(residual, inside)
            weights = trusted * left**2 * np.repeat(alike ** min(done, LIKENESS_POWER), self.each)
            if done <= LIKENESS_POWER or far > NEAR_PX:  # behind that the weights hardly change
                normal = self._normal(weights)
            slope = ((weights * residual) @ self.gradients).astype(np.float64)
            power = float(weights @ residual**2) / max(float(weights.sum()), 1e-9)
            hold = HOLD_POINTS * power / HOLD_PX**2 * bent
            slope += hold * np.append(found, (0, 0))
            step = np.linalg.solve(_held(normal + np.diag(hold)), slope)[: 2 * count].reshape(2, count)
            found -= step
            far = float(np.sqrt((step**2).sum()))
            if done >= LIKENESS_POWER and far < ENOUGH_PX:
                break
        return found

    def judged(self, picture: Singles, found: Floats) -> Placement:
        """How surely, and how much of the picture lies there."""
        count = found.shape[1]
        residual, inside = self._residual(picture, found)
        trusted, left, alike = self._weights(residual, inside)
        trusted = trusted * np.repeat(alike**LIKENESS_POWER, self.each)
        weights = trusted * left**2
        slope = trusted * left * (5 * left - 4)  # of the weighted residual
        bend = _held(self._normal(slope))
        pulls = (weights * residual).reshape(-1, 1, self.each) @ self.gradients.reshape(-1, self.each, len(bend))
        variance = ((pulls[:, 0].astype(np.float64) @ np.linalg.inv(bend)) ** 2).sum(axis=0)
        seen = self.trust * inside
        total = max(float(seen.sum()), 1e-9)
        agreement = float(seen @ left**2) / total
        likeness = float(seen.reshape(-1, self.each).sum(axis=1) @ alike) / total
        return Placement(found, np.sqrt(variance[: 2 * count]).reshape(2, count), agreement, likeness)

    def _normal(self, weights: Singles) -> Floats:
        """Products of all pairs of gradients, summed over the points, `(2K + 2, 2K + 2)`."""
        return np.asarray((self.gradients * weights[:, None]).T @ self.gradients, np.float64)

    def _residual(self, picture: Singles, found: Floats) -> tuple[Singles, Singles]:
        height, width = picture.shape
        moved = found.astype(np.float32) @ self.shape
        x, y = self.x + moved[0], self.y + moved[1]
        rows = (self.each, -1)
        there = cv2.remap(picture, x.reshape(rows), y.reshape(rows), cv2.INTER_LINEAR, None, cv2.BORDER_REPLICATE)
        inside = (x > EDGE_PX) & (y > EDGE_PX) & (x < width - 1 - EDGE_PX) & (y < height - 1 - EDGE_PX)
        return there.reshape(-1) - self.values, inside.astype(np.float32)

    def _weights(self, residual: Singles, inside: Singles) -> tuple[Singles, Singles, Singles]:
        """Trust in each point before and after its residual has its say, and how alike the tiles are, in [0, 1]."""
        trusted = self.trust * inside
        apart = np.abs(residual[trusted > LEAST_TRUST])
        rank = int(SOUND_SHARE * len(apart))
        spread = float(np.partition(apart, rank)[rank]) / SOUND_QUANTILE if len(apart) else 1.0
        power = np.float32(max(spread, LEAST_SPREAD) ** 2)
        squares = residual**2
        usual = TILE_SPREADS**2 * (power + SLACK_PX**2 * self.energy)
        unusual = squares.reshape(-1, self.each).mean(axis=1) / usual
        alike = self._likeness(self.values + residual, trusted)
        trusted = trusted * np.repeat(1 / (1 + unusual**2) ** 2, self.each)
        return trusted, 1 - np.minimum(squares / (INLIER_SPREADS**2 * power), 1), alike

    def _likeness(self, there: Singles, trusted: Singles) -> Singles:
        """Correlation of the points' values with others around each tile, `(tiles,)`; where they contradict, 0."""
        rows = (-1, self.each)
        weights, here, there = trusted.reshape(rows), self.values.reshape(rows), there.reshape(rows)
        mine, theirs = weights * here, weights * there
        terms = (weights, mine, theirs, mine * here, theirs * there, mine * there)
        sums = np.stack([term.sum(axis=1) for term in terms], axis=-1).reshape(*self.tiles, len(terms))
        around = cv2.blur(sums, (NEIGHBORHOOD, NEIGHBORHOOD), borderType=cv2.BORDER_REPLICATE)
        around = around.reshape(-1, len(terms)).T
        total = around[0] + 1e-9
        (a, b), (aa, bb, ab) = around[1:3] / total, around[3:] / total
        power = np.maximum((aa - a * a) * (bb - b * b), 1e-12)
        return np.asarray(np.clip((ab - a * b) / np.sqrt(power), 0, 1), np.float32)


def coarseness(picture: Singles) -> int:
    """How many times smaller the picture is on which it is first laid over another."""
    return min(max(len(picture) // COARSE_LINES, 1), MOST_COARSENESS)


def coarse(picture: Singles) -> Singles:
    """A picture `coarseness` times smaller; what is left over at its right and bottom is left out."""
    times = coarseness(picture)
    height, width = (n // times for n in picture.shape)
    cut = picture[: height * times, : width * times]
    return np.asarray(cv2.resize(cut, (width, height), interpolation=cv2.INTER_AREA), np.float32)


def _steepest(energy: Singles, tile: int, each: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The `each` places of most energy in every tile, x and y, tile by tile; none at the very edge."""
    height, width = energy.shape
    rows, columns = height // tile, width // tile
    top, left = (height - rows * tile) // 2, (width - columns * tile) // 2
    inner = np.zeros_like(energy)
    cut = slice(EDGE_PX + 1, -EDGE_PX - 1)
    inner[cut, cut] = energy[cut, cut]
    cropped = inner[top : top + rows * tile, left : left + columns * tile].reshape(rows, tile, columns, tile)
    tiles = cropped.transpose(0, 2, 1, 3).reshape(rows * columns, tile * tile)
    best = np.sort(np.argpartition(tiles, -each, axis=1)[:, -each:], axis=1)
    row, column = np.divmod(np.arange(rows * columns)[:, None], columns)
    return (left + column * tile + best % tile).reshape(-1), (top + row * tile + best // tile).reshape(-1)


def _held(normal: Floats) -> Floats:
    return np.asarray(normal + RIDGE * np.trace(normal) / len(normal) * np.eye(len(normal)))
