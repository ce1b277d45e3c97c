"""The peer that is our own tells picture from noise."""

import numpy as np

from tests.benchmarks.blockmatching import BlockMatching
from tests.benchmarks.footage import coded, filmed

SIGMA = 25


def psnr(one: np.ndarray, two: np.ndarray) -> float:
    return float(10 * np.log10(255**2 / np.square(one.astype(np.float64) - two).mean()))


def noisy(clean: np.ndarray) -> np.ndarray:
    noise = np.random.default_rng(2).normal(size=clean.shape) * SIGMA
    return np.clip(np.rint(clean + noise), 0, 255).astype(np.uint8)


def test_where_nothing_is_to_be_seen_next_to_nothing_is_left() -> None:
    clean = np.full((1, 64, 80, 3), 128, np.uint8)
    assert psnr(BlockMatching(SIGMA)(noisy(clean)), clean) > psnr(noisy(clean), clean) + 18


def test_what_comes_again_and_again_is_kept() -> None:
    y, x = np.mgrid[:64, :80]
    stripes = np.where((x + y) // 3 % 2, 170, 80)
    clean = np.repeat(stripes[None, ..., None], 3, -1).astype(np.uint8)
    assert psnr(BlockMatching(SIGMA)(noisy(clean)), clean) > psnr(noisy(clean), clean) + 9


def test_without_noise_little_is_lost() -> None:
    clean = coded(filmed((96, 128), 1))
    assert psnr(BlockMatching(1.0)(clean), clean) > 50
