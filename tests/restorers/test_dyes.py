import colour
import numpy as np
import pytest

from restorers.dyes import projection
from restorers.dyes.fade import Fade
from restorers.dyes.film import Film
from restorers.dyes.fit import Place, fitted
from restorers.dyes.projection import LEVELS, neutral
from restorers.dyes.scanner import GENERIC, Scanner
from restorers.dyes.stocks import WAVELENGTHS, Stock, generic, members, stocks

POSITIVES = [stock for stock in stocks().values() if stock.kind in {"print", "reversal"}]
EIGHT = Scanner.narrow("eight bands", *((peak, 25) for peak in (430, 460, 500, 540, 580, 620, 660, 700)))
FADED = Fade(share=(0.45, 0.88, 0.7), bend=0.03, stain=0.12, stain_nm=70, product=0.03)


def amounts(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0, 2.5, (count, 3))


@pytest.mark.parametrize("stock", stocks().values(), ids=lambda stock: stock.name)
def test_each_dye_absorbs_most_where_it_should_and_nowhere_less_than_nothing(stock: Stock) -> None:
    for dye, (low, high) in zip(stock.dyes, ((600, 700), (500, 600), (400, 480)), strict=True):
        band = (low <= WAVELENGTHS) & (high >= WAVELENGTHS)
        assert dye[band].max() == pytest.approx(1, abs=0.02)
        assert dye.min() >= 0
    assert (stock.base.max() > 0.5) == (stock.kind == "negative" and stock.base.any())
    assert stock.source


def test_generic_dyes_are_the_mean_of_those_that_are_trusted() -> None:
    assert "kodak-2383" in generic().source
    assert "kodak-5383" not in generic().source  # it is kept back to judge by
    assert "kodak-5381" not in generic().source  # whoever digitized it does not trust it
    assert np.allclose(generic().dyes, np.mean([each.dyes for each in members()], 0))
    assert generic(negative=True).base.max() > 0.5


@pytest.mark.parametrize("stock", [*POSITIVES, generic()], ids=lambda stock: stock.name)
def test_what_is_neutral_looks_gray_and_as_dense_as_it_says(stock: Stock) -> None:
    shape = colour.SpectralShape(380, 730, 5)
    light = colour.SDS_ILLUMINANTS["D55"].copy().align(shape)
    observer = colour.MSDS_CMFS["CIE 1931 2 Degree Standard Observer"].copy().align(shape)
    white = colour.sd_to_XYZ(
        colour.SpectralDistribution(np.ones(71), WAVELENGTHS), observer, light, method="Integration"
    )
    for index in (6, 18, 36):
        passed = colour.SpectralDistribution(10 ** -(neutral(stock)[index] @ stock.dyes), WAVELENGTHS)
        seen = colour.sd_to_XYZ(passed, observer, light, method="Integration")
        assert -np.log10(seen[1] / white[1]) == pytest.approx(LEVELS[index], abs=0.005)
        _, a, b = colour.XYZ_to_Lab(seen / white[1], illuminant=colour.XYZ_to_xy(white))
        assert np.hypot(a, b) < 0.5


@pytest.mark.parametrize("scanner", [GENERIC, EIGHT], ids=lambda scanner: scanner.name)
@pytest.mark.parametrize("name", ["kodak-5383", "kodachrome-64", "technicolor-v"])
def test_amounts_are_found_again_by_the_densities_they_show(name: str, scanner: Scanner) -> None:
    film = Film(stocks()[name], scanner)
    wanted = amounts(500)
    assert np.abs(film.amounts(film.densities(wanted)) - wanted).max() < 1e-5


def test_densities_rise_with_dyes_as_their_slopes_say() -> None:
    film, at, step = Film(generic(), GENERIC), amounts(20), 1e-5
    found = np.stack(
        [(film.densities(at + step * e) - film.densities(at - step * e)) / (2 * step) for e in np.eye(3)], 2
    )
    assert np.allclose(found, film.slopes(at), atol=1e-6)


def test_clear_film_has_no_density_and_a_dense_dye_is_seen_thinner_than_it_is() -> None:
    film = Film(generic(), GENERIC)
    assert np.allclose(film.densities(np.zeros(3)), 0)
    one, three = film.densities(np.array([[0.0, 1, 0], [0, 3, 0]]))[:, 1]
    assert 2.5 * one < three < 3 * one


def test_a_fade_is_undone() -> None:
    film, before = Film(stocks()["kodak-5384"], GENERIC), amounts(300, seed=2)
    seen = FADED.shown(film, before)
    assert np.abs(FADED.undone(film, seen) - before).max() < 1e-5
    assert (seen[:, 0] < film.densities(before)[:, 0]).mean() > 0.99
    clear = FADED.shown(film, np.zeros(3))
    assert clear[2] > 5 * clear[1] > 0  # the stain is yellow


