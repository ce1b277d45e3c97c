"""Spaces lead into one another and back, and agree with what others publish."""

import colour
import numpy as np
import pytest
import torch

from restorers.clip import Clip
from restorers.colorspace import (
    BT709_TO_BT2020,
    REFERENCE_WHITE_NITS,
    Space,
    converted,
    density,
    linear_light,
    luma,
)

CODES_10 = torch.arange(1024, dtype=torch.float32) / 1023


def gray(values: torch.Tensor) -> torch.Tensor:
    """A strip of gray pixels `(1, 3, 1, N)`."""
    return values.expand(3, -1)[None, :, None, :].contiguous()


@pytest.mark.parametrize("space", list(Space))
def test_every_space_leads_to_density_and_back(space: Space) -> None:
    torch.manual_seed(0)
    # Double: near black, density is steep against display signals, and the flare holds back few digits.
    light = torch.rand(2, 3, 24, 32, dtype=torch.float64)
    frames = converted(density(light), Space.DENSITY, space)
    again = converted(converted(frames, space, Space.DENSITY), Space.DENSITY, space)
    torch.testing.assert_close(again, frames, atol=1e-6, rtol=0)


@pytest.mark.parametrize("space", [space for space in Space if space is not Space.PQ])  # PQ is for masters
@pytest.mark.parametrize("levels", [256, 1024, 4096])
def test_every_code_of_a_scan_survives_the_way_through_density(space: Space, levels: int) -> None:
    codes = torch.arange(levels, dtype=torch.float32)
    through = converted(converted(gray(codes / (levels - 1)), space, Space.DENSITY), Space.DENSITY, space)
    assert torch.equal(torch.clamp(torch.round(through * (levels - 1)), 0, levels - 1), gray(codes))


@pytest.mark.parametrize("space", list(Space))
def test_a_space_is_itself_to_the_bit(space: Space) -> None:
    frames = torch.rand(1, 3, 4, 4)
    assert converted(frames, space, space) is frames
    clip = Clip(frames, space, 0)
    assert clip.in_space(space) is clip


def test_printing_density_is_the_cineon_of_colour() -> None:
    mine = converted(gray(CODES_10.double()), Space.PRINTING_DENSITY, Space.LINEAR)[0, 0, 0].numpy()
    theirs = colour.log_decoding(CODES_10.double().numpy(), function="Cineon")
    np.testing.assert_allclose(mine, theirs, atol=1e-7)


@pytest.mark.parametrize(("code", "light"), [(95, 0.0), (445, 0.1493), (685, 1.0)])
def test_printing_density_has_the_points_of_cineon(code: int, light: float) -> None:
    mine = converted(gray(torch.tensor([code / 1023])), Space.PRINTING_DENSITY, Space.LINEAR)
    assert float(mine[0, 0, 0, 0]) == pytest.approx(light, abs=5e-5)


def test_a_step_of_a_log_scan_is_two_thousandths_of_printing_density_at_gamma_sixty() -> None:
    steps = converted(gray(CODES_10), Space.PRINTING_DENSITY, Space.DENSITY)[0, 0, 0].diff()
    torch.testing.assert_close(steps, torch.full((1023,), -0.002 / 0.6), atol=1e-6, rtol=0)


def test_print_density_is_the_density_measured() -> None:
    measured = converted(gray(torch.tensor([1.0])), Space.PRINT_DENSITY, Space.DENSITY)
    assert float(measured[0, 0, 0, 0]) == pytest.approx(2.046)


@pytest.mark.parametrize(
    ("space", "function"), [(Space.SRGB, "sRGB"), (Space.REC709, "ITU-R BT.1886"), (Space.PQ, "ITU-R BT.2100 PQ")]
)
def test_display_spaces_are_those_of_colour(space: Space, function: str) -> None:
    light = np.linspace(0, 1, 513)
    mine = converted(gray(torch.from_numpy(light)), Space.LINEAR, space)[0, 0, 0].numpy()
    scale = REFERENCE_WHITE_NITS if space is Space.PQ else 1.0
    theirs = colour.eotf_inverse(light * scale, function=function)
    np.testing.assert_allclose(mine, theirs, atol=2e-4 if space is Space.PQ else 1e-6)


def test_bt709_to_bt2020_is_that_of_colour() -> None:
    matrix = colour.matrix_RGB_to_RGB("ITU-R BT.709", "ITU-R BT.2020", chromatic_adaptation_transform=None)
    np.testing.assert_allclose(np.array(BT709_TO_BT2020), matrix, atol=5e-4)
    np.testing.assert_allclose(np.array(BT709_TO_BT2020).sum(axis=1), 1, atol=2e-4)


def test_density_and_light_are_inverse() -> None:
    light = torch.linspace(0, 12, 1001, dtype=torch.float64)
    torch.testing.assert_close(linear_light(density(light)), light, atol=1e-12, rtol=1e-12)
    assert float(density(torch.tensor(1.0))) == 0


def test_luma_weights_are_those_of_bt709() -> None:
    frames = torch.eye(3).view(1, 3, 3, 1)
    torch.testing.assert_close(luma(frames).flatten(), torch.tensor([0.2126, 0.7152, 0.0722]))


def test_conversion_does_not_depend_on_the_window() -> None:
    torch.manual_seed(1)
    frames = torch.rand(5, 3, 13, 17)
    for source in Space:
        for target in Space:
            whole = converted(frames, source, target)
            singly = torch.cat([converted(frame[None], source, target) for frame in frames])
            assert torch.equal(whole, singly), f"{source} to {target}"
