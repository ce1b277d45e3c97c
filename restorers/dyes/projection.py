"""A film as it is looked at: projected on a white screen by the light that projectors have, D55.

Colors are XYZ relative to clear film, which has Y = 1; so the eye is taken to have adapted to what the projector shows
without any picture. The observer is that of CIE 1931.
"""

from functools import lru_cache

import numpy as np

from restorers.dyes.stocks import WAVELENGTHS, Floats, Stock

LEVELS = np.linspace(0, 3, 61)
"""Visual densities that `neutral` is given at."""
PART = 20_000  # colors
STEPS, LONGEST, NEAR = 30, 0.5, 1e-9


def shown(stock: Stock, amounts: Floats) -> Floats:
    """XYZ `(..., 3)` that amounts of cyan, magenta and yellow `(..., 3)` project."""
    flat = amounts.reshape(-1, 3)
    parts = np.array_split(flat, max(1, -(-len(flat) // PART)))
    return np.concatenate([10 ** -(part @ stock.dyes) @ weights().T for part in parts]).reshape(amounts.shape)


def making(stock: Stock, colors: Floats) -> Floats:
    """Amounts of dye `(..., 3)` that project XYZ `(..., 3)`, all above 0.

    Some are below nothing where the dyes cannot make a color so pure.
    """
    wanted = np.log(colors.reshape(-1, 3))
    amounts = np.zeros_like(wanted)
    for _ in range(STEPS):
        passed = 10 ** -(amounts @ stock.dyes)
        seen = passed @ weights().T
        dyed = (weights()[:, None, :] * stock.dyes).reshape(9, -1)
        slopes = -np.log(10) * (passed @ dyed.T).reshape(-1, 3, 3) / seen[..., None]
        step = np.linalg.solve(slopes, (wanted - np.log(seen))[..., None])[..., 0]
        amounts = amounts + np.clip(step, -LONGEST, LONGEST)
        if np.abs(step).max(initial=0) < NEAR:
            break
    return amounts.reshape(colors.shape)


@lru_cache(maxsize=64)
def neutral(stock: Stock) -> Floats:
    """Amounts of cyan, magenta and yellow `(61, 3)` that look as gray as clear film, at each density of `LEVELS`."""
    return making(stock, 10 ** -LEVELS[:, None] * white())


def grays(stock: Stock, levels: Floats) -> Floats:
    """The same `(N, 3)` at visual densities `(N,)`."""
    axis = neutral(stock)
    return np.stack([np.interp(levels, LEVELS, axis[:, dye]) for dye in range(3)], 1)


def rec709(colors: Floats) -> Floats:
    """Linear light with the primaries of ITU-R BT.709 `(..., 3)` of XYZ; clear film is its white, by Bradford."""
    import colour  # noqa: PLC0415  # takes a second to import, and reels without fading do without

    adapted = colour.chromatic_adaptation(
        colors, white(), colour.xy_to_XYZ(colour.RGB_COLOURSPACES["ITU-R BT.709"].whitepoint), method="Von Kries"
    )
    return np.asarray(adapted @ colour.RGB_COLOURSPACES["ITU-R BT.709"].matrix_XYZ_to_RGB.T)


def of_rec709(light: Floats) -> Floats:
    """XYZ `(..., 3)` of linear light with the primaries of ITU-R BT.709; its white is clear film."""
    return np.asarray(light @ np.linalg.inv(rec709(np.eye(3))))


def lab(colors: Floats) -> Floats:
    """CIE L*a*b* `(..., 3)` of XYZ, relative to clear film."""
    import colour  # noqa: PLC0415  # takes a second to import, and reels without fading do without

    return np.asarray(colour.XYZ_to_Lab(colors, illuminant=colour.XYZ_to_xy(white())))


def of_lab(values: Floats) -> Floats:
    """XYZ `(..., 3)` of CIE L*a*b* relative to clear film."""
    import colour  # noqa: PLC0415  # takes a second to import, and reels without fading do without

    return np.asarray(colour.Lab_to_XYZ(values, illuminant=colour.XYZ_to_xy(white())))


def white() -> Floats:
    """XYZ `(3,)` of clear film."""
    return np.asarray(weights().sum(1))


@lru_cache(maxsize=1)
def weights() -> Floats:
    """What each wavelength brings to X, Y and Z, `(3, 71)`."""
    import colour  # noqa: PLC0415  # takes a second to import, and reels without fading do without

    shape = colour.SpectralShape(WAVELENGTHS[0], WAVELENGTHS[-1], WAVELENGTHS[1] - WAVELENGTHS[0])
    light = colour.SDS_ILLUMINANTS["D55"].copy().align(shape).values
    seen = colour.MSDS_CMFS["CIE 1931 2 Degree Standard Observer"].copy().align(shape).values.T
    return np.asarray(light * seen / (light * seen[1]).sum())
