"""A lattice gives what a function gives at its nodes, and lies straight between and beyond them."""

import colour
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from restorers.restorer import Bench
from restorers.unfading.lattice import Found, Lattice, between, gather

BENCH = Bench()
LOW, HIGH = 0.0, 2.0


def mixed_up(colors: NDArray[np.float64]) -> NDArray[np.float64]:
    """Something affine."""
    matrix = np.array([[1.2, -0.3, 0.1, 0.5], [0.2, 0.7, -0.4, 0.25], [-0.1, 0.3, 0.9, -1.5]])
    return colors @ matrix + np.array([0.1, -0.2, 0.3, 0.4])


def random_lattice(size: int, seed: int = 0) -> Lattice:
    values = np.random.default_rng(seed).random((size, size, size, 4), np.float32)
    return Lattice(values, LOW, HIGH)


def pixels(height: int = 37, width: int = 61, *, count: int = 1, beyond: float = 0.0, seed: int = 1) -> torch.Tensor:
    values = np.random.default_rng(seed).random((count, 3, height, width), np.float32)
    return torch.from_numpy(values * np.float32(HIGH - LOW + 2 * beyond) + np.float32(LOW - beyond))


def gathered(lattices: tuple[Lattice, ...], frames: torch.Tensor, weight: torch.Tensor | None = None) -> Found:
    out = torch.empty_like(frames), torch.empty_like(frames[:, 0])
    gather(lattices, frames, weight, out)
    return out


def test_the_identity_gives_every_color_back_also_beyond_the_nodes() -> None:
    lattice = Lattice.baked(lambda colors: np.c_[colors, colors[:, 1]], 17, LOW, HIGH)
    frames = pixels(beyond=0.5)
    colors, fourth = lattice.looked_up(frames, BENCH)
    assert colors.dtype == fourth.dtype == torch.float32
    torch.testing.assert_close(colors, frames, rtol=0, atol=1e-6)
    torch.testing.assert_close(fourth, frames[:, 1], rtol=0, atol=1e-6)


@pytest.mark.parametrize(("size", "low", "high"), [(2, 0.0, 2.0), (9, -0.1, 2.3), (33, 0.0, 3.7)])
def test_what_is_affine_is_exact(size: int, low: float, high: float) -> None:
    frames = pixels(beyond=0.7)
    colors, fourth = Lattice.baked(mixed_up, size, low, high).looked_up(frames, BENCH)
    expected = mixed_up(frames[0].permute(1, 2, 0).double().numpy())
    found = torch.cat((colors[0], fourth)).permute(1, 2, 0)
    np.testing.assert_allclose(found, expected, rtol=0, atol=4e-6)


@pytest.mark.parametrize("size", [2, 5, 33])
def test_between_the_nodes_it_is_tetrahedral_as_others_have_it(size: int) -> None:
    lattice, frames = random_lattice(size), pixels(200, 300)
    colors, fourth = lattice.looked_up(frames, BENCH)
    inputs = frames[0].permute(1, 2, 0).double().numpy() / HIGH
    for last, found in ((3, colors[0, 2]), (4, fourth[0])):
        table = lattice.values[..., last - 3 : last].astype(np.float64)
        expected = colour.algebra.table_interpolation_tetrahedral(inputs, table)[..., 2]
        np.testing.assert_allclose(found, expected, rtol=0, atol=4e-6)


def test_the_nodes_are_given_as_they_are() -> None:
    lattice = random_lattice(9)
    axis = torch.linspace(LOW, HIGH, 9)
    frames = torch.stack(torch.meshgrid(axis, axis, axis, indexing="ij")).view(1, 3, 9, 81)
    colors, fourth = lattice.looked_up(frames, BENCH)
    found = torch.cat((colors[0], fourth)).permute(1, 2, 0).reshape(9, 9, 9, 4)
    assert np.array_equal(found, lattice.values)


def test_beyond_the_nodes_the_outermost_cell_goes_on() -> None:
    lattice = random_lattice(3)
    at = torch.tensor([1.5, 2.0, 2.5, 4.0])
    frames = torch.stack((at, torch.full((4,), 1.25), torch.full((4,), 1.5))).view(1, 3, 1, 4)
    colors, _ = lattice.looked_up(frames, BENCH)
    # Above 2 red stays the greatest fraction, so it all lies in one tetrahedron.
    slope = lattice.values[2, 1, 1, :3] - lattice.values[1, 1, 1, :3]
    edge = colors[0, :, 0, 1].numpy()
    for place, far in ((2, 0.5), (3, 2.0)):
        np.testing.assert_allclose(colors[0, :, 0, place], edge + far * slope, atol=1e-6)


