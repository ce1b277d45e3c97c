"""Patches that look alike calm one another, as the plain arithmetic of groups says they do."""

import numpy as np
import pytest
import scipy.fft
from numpy.typing import NDArray

from restorers.detail.groups import ALIKE, KAISER, SEARCH, SPARSE, grouped
from restorers.detail.tiles import STEP, TILE

SIGMA = 0.05


def striped(size: tuple[int, int]) -> NDArray[np.float32]:
    """A grating, the same in luma and in both differences of the colors."""
    y, x = np.mgrid[: size[0], : size[1]]
    return np.asarray(np.stack([0.8 + 0.2 * np.sin(0.9 * x + 0.2 * y)] * 3), np.float32)


def grain(size: tuple[int, int], variance: float, share: float = 1.0) -> tuple[NDArray[np.float32], ...]:
    tiles = [-(-n // STEP) + 1 for n in size]
    return np.full((*tiles, TILE**2), share, np.float32), np.full((3, *tiles), variance, np.float32)


def noise(size: tuple[int, int]) -> NDArray[np.float32]:
    return np.asarray(np.random.default_rng(4).normal(size=(3, *size)) * SIGMA, np.float32)


def test_what_repeats_itself_comes_out_of_the_grain() -> None:
    """One patch of 64 pixels holds the grating in few coefficients, eight of them hold it eight times."""
    picture = striped((64, 96))
    found = grouped(picture, picture + noise((64, 96)), *grain((64, 96), SIGMA**2))
    assert np.sqrt(np.square(found - picture).mean()) < 0.25 * SIGMA


def test_without_grain_the_mean_stays() -> None:
    seen = striped((40, 52)) + noise((40, 52))
    assert np.abs(grouped(seen, seen, *grain((40, 52), 1e-12)) - seen).max() < 1e-4


def test_what_has_no_color_stays_without() -> None:
    gray = striped((24, 32))
    gray[1:] = 0
    assert not grouped(gray, gray, *grain((24, 32), SIGMA**2))[1:].any()


@pytest.mark.parametrize("size", [(12, 12), (13, 30), (41, 17)])
def test_every_pixel_of_a_small_frame_is_reached(size: tuple[int, int]) -> None:
    picture = striped(size)
    found = grouped(picture, picture + noise(size), *grain(size, SIGMA**2))
    assert np.isfinite(found).all()
    assert np.sqrt(np.square(found - picture).mean()) < 0.5 * SIGMA


def test_groups_are_those_of_plain_arithmetic() -> None:
    """The same, patch by patch, with whole matrices in float64; grain differs from tile to tile and band to band."""
    size = (26, 31)
    rng = np.random.default_rng(6)
    picture, seen = (striped(size) + scale * noise(size)[::step] for scale, step in ((0.3, -1), (1.0, 1)))
    left, variance = grain(size, SIGMA**2)
    left, variance = (np.asarray(t * rng.uniform(0.2, 1, t.shape), np.float32) for t in (left, variance))
    assert np.abs(grouped(picture, seen, left, variance) - plain(picture, seen, left, variance)).max() < 1e-5


def plain(picture: NDArray[np.float32], seen: NDArray[np.float32], *table: NDArray[np.float32]) -> NDArray[np.float64]:
    """The frame that groups make, in float64."""
    left, variance = (t.astype(np.float64) for t in table)
    window = np.outer(*[np.kaiser(TILE, KAISER)] * 2)
    height, width = picture.shape[1:]
    haar = along(ALIKE)
    total, weights = np.zeros(picture.shape), np.zeros(picture.shape)
    for y in range(0, height, TILE):
        for x in range(0, width, TILE):
            top, side = min(y, height - TILE), min(x, width - TILE)
            places = alike(picture[0].astype(np.float64), top, side)
            tiles = [((v + 6) // STEP, (u + 6) // STEP) for v, u in places]
            share = np.square(haar) @ np.stack([left[at] for at in tiles])
            for color in range(3):
                shown, found = (
                    haar @ np.stack([cosines(plane[color], *at) for at in places]) for plane in (picture, seen)
                )
                grainy = share * variance[(color, *tiles[0])]
                gain = shown**2 / (shown**2 + grainy)
                gain[0, 0] = 1
                weight = window / (gain**2 * grainy).sum()
                for (v, u), patch in zip(places, haar.T @ (found * gain), strict=True):
                    here = (color, slice(v, v + TILE), slice(u, u + TILE))
                    total[here] += weight * scipy.fft.idctn(patch.reshape(TILE, TILE), norm="ortho")
                    weights[here] += weight
    return np.asarray(total / weights)


def alike(luma: NDArray[np.float64], top: int, side: int) -> list[tuple[int, int]]:
    """Where the patches most like one begin, itself first, by every second pixel, staggered."""
    height, width = luma.shape
    staggered = np.add.outer(np.arange(TILE) // SPARSE, np.arange(TILE)) % SPARSE == 0
    staggered[1::SPARSE] = False
    own = luma[top : top + TILE, side : side + TILE]
    places = [
        (v, u)
        for v in range(max(top - SEARCH, 0), min(top + SEARCH, height - TILE) + 1)
        for u in range(max(side - SEARCH, 0), min(side + SEARCH, width - TILE) + 1)
    ]
    miss = [float(np.square(luma[v : v + TILE, u : u + TILE] - own)[staggered].sum()) for v, u in places]
    return [places[index] for index in np.argsort(miss)[:ALIKE]]


def cosines(plane: NDArray[np.float32], top: int, side: int) -> NDArray[np.float64]:
    return np.asarray(
        scipy.fft.dctn(plane[top : top + TILE, side : side + TILE].astype(np.float64), norm="ortho")
    ).ravel()


def along(size: int) -> NDArray[np.float64]:
    """Haar's wavelet as an orthonormal matrix."""
    if size == 1:
        return np.ones((1, 1))
    both = np.kron(along(size // 2), [1, 1]), np.kron(np.eye(size // 2), [1, -1])
    return np.asarray(np.concatenate(both) / np.sqrt(2))
