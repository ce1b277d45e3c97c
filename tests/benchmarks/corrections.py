"""What people do with a faded scan: balances, levels and curves, channel by channel or by a matrix.

All work on densities; of each place they are given it is known what an unfaded scan of it would have shown. What they
give is a scan's colors; a 3 x 3 matrix of light, fitted to the unfaded film itself, shows them as projected. That is
more than anybody has: it knows the stock, and every picture.
"""

from collections.abc import Callable, Mapping

import numpy as np

from restorers.dyes.stocks import Floats
from tests.benchmarks.fades import GRAYS, Simulated

BALANCE, GAMMA, TWO, CURVES, MATRIX = (
    "white balance",
    "density gamma",
    "density levels, gray and clear",
    "density curves, 3 grays and clear",
    "3x4 density matrix, chart",
)
ENDS = (0.005, 0.995)


def corrected(film: Simulated) -> dict[str, Floats]:
    """XYZ `(F, H, W, 3)` that each method makes of the pictures of a reel, by its name."""
    seen, matrix = film.seen[1:], _rendering(film)
    return {name: 10 ** -method(seen, film) @ matrix for name, method in METHODS.items()}


def _rendering(film: Simulated) -> Floats:
    light = 10 ** -film.unfaded[1:].reshape(-1, 3)
    return np.asarray(np.linalg.lstsq(light, film.wanted.reshape(-1, 3), rcond=None)[0])


def _as_found(seen: Floats, _: Simulated) -> Floats:
    return seen


def _balance(seen: Floats, film: Simulated) -> Floats:
    return seen + film.place("gray", unfaded=True) - film.place("gray")


def _gamma(seen: Floats, film: Simulated) -> Floats:
    return seen * film.place("gray", unfaded=True) / film.place("gray")


def _levels(seen: Floats, film: Simulated) -> Floats:
    clear = film.place("clear")
    return np.asarray((seen - clear) * film.place("gray", unfaded=True) / (film.place("gray") - clear))


def _curves(seen: Floats, film: Simulated) -> Floats:
    names = ("clear", *(f"gray {i}" for i in range(len(GRAYS))))
    found, wanted = (np.stack([film.place(n, unfaded=u) for n in names]) for u in (False, True))
    return np.stack([_through(seen[..., k], found[:, k], wanted[:, k]) for k in range(3)], -1)


def _through(values: Floats, found: Floats, wanted: Floats) -> Floats:
    """Straight lines from point to point, the outermost of which go on."""
    piece = np.clip(np.searchsorted(found, values) - 1, 0, len(found) - 2)
    slope = np.diff(wanted) / np.diff(found)
    return np.asarray(wanted[piece] + (values - found[piece]) * slope[piece])


def _matrix(seen: Floats, film: Simulated) -> Floats:
    names = list(film.places)
    found, wanted = (np.stack([film.place(n, unfaded=u) for n in names]) for u in (False, True))
    known = np.hstack([found, np.ones((len(found), 1))])
    by = np.linalg.lstsq(known, wanted, rcond=None)[0]
    return np.asarray(seen @ by[:3] + by[3])


def _gray_world(seen: Floats, _: Simulated) -> Floats:
    light = 10**-seen
    means = light.reshape(-1, 3).mean(0)
    return -np.log10(light * means.mean() / means)


def _auto_codes(seen: Floats, _: Simulated) -> Floats:
    codes = (10**-seen) ** (1 / 2.4)
    low, high = np.quantile(codes.reshape(-1, 3), ENDS, axis=0)
    return -np.log10(np.clip((codes - low) / (high - low), 1e-3, 1) ** 2.4)


def _auto_densities(seen: Floats, _: Simulated) -> Floats:
    low, high = np.quantile(seen.reshape(-1, 3), ENDS, axis=0)
    return np.asarray((seen - low) / (high - low) * (high - low).max())


METHODS: Mapping[str, Callable[[Floats, Simulated], Floats]] = {
    "as found": _as_found,
    BALANCE: _balance,
    "gray world": _gray_world,
    "auto-levels, codes": _auto_codes,
    "auto-levels, density": _auto_densities,
    GAMMA: _gamma,
    TWO: _levels,
    CURVES: _curves,
    MATRIX: _matrix,
}
"""By what is known: nothing, a gray, a gray and clear film, three grays and clear film, all of these and a chart."""
