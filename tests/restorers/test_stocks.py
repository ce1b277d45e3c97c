import numpy as np
import pytest
import torch

from restorers.detail.grain import laid
from restorers.detail.granularity import REACH
from restorers.detail.stocks import APERTURE_UM, STOCKS, stock_grain
from restorers.restorer import Bench

SAME_AREA = float(np.sqrt(np.pi) * APERTURE_UM / 2)  # pitch of a square pixel as large as the aperture
PICTURE = {True: 1.9667 - 1 / 0.6, False: 1.0}  # density of the picture where the film's is 1, negative or not


@pytest.mark.parametrize("name", STOCKS)
def test_a_pixel_as_large_as_the_aperture_sees_the_published_granularity(name: str) -> None:
    stock, grain = STOCKS[name], stock_grain(name, SAME_AREA, lens=0)
    sigma = np.array([np.interp(PICTURE[stock.negative], grain.levels, curve) for curve in grain.sigma])
    weights = np.array([0.2126, 0.7152, 0.0722]) * sigma * (0.6 if stock.negative else 1)
    visual = float(np.sqrt(weights @ grain.correlation @ weights))
    assert 1000 * visual == pytest.approx(stock.granularity, rel=0.03)


def test_grain_seen_by_half_the_pitch_is_twice_as_strong() -> None:
    wide, fine = (stock_grain("kodak-double-x-5222", pitch, lens=0) for pitch in (24.0, 12.0))
    assert fine.strength / wide.strength == pytest.approx(2, rel=0.05)


def test_the_finer_the_pixels_the_more_neighbors_share() -> None:
    shared = [float(stock_grain("kodak-tri-x-400", p).autocorrelation[REACH, REACH + 1]) for p in (12.0, 3.0, 0.5)]
    assert shared == sorted(shared)
    assert shared[-1] > shared[0] + 0.2


def test_grain_of_a_slide_is_strongest_in_the_dark_and_of_a_negative_in_the_light() -> None:
    slide, negative = stock_grain("kodak-kodachrome-64", 6.0), stock_grain("kodak-plus-x-5231", 6.0)
    assert (np.diff(slide.sigma[1]) > 0).all()
    assert (np.diff(negative.sigma[1]) <= 0).all()


def test_gray_stock_has_gray_grain_and_color_stock_colored() -> None:
    flat = torch.full((3, 64, 64), 0.7)
    gray, color = (laid(stock_grain(n, 6.0), flat, 0, Bench()) for n in ("kodak-t-max-100", "fuji-velvia-50"))
    assert torch.allclose(gray[0], gray[1], atol=1e-5)
    assert float(np.corrcoef(color[0].flatten(), color[1].flatten())[0, 1]) == pytest.approx(0.5, abs=0.12)


def test_grain_of_a_stock_is_laid_as_strong_as_told() -> None:
    grain, flat = stock_grain("kodak-tri-x-400", 6.0), torch.full((3, 384, 512), 1.0)
    assert float(laid(grain, flat, 3, Bench()).std()) == pytest.approx(float(grain.sigma[1, 8]), rel=0.05)


def test_an_unknown_stock_is_answered_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"no granularity .* 'agfa-x'.*kodak-tri-x-400"):
        stock_grain("agfa-x", 6.0)


@pytest.mark.parametrize("pitch", [0.0, -1.0, float("nan")])
def test_a_pitch_is_positive(pitch: float) -> None:
    with pytest.raises(ValueError, match="a pitch is larger than 0"):
        stock_grain("kodak-tri-x-400", pitch)
