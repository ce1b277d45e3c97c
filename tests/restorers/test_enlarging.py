"""A larger picture is the filter it says it is, whatever computes it and on how many threads."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.ndimage import convolve1d, maximum_filter, minimum_filter

from restorers.detail.enlarging import enlarged, repeated


def picture(height: int, width: int) -> torch.Tensor:
    return torch.randn((3, height, width), generator=torch.Generator().manual_seed(3))


@pytest.fixture
def threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def lanczos(plane: NDArray[np.float64], factor: int, axis: int) -> NDArray[np.float64]:
    """Each of the pixels a pixel becomes by a filter of its own, in double, by SciPy."""
    phases = []
    for phase in range(factor):
        distance = np.arange(-3, 4) - ((phase + 0.5) / factor - 0.5)
        taps = np.where(np.abs(distance) < 3, np.sinc(distance) * np.sinc(distance / 3), 0)
        phases.append(convolve1d(plane, (taps / taps.sum())[::-1], axis=axis, mode="nearest"))
    return np.stack(phases, axis + 1).reshape([n * (factor if k == axis else 1) for k, n in enumerate(plane.shape)])


@pytest.mark.parametrize("factor", [2, 4])
@pytest.mark.parametrize("size", [(1, 1), (5, 33), (70, 9), (64, 96)])
def test_it_is_lanczos_within_the_range_of_the_pixels_around(size: tuple[int, int], factor: int) -> None:
    small = picture(*size)
    for plane, large in zip(small.double().numpy(), enlarged(small, factor).numpy(), strict=True):
        there = lanczos(lanczos(plane, factor, 1), factor, 0)
        lowest, highest = (
            np.kron(extreme(plane, 3, mode="nearest"), np.ones((factor, factor)))
            for extreme in (minimum_filter, maximum_filter)
        )
        np.testing.assert_allclose(large, np.clip(there, lowest, highest), atol=2e-6)


@pytest.mark.usefixtures("threads")
def test_any_number_of_threads_gives_the_same_pixels() -> None:
    small = picture(150, 203)
    found = []
    for count in (1, 2, 3):
        torch.set_num_threads(count)
        found.append(enlarged(small, 2))
    assert torch.equal(found[0], found[1])
    assert torch.equal(found[0], found[2])


def test_a_view_of_a_larger_clip_is_enlarged_as_its_copy() -> None:
    frame = picture(40, 50)[:, 3:37, 5:44]
    assert torch.equal(enlarged(frame, 2), enlarged(frame.contiguous(), 2))


def test_values_are_repeated_over_the_pixels_their_own_becomes() -> None:
    marks = torch.arange(12, dtype=torch.uint8).view(1, 3, 4)
    there = np.kron(marks.numpy(), np.ones((1, 4, 4), np.uint8))
    np.testing.assert_array_equal(repeated(marks, 4).numpy(), there)
