from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import torch
from torch import Tensor

from restorers.cleaning.inpainting import CELL, Method, filled
from restorers.networks.painter import Painter, brightness, density_of, smoothly
from restorers.networks.weights import card
from restorers.restorer import Bench, MissingWeights

METHODS: tuple[Method, ...] = get_args(Method)
CLASSICAL = tuple(method for method in METHODS if method != "network")


def waves(height: int = 96, width: int = 112) -> Tensor:
    """A soft picture in density, each channel another."""
    y, x = torch.meshgrid(torch.arange(float(height)), torch.arange(float(width)), indexing="ij")
    planes = [0.6 + 0.3 * torch.sin((x * a + y * b) / 15) for a, b in ((1, 0.3), (0.6, 0.5), (0.2, 1))]
    return torch.stack(planes)


def spot(height: int = 96, width: int = 112, *, at: tuple[int, int] = (40, 50), radius: float = 4) -> Tensor:
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    return (y - at[0]) ** 2 + (x - at[1]) ** 2 <= radius**2


@pytest.mark.parametrize("method", METHODS)
def test_the_rest_of_the_picture_stays_bit_for_bit(method: Method) -> None:
    picture, hole = waves(), spot()
    done = filled(picture, hole, method, Bench())
    assert torch.equal(done[:, ~hole], picture[:, ~hole])


@pytest.mark.parametrize("method", METHODS)
def test_a_hole_in_a_soft_picture_is_filled_with_what_was_there(method: Method) -> None:
    picture, hole = waves(), spot()
    dirty = torch.where(hole, 2.5, picture)
    off = (filled(dirty, hole, method, Bench()) - picture)[:, hole].abs().max()
    assert off < 0.06


@pytest.mark.parametrize("method", METHODS)
def test_what_lies_in_the_hole_makes_no_difference(method: Method) -> None:
    picture, hole = waves(), spot()
    dark, bright = (filled(torch.where(hole, value, picture), hole, method, Bench()) for value in (3.0, -0.2))
    nothing = filled(torch.where(hole, torch.nan, picture), hole, method, Bench())
    assert torch.equal(dark, bright)
    assert torch.equal(dark, nothing)


@pytest.mark.parametrize("method", METHODS)
def test_the_same_bits_come_from_any_thread(method: Method) -> None:
    chance = np.random.default_rng(4)
    pictures = [waves() + 0.03 * torch.from_numpy(chance.standard_normal((3, 96, 112), np.float32)) for _ in range(4)]
    holes = [spot(at=(20 + 15 * i, 90 - 20 * i), radius=2.0 + 2 * i) for i in range(4)]

    def one(i: int) -> Tensor:
        return filled(pictures[i], holes[i], method, Bench())

    alone = [one(i) for i in range(4)]
    for several in (Bench(workers=2).map(one, range(4)), Bench(workers=4).map(one, [3, 2, 1, 0])[::-1]):
        for expected, got in zip(alone, several, strict=True):
            assert torch.equal(expected, got)


@pytest.mark.parametrize("method", METHODS)
def test_a_picture_without_a_hole_comes_back_as_it_is(method: Method) -> None:
    picture = waves()
    assert torch.equal(filled(picture, torch.zeros((96, 112), dtype=torch.bool), method, Bench()), picture)


@pytest.mark.parametrize("method", METHODS)
def test_a_hole_that_is_the_whole_picture_cannot_be_filled(method: Method) -> None:
    with pytest.raises(ValueError, match="nothing is known"):
        filled(waves(), torch.ones((96, 112), dtype=torch.bool), method, Bench())


@pytest.mark.parametrize(
    ("height", "width", "at"), [(23, 37, (10, 15)), (9, 9, (0, 0)), (40, 131, (0, 130)), (3, 200, (1, 100))]
)
def test_pictures_of_any_size_with_holes_at_their_edge_are_painted(
    height: int, width: int, at: tuple[int, int]
) -> None:
    picture, hole = waves(height, width), spot(height, width, at=at, radius=3)
    done = filled(picture, hole, "network", Bench())
    assert done.isfinite().all()
    assert (done - picture)[:, hole].abs().max() < 0.5


def test_a_scratch_longer_than_a_crop_is_painted_all_along() -> None:
    picture = waves(3 * CELL, 80)
    hole = torch.zeros((3 * CELL, 80), dtype=torch.bool)
    hole[:, 40:43] = True
    done = filled(torch.where(hole, 2.5, picture), hole, "network", Bench())
    assert (done - picture)[:, hole].abs().max() < 0.06


def test_a_hole_deeper_than_the_painter_sees_is_filled_to_its_heart() -> None:
    picture, hole = waves(200, 200), spot(200, 200, at=(100, 100), radius=60)
    done = filled(torch.where(hole, 3.0, picture), hole, "network", Bench())
    assert float(done[:, hole].max()) < 1.3
    assert float(done[:, hole].min()) > 0.0


def test_holes_far_apart_do_not_see_each_other() -> None:
    picture = waves(96, 300)
    one, two = spot(96, 300, at=(40, 40)), spot(96, 300, at=(40, 250))
    both = filled(picture, one | two, "network", Bench())
    assert torch.equal(both[:, one], filled(picture, one, "network", Bench())[:, one])
    assert torch.equal(both[:, two], filled(picture, two, "network", Bench())[:, two])


def test_dark_film_is_painted_as_well_as_bright() -> None:
    hole = spot()
    for lift in (-0.4, 0.0, 0.9):
        picture = waves() + lift
        off = brightness(filled(picture, hole, "network", Bench())) - brightness(picture)
        assert off[:, hole].abs().max() < 0.06


def test_without_its_weights_the_painter_says_so(tmp_path: Path) -> None:
    with pytest.raises(MissingWeights, match="painter"):
        filled(waves(), spot(), "network", Bench(weights=lambda name: tmp_path / f"{name}.safetensors"))


def test_the_classical_methods_want_no_weights(tmp_path: Path) -> None:
    bench = Bench(weights=lambda name: tmp_path / f"{name}.safetensors")
    for method in CLASSICAL:
        assert filled(waves(), spot(), method, bench).isfinite().all()


def test_brightness_and_density_are_each_others_inverse() -> None:
    densities = torch.linspace(-0.3, 4, 50)
    assert torch.allclose(density_of(brightness(densities)), densities, atol=1e-5)
    assert float(brightness(torch.tensor(0.0))) == 1.0


def test_a_painter_that_has_learned_nothing_fills_smoothly() -> None:
    picture, known = brightness(waves())[None], (~spot())[None, None].float()
    painted = Painter(width=4, depth=4)(picture, known).detach()
    level = (picture * known).sum((2, 3), keepdim=True) / known.sum()
    expected = smoothly((picture - level) * known, known) + level
    assert torch.allclose(painted, expected, atol=1e-5)


def test_a_smooth_filling_keeps_between_what_is_around_it() -> None:
    picture, known = brightness(waves())[None], (~spot(radius=20))[None, None].float()
    done = smoothly(picture * known, known)
    hidden = (known == 0).expand_as(done)
    assert done[hidden].max() <= picture.max()
    assert done[hidden].min() >= picture.min()


def test_the_painters_card_says_what_it_is_and_what_it_is_not_for() -> None:
    said = card("painter", Bench())
    assert said.parameters == sum(each.numel() for each in Painter(**said.settings).parameters()) <= 1_000_000
    assert "evidence" in said.not_for
    assert all(data.licence for data in said.data)
