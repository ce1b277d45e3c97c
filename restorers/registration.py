"""A frame laid over another exactly: the smooth modes of `warp`, refined on the pictures themselves.

Dense flow says roughly how a frame lies, but it spreads the error of one place over its neighborhood. From there on the
modes are fitted to the difference of the pictures by Gauss-Newton steps with the gradients of the reference, which
every frame shares, and with robust weights against dust and against what moves on its own. How far the fit may be wrong
follows from how differently the tiles of the picture pull.

Baker, Matthews, Lucas-Kanade 20 years on: a unifying framework, IJCV 56(3), 2004.
doi:10.1023/B:VISI.0000011205.11775.fd
Liang, Zeger, Longitudinal data analysis using generalized linear models, Biometrika 73(1), 1986 (the error).
doi:10.1093/biomet/73.1.13
"""

from typing import NamedTuple, Self, TypeAlias

import cv2
import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812  # as everybody writes it
from numpy.typing import NDArray

from restorers import warp

Floats: TypeAlias = NDArray[np.float64]
Singles: TypeAlias = NDArray[np.float32]

FINE_STEP_PX = 2
TILE_PX = 24
MOST_STEPS = 12
ENOUGH_PX = 0.005
INLIER_SPREADS = 3.0
EDGE_PX = 2
RIDGE = 1e-6


class Placement(NamedTuple):
    """How a picture lies against a reference.

    Attributes:
        coefficients: `(2, K)` modes in pixels of the picture: it shows at x + modes(x) what the reference shows at x.
        error: `(2, K)` standard error of each.
        agreement: share of the reference that the picture shows as well, in [0, 1].
    """

    coefficients: Floats
    error: Floats
    agreement: float


class Reference(NamedTuple):
    """A picture others are laid over, with what all of them share.

    Attributes:
        size: height and width.
        modes: which modes are fitted.
        x, y: `(N,)` points, tile by tile.
        values: `(N,)` the picture at the points.
        shape: `(N, K)` the modes at the points.
        gradients: `(N, 2K + 2)` what each mode, a rise in brightness and one in contrast do to the values.
        tiles: `(M,)` where each tile begins.
    """

    size: tuple[int, int]
    modes: tuple[tuple[int, int], ...]
    x: Singles
    y: Singles
    values: Singles
    shape: Singles
    gradients: Singles
    tiles: NDArray[np.intp]

    @classmethod
    def of(cls, picture: Singles, modes: tuple[tuple[int, int], ...], *, step: int = FINE_STEP_PX) -> Self:
        """The reference that a picture `(h, w)`, of mean 0 and spread 1, makes; every `step`-th pixel counts."""
        height, width = picture.shape
        start = step // 2
        y, x = np.meshgrid(np.arange(start, height, step), np.arange(start, width, step), indexing="ij")
        tile = (y // TILE_PX) * (width // TILE_PX + 1) + x // TILE_PX
        order = np.argsort(tile, axis=None, kind="stable")
        shape = warp.grid((height, width), modes, step=step).modes[order].astype(np.float32)
        along_x, along_y = (
            cv2.Sobel(picture, cv2.CV_32F, a, b, ksize=3)[start::step, start::step].reshape(-1)[order, None] / 8
            for a, b in ((1, 0), (0, 1))
        )
        values = picture[start::step, start::step].reshape(-1)[order]
        gradients = np.concatenate((along_x * shape, along_y * shape, np.ones_like(along_x), values[:, None]), axis=1)
        tiles = np.flatnonzero(np.diff(tile.reshape(-1)[order], prepend=-1))
        return cls(
            (height, width),
            modes,
            x.reshape(-1)[order].astype(np.float32),
            y.reshape(-1)[order].astype(np.float32),
            values,
            shape,
            np.asarray(gradients, np.float32),
            tiles,
        )

    def placed(self, picture: Singles, start: Floats, trust: Singles | None = None) -> Placement:
        """How a picture of the same size lies against this one.

        Args:
            picture: `(h, w)`, mean 0 and spread 1.
            start: `(2, K)` roughly how it lies, within two pixels or so.
            trust: `(h, w)` weight of each pixel of the reference, in [0, 1], e.g. 0 where something moves on its own.
        """
        count = len(self.modes)
        found = np.array(start, np.float64)
        source = torch.from_numpy(picture)[None, None]
        trusted = 1.0 if trust is None else trust[self.y.astype(np.intp), self.x.astype(np.intp)]
        for _ in range(MOST_STEPS):
            residual, inside = self._residual(source, found)
            spread = 1.4826 * float(np.median(np.abs(residual[inside])))
            squares = (residual / (INLIER_SPREADS * max(spread, 1e-4))) ** 2
            weights = trusted * inside / (1 + squares) ** 2
            pull = self.gradients * weights[:, None].astype(np.float32)
            normal = (pull.T @ self.gradients).astype(np.float64)
            normal += RIDGE * np.trace(normal) / len(normal) * np.eye(len(normal))
            step = np.linalg.solve(normal, (pull.T @ residual).astype(np.float64))[: 2 * count].reshape(2, count)
            found -= step
            if float(np.sqrt((step**2).sum())) < ENOUGH_PX:
                break
        scores = np.add.reduceat(pull * residual[:, None], self.tiles, axis=0).astype(np.float64)
        slope = (trusted * inside * (1 - 3 * squares) / (1 + squares) ** 3).astype(
            np.float32
        )  # of the weighted residual
        bend = ((self.gradients * slope[:, None]).T @ self.gradients).astype(np.float64)
        inverse = np.linalg.inv(bend + RIDGE * np.trace(normal) / len(normal) * np.eye(len(normal)))
        covariance = inverse @ (scores.T @ scores) @ inverse
        error = np.sqrt(np.diag(covariance)[: 2 * count]).reshape(2, count)
        return Placement(found, error, float(weights.sum() / max(inside.sum(), 1)))

    def _residual(self, source: torch.Tensor, found: Floats) -> tuple[Singles, NDArray[np.bool_]]:
        height, width = self.size
        moved = self.shape @ found.T.astype(np.float32)
        x, y = self.x + moved[:, 0], self.y + moved[:, 1]
        grid = np.stack((x * (2 / (width - 1)) - 1, y * (2 / (height - 1)) - 1), axis=1).astype(np.float32)
        there = F.grid_sample(source, torch.from_numpy(grid)[None, None], "bicubic", "border", align_corners=True)
        inside = (x > EDGE_PX) & (y > EDGE_PX) & (x < width - 1 - EDGE_PX) & (y < height - 1 - EDGE_PX)
        return there[0, 0, 0].numpy() - self.values, inside