def test_a_pixel_depends_on_itself_alone() -> None:
    lattice, frames = random_lattice(17), pixels(97, 53, count=3, beyond=0.2)
    other, weight = random_lattice(17, 7), pixels(97, 53)[0, 0] / HIGH
    colors, fourth = lattice.looked_up(frames, BENCH)
    blended, beside = between(lattice, other, frames, weight, BENCH)
    for rows, columns in ((slice(0, 97), slice(5, 6)), (slice(11, 40), slice(3, 53)), (slice(96, 97), slice(0, 53))):
        window = frames[1:, :, rows, columns]
        part, its_fourth = lattice.looked_up(window, BENCH)
        assert torch.equal(part, colors[1:, :, rows, columns])
        assert torch.equal(its_fourth, fourth[1:, rows, columns])
        part, its_fourth = between(lattice, other, window, weight[rows, columns], BENCH)
        assert torch.equal(part, blended[1:, :, rows, columns])
        assert torch.equal(its_fourth, beside[1:, rows, columns])


def test_workers_change_nothing() -> None:
    lattice, other, frames = random_lattice(17), random_lattice(17, 7), pixels(601, 503, count=2)
    weight = pixels(601, 503)[0, 0] / HIGH
    for one, many in zip(lattice.looked_up(frames, BENCH), lattice.looked_up(frames, Bench(workers=3)), strict=True):
        assert torch.equal(one, many)
    results = (between(lattice, other, frames, weight, Bench(workers=workers)) for workers in (1, 3))
    for one, many in zip(*results, strict=True):
        assert torch.equal(one, many)


def test_what_is_laid_in_given_memory_is_the_same_also_over_the_frames_themselves() -> None:
    lattice, other, frames = random_lattice(17), random_lattice(17, 7), pixels(beyond=0.2)
    for look in (
        lattice.looked_up,
        lambda *given, **out: between(lattice, other, given[0], frames[0, 0], BENCH, **out),
    ):
        expected, given = look(frames, BENCH), (frames.clone(), torch.empty_like(frames[:, 0]))
        found = look(given[0], BENCH, out=given)
        assert found[0] is given[0]
        assert all(map(torch.equal, found, expected))


def test_frames_are_left_as_they_are() -> None:
    frames = pixels(beyond=0.2)
    before = frames.clone()
    random_lattice(5).looked_up(frames, BENCH)
    gathered((random_lattice(5),), frames)
    assert torch.equal(frames, before)


def test_other_devices_gather_the_same() -> None:
    lattice, other, frames = random_lattice(33), random_lattice(33, 7), pixels(count=2, beyond=0.2)
    weight = pixels()[0, 0] / HIGH
    for found, expected in zip(gathered((lattice,), frames), lattice.looked_up(frames, BENCH), strict=True):
        torch.testing.assert_close(found, expected, rtol=0, atol=4e-6)
    pairs = gathered((lattice, other), frames, weight), between(lattice, other, frames, weight, BENCH)
    for found, expected in zip(*pairs, strict=True):
        torch.testing.assert_close(found, expected, rtol=0, atol=8e-6)


@pytest.mark.gpu
def test_a_gpu_gathers_the_same() -> None:
    lattice, frames = random_lattice(33), pixels(count=2, beyond=0.2)
    frames[0, 1, 0, 0] = torch.nan
    there = lattice.looked_up(frames.cuda(), Bench(device=torch.device("cuda")))
    for found, expected in zip(there, lattice.looked_up(frames, BENCH), strict=True):
        torch.testing.assert_close(found.cpu(), expected, rtol=0, atol=4e-6, equal_nan=True)


def test_between_two_lattices_the_weight_decides() -> None:
    first, second, frames = random_lattice(9), random_lattice(9, 7), pixels(beyond=0.1)
    a, b = first.looked_up(frames, BENCH), second.looked_up(frames, BENCH)
    plane = pixels()[0, 0] / HIGH
    for weight in (0.0, 1.0):
        kept = (a, b)[int(weight)]
        for given in (weight, torch.full_like(plane, weight)):
            assert all(map(torch.equal, between(first, second, frames, given, BENCH), kept))
    for given, share in ((0.5, 0.5), (plane, plane)):
        for found, one, other in zip(between(first, second, frames, given, BENCH), a, b, strict=True):
            torch.testing.assert_close(found, one + share * (other - one), rtol=0, atol=2e-6)


def test_lattices_of_other_nodes_have_nothing_between_them() -> None:
    with pytest.raises(ValueError, match="other nodes"):
        between(random_lattice(9), random_lattice(5), pixels(), 0.5, BENCH)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 3e38, -3e38])
def test_what_is_no_density_harms_no_other_pixel(value: float) -> None:
    lattice, frames = random_lattice(9), pixels()
    colors, fourth = lattice.looked_up(frames, BENCH)
    gathers, _ = gathered((lattice,), frames)
    for channel in range(3):
        frames[0, channel, channel, 7] = value
    sound = torch.ones(37, 61, dtype=torch.bool)
    sound[:3, 7] = False
    found, beside = lattice.looked_up(frames, BENCH)
    assert torch.equal(found[..., sound], colors[..., sound])
    assert torch.equal(beside[..., sound], fourth[..., sound])
    assert torch.equal(gathered((lattice,), frames)[0][..., sound], gathers[..., sound])
