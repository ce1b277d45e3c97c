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

GENERIC = ("print", "reversal")
"""Kinds whose dyes the generic ones are the mean of."""


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


def generic(*, without: frozenset[str] = frozenset()) -> Stock:
    """Dyes of no stock in particular: the mean of the prints' and reversal films' that are reliable.

    Args:
        without: stocks that are left out, to try the others on them.
    """
    return _generic(without)


@cache
def _generic(without: frozenset[str]) -> Stock:
    members = [s for s in stocks().values() if s.kind in GENERIC and s.reliable and s.name not in without]
    return Stock(
        name="generic",
        title="Generic chromogenic film",
        kind="print",
        year=0,
        reliable=True,
        source=f"mean of {', '.join(each.name for each in members)}",
        dyes=np.mean([each.dyes for each in members], 0),
        base=np.zeros(len(WAVELENGTHS)),
    )
