"""Dyes of film stocks that were sold, by what their makers' data sheets draw.

`stocks.json` restates them at every 10 nm, each dye against its own peak: curves as digitized from data sheets by
J. Lohse, *spectral_film_lut* (MIT), whose file is the `source` of each. Beyond what a sheet draws a curve goes on as it
ends. A negative's `base` is its mask, as the sheet draws it unexposed.
"""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

Floats = NDArray[np.float64]
Kind = Literal["print", "reversal", "negative", "paper"]

WAVELENGTHS: Floats = np.arange(380.0, 731.0, 5.0)
"""Nanometers that spectra are given at, here and in all of `dyes`."""

POSITIVE = ("print", "reversal")
"""Kinds that are looked at as they are."""
KEPT_BACK = frozenset({"kodak-5383", "kodak-5384", "kodachrome-64", "fuji-velvia-50"})
"""Stocks that generic dyes are not made of and nothing is learned from, so that they can judge both."""


@dataclass(frozen=True, eq=False)
class Stock:
    """What is known of a stock.

    Attributes:
        name: as manifests call it.
        title: as its maker called it.
        kind: what it was for.
        year: when it, or its data sheet, appeared; 0 where nobody says.
        reliable: whether those who digitized its sheet trust it.
        source: of the numbers.
        dyes: density at each wavelength of cyan, magenta and yellow, each 1 at its peak, `(3, 71)`.
        base: density at each wavelength of film without any dye, over clear; a negative's mask, `(71,)`.
    """

    name: str
    title: str
    kind: Kind
    year: int
    reliable: bool
    source: str
    dyes: Floats
    base: Floats


@cache
def stocks() -> dict[str, Stock]:
    """All stocks that are known, by name."""
    said = json.loads((Path(__file__).parent / "stocks.json").read_bytes())
    grid = said["first_nm"] + said["step_nm"] * np.arange(len(said["stocks"][0]["cyan"]))

    def curve(values: list[float]) -> Floats:
        return np.asarray(PchipInterpolator(grid, values)(WAVELENGTHS)) if values else np.zeros(len(WAVELENGTHS))

    return {
        each["name"]: Stock(
            name=each["name"],
            title=each["title"],
            kind=each["kind"],
            year=each["year"] or 0,
            reliable=not each["unreliable"],
            source=each["source"],
            dyes=np.stack([curve(each[dye]) for dye in ("cyan", "magenta", "yellow")]),
            base=curve(each["base"]),
        )
        for each in said["stocks"]
    }


@cache
def generic(*, negative: bool = False) -> Stock:
    """Dyes of no stock in particular: the mean of those that are reliable and not kept back.

    Args:
        negative: whether of camera negatives, with the mean of their masks, or of prints and reversal films.
    """
    made_of = members(negative=negative)
    masks = [each.base for each in made_of if each.base.any()]
    return Stock(
        name="generic-negative" if negative else "generic",
        title=f"Generic chromogenic {'negative' if negative else 'film'}",
        kind="negative" if negative else "print",
        year=0,
        reliable=True,
        source=f"mean of {', '.join(each.name for each in made_of)}",
        dyes=np.mean([each.dyes for each in made_of], 0),
        base=np.mean(masks, 0) if masks else np.zeros(len(WAVELENGTHS)),
    )


@cache
def members(*, negative: bool = False) -> tuple[Stock, ...]:
    """The stocks that generic dyes are the mean of."""
    kinds = ("negative",) if negative else POSITIVE
    return tuple(s for s in stocks().values() if s.kind in kinds and s.reliable and s.name not in KEPT_BACK)


def stock(name: str) -> Stock:
    """A stock by its name, or the generic dyes of `generic` and `generic-negative`.

    Raises:
        KeyError: there is none; says which there are.
    """
    known = {"generic": generic(), "generic-negative": generic(negative=True)} | stocks()
    if name not in known:
        raise KeyError(f"no film stock {name!r} is known; there are: {', '.join(sorted(known))}")
    return known[name]
