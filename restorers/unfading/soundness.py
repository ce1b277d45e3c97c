"""Whether what is known of a film's places is what sound film would show: then nothing has faded that could be told.

What is neutral as projected scans a tenth of a density denser or thinner in one channel from stock to stock. Unless the
stock is named, a little fading cannot be told from another stock; and what cannot be told is left alone.
"""

from collections.abc import Sequence

import numpy as np

from restorers.dyes import projection
from restorers.dyes.film import Film
from restorers.dyes.fit import Place
from restorers.dyes.scanner import Scanner
from restorers.dyes.stocks import Stock, generic, members

NAMED, UNNAMED = 0.02, 0.06
"""Density, root of the mean over places and bands, by which sound film of a stock that is named may be seen other than
it should be; and of one that is not, of the nearest stock that is known. Where it is not known how dense a gray was,
much that has faded looks like a thinner gray of another stock: then there is as little leeway as for a named one."""
LEVELS = np.linspace(0.02, 3, 150)


def sound(stock: Stock, scanner: Scanner, places: Sequence[Place]) -> str | None:
    """Title of the stock that would show the same if it were sound; None if none would.

    Args:
        stock: of the film; any that is known is tried if it is a generic one.
        scanner: it is in.
        places: what is seen of it.
    """
    unnamed = stock in (generic(), generic(negative=True))
    stocks = (stock, *members(negative=stock.kind == "negative")) if unnamed else (stock,)
    away = [_away(each, scanner, places) for each in stocks]
    nearest = int(np.argmin(away))
    dense = all(place.level is not None or place.color is not None for place in places)
    return stocks[nearest].title if away[nearest] <= (UNNAMED if unnamed and dense else NAMED) else None


def _away(stock: Stock, scanner: Scanner, places: Sequence[Place]) -> float:
    squares = []
    for place in places:
        film = Film.above_base(stock, place.scanner or scanner)
        if place.color is not None:
            before = np.maximum(projection.making(stock, place.color[None]), 0)
        else:
            before = projection.grays(stock, LEVELS if place.level is None else np.array([place.level]))
        squares.append(float(((film.densities(before) - place.densities) ** 2).mean(1).min()))
    return float(np.sqrt(np.mean(squares)))