def places(film: Film, *levels: float, known: bool = True) -> list[Place]:
    """Places of visual densities on a film that has faded; 0 is clear film."""
    seen = FADED.shown(film, projection.grays(film.stock, np.array(levels)))
    return [Place(each, level if known or not level else None) for each, level in zip(seen, levels, strict=True)]


@pytest.mark.parametrize("known", [True, False], ids=["levels known", "levels not known"])
@pytest.mark.parametrize("name", ["kodak-5383", "fuji-provia-100f"])
def test_a_fade_is_found_by_three_grays_and_clear_film_of_a_known_stock(name: str, known: bool) -> None:
    film = Film(stocks()[name], GENERIC)
    found = fitted(film, places(film, 0.0, 0.3, 0.9, 1.8, known=known))
    before = amounts(400, seed=3)
    restored = found.fade.undone(film, FADED.shown(film, before))
    lost = np.abs(film.densities(before) - FADED.shown(film, before)).mean()
    assert np.abs(film.densities(restored) - film.densities(before)).mean() < (0.05 if known else 0.1) * lost
    assert np.abs(np.log(np.array(found.fade.share) / FADED.share)).max() < 0.12
    assert found.left.max() < 0.01
    if not known:
        assert found.levels == pytest.approx([0.3, 0.9, 1.8], abs=0.15)


def test_a_chart_tells_a_fade() -> None:
    film = Film(stocks()["kodak-5383"], GENERIC)
    before = amounts(12, seed=5) / 2
    colors = projection.shown(film.stock, before)
    seen = FADED.shown(film, before)
    found = fitted(film, [Place(d, color=c) for d, c in zip(seen, colors, strict=True)])
    assert np.abs(np.log(np.array(found.fade.share) / FADED.share)).max() < 0.05


def test_what_was_not_lost_is_not_found_lost() -> None:
    film = Film(stocks()["kodak-5383"], GENERIC)
    found = fitted(film, [Place(film.densities(neutral(film.stock)[18]))])
    assert np.abs(np.array(found.fade.share) - 1).max() < 0.01
    before = film.densities(amounts(100, seed=4))
    assert np.abs(film.densities(found.fade.undone(film, before)) - before).max() < 0.03


def test_the_less_is_shown_the_less_sure_a_fade_is_and_the_more_those_drawn_differ() -> None:
    film = Film(stocks()["kodak-5383"], GENERIC)
    one, three = (fitted(film, places(film, *levels)) for levels in ((0.9,), (0.0, 0.3, 0.9, 1.8)))
    assert (three.spread[:3] < one.spread[:3]).all()
    for fit in (one, three):
        drawn = np.log([fade.share for fade in fit.drawn(400, seed=0)])
        assert drawn.std(0) == pytest.approx(fit.spread[:3], rel=0.3)


def test_stretches_of_a_reel_have_severities_of_their_own() -> None:
    film = Film(stocks()["kodak-5383"], GENERIC)
    before = projection.grays(film.stock, np.array([0.0, 0.4, 1.2]))
    seen = [
        Place(density, level, stretch=stretch)
        for stretch, severity in ((10, 0.7), (90, 1.2))
        for density, level in zip(FADED.times(severity).shown(film, before), (0.0, 0.4, 1.2), strict=True)
    ]
    found = fitted(film, seen)
    assert found.severities[90] / found.severities[10] == pytest.approx(1.2 / 0.7, rel=0.03)
    assert found.left.max() < 0.01


def test_fading_n_times_as_far_is_fading_n_times() -> None:
    assert FADED.times(0).share == (1, 1, 1)
    assert FADED.times(2).share == pytest.approx(tuple(share**2 for share in FADED.share))


def test_a_color_is_made_of_amounts_that_project_it() -> None:
    stock = stocks()["fuji-provia-100f"]
    before = amounts(200, seed=6)
    assert np.abs(projection.making(stock, projection.shown(stock, before)) - before).max() < 1e-5
    assert projection.lab(projection.shown(stock, np.zeros(3))) == pytest.approx([100, 0, 0], abs=1e-6)
    assert projection.rec709(projection.white()) == pytest.approx([1, 1, 1], abs=1e-3)
    assert projection.of_lab(projection.lab(projection.shown(stock, before))) == pytest.approx(
        projection.shown(stock, before)
    )


def test_a_mask_is_seen_as_no_density_and_changes_what_dyes_show_over_it() -> None:
    stock = stocks()["kodak-5219"]
    over = Film.above_base(stock, GENERIC)
    assert np.allclose(over.densities(np.zeros(3)), 0)
    bare, masked = (Film(stock, GENERIC).densities(np.array([[1.0, 1, 1], [0, 0, 0]])) for _ in range(2))
    assert np.allclose(over.densities(np.ones(3)), bare[0] - masked[1])
