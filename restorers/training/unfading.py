"""What the unfader learns from: reels by simulation, and the fades that would undo them.

The fade it is asked for is not the true one but the one that generic dyes find for that reel by three grays and clear
film: it will be undone with generic dyes.
"""

import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import repeat

import numpy as np
import torch
from torch import Tensor

from restorers.dyes import projection
from restorers.dyes.film import Film
from restorers.dyes.fit import Place, fitted
from restorers.dyes.scanner import Scanner
from restorers.dyes.stocks import Floats, Stock, generic, members
from restorers.networks.unfader import Unfader
from restorers.training.fading import ALL, colors_of, drawn, printed, scanned
from restorers.training.loop import Batch, Lesson, Told, untold
from restorers.training.photographs import Photograph, parted
from restorers.training.scenery import Chance
from restorers.unfading.blind import FEWEST, SIGNS, signs

REELS = 16_000
SOUND = 0.25  # share of the reels that have not faded
AT_ONCE = 100  # reels, of whose end is told
PIXELS = 120  # of each photograph, printed on each stock
SHOWN = 256  # reels a batch
GRAYS = np.array([0.3, 0.9, 1.8])
LAMPS = ((615, 690), (520, 555), (435, 470))  # nm, of a scanner's red, green and blue
WIDE = (12, 60)  # nm
LEAST = 96  # pixels of a photograph's side


@dataclass(frozen=True, eq=False)
class Prints:
    """Photographs on stocks: amounts of dye, `(stocks, photographs, PIXELS, 3)`."""

    stocks: tuple[Stock, ...]
    amounts: Floats


class Unfading(Lesson[Unfader]):
    """Reels, and how far they have faded."""

    def __init__(
        self,
        photographs: Sequence[Photograph],
        *,
        kept_back: int,
        signs: int,
        width: int,
        reels: int = REELS,
        seed: int = 0,
        tell: Told = untold,
    ) -> None:
        """A lesson from photographs; takes some CPU minutes for the reels.

        Args:
            photographs: 8-bit sRGB, `(h, w, 3)`.
            kept_back: how many of the photographs, spread evenly, are only for validation.
            signs: that are made out on a reel.
            width: of the unfader.
            reels: how many are simulated.
            seed: of all that is random in them.
            tell: is told how many of them are simulated.

        Raises:
            ValueError: too few photographs, or too small ones; or not as many signs as there are.
        """
        if signs != SIGNS:
            raise ValueError(f"{SIGNS} signs are made out on a reel, not {signs}")
        shown, kept = parted(photographs, kept_back, least=LEAST, learner="an unfader")
        self.width = width
        self.signs, self.fades = simulated(shown, reels, seed, tell)
        self.judged = simulated(kept, max(reels // 40, 8), seed + 1)

    def network(self) -> Unfader:
        """The unfader, which knows what signs are usual."""
        network = Unfader(SIGNS, self.width)
        network.center.copy_(self.signs.mean(0))
        network.spread.copy_(self.signs.std(0) + 1e-3)
        return network

    def batch(self, step: int) -> Batch:
        """Signs `(N, SIGNS)` and fades `(N, 4)`."""
        chosen = torch.from_numpy(np.random.default_rng((1, step)).integers(len(self.signs), size=SHOWN))
        return self.signs[chosen], self.fades[chosen]

    def loss(self, network: Unfader, batch: Batch) -> Tensor:
        """Negative logarithm of the likelihood."""
        signs_, fades = batch
        mean, factor = network(signs_)
        return unlikelihood(mean, factor, fades).mean()

    def scores(self, network: Unfader) -> dict[str, float]:
        """Error of the shares on photographs kept back, beside that of the mean fade."""
        seen, fades = self.judged
        mean, factor = network(seen)
        errors, base = (mean - fades).abs().mean(0), (fades - self.fades.mean(0)).abs().mean(0)
        names = ("cyan", "magenta", "yellow", "stain")
        found = {f"{n}, mean error": round(float(e), 4) for n, e in zip(names, errors, strict=True)}
        found |= {f"{n}, mean error of the mean": round(float(e), 4) for n, e in zip(names, base, strict=True)}
        return found | {"unlikelihood": round(float(unlikelihood(mean, factor, fades).mean()), 3)}


def unlikelihood(mean: Tensor, factor: Tensor, fades: Tensor) -> Tensor:
    """Negative logarithm of the likelihood `(N,)` of fades, but for a constant."""
    away = torch.einsum("nji,nj->ni", factor, fades - mean)
    return 0.5 * away.square().sum(-1) - factor.diagonal(dim1=-2, dim2=-1).log().sum(-1)


def simulated(photographs: Sequence[Photograph], count: int, seed: int, tell: Told = untold) -> tuple[Tensor, Tensor]:
    """Signs `(count, SIGNS)` of so many reels, and their fades `(count, 4)`."""
    prints = _prints(photographs, seed)
    workers = os.cpu_count() or 1
    spans = np.array_split(np.arange(count), max(workers, count // AT_ONCE))
    parts, done = [], 0
    with ProcessPoolExecutor(workers) as pool:
        for part in pool.map(_reels, repeat(prints), spans, repeat(seed)):
            parts.append(part)
            done += len(part[0])
            tell(done, count)
    both = [np.concatenate(each) for each in zip(*parts, strict=True)]
    return torch.from_numpy(both[0]).float(), torch.from_numpy(both[1]).float()


def _prints(photographs: Sequence[Photograph], seed: int) -> Prints:
    colors = colors_of(photographs, np.random.default_rng(seed), PIXELS)
    amounts = [printed(each, colors, np.random.default_rng(seed)) for each in members()]
    return Prints(members(), np.stack(amounts).reshape(len(members()), len(photographs), PIXELS, 3))


def _reels(prints: Prints, numbers: Floats, seed: int) -> tuple[Floats, Floats]:
    made = [_reel(prints, np.random.default_rng((seed, int(number)))) for number in numbers]
    return np.stack([each[0] for each in made]), np.stack([each[1] for each in made])


def _reel(prints: Prints, chance: Chance) -> tuple[Floats, Floats]:
    index = int(chance.integers(len(prints.stocks)))
    scanner = Scanner.narrow("drawn", *((chance.uniform(*peak), chance.uniform(*WIDE)) for peak in LAMPS))
    reel = drawn(prints.stocks[index], scanner, chance, ALL, sound=chance.random() < SOUND)
    frames = prints.amounts[index][chance.integers(prints.amounts.shape[1], size=chance.integers(FEWEST, 3 * FEWEST))]
    frames = np.maximum(frames * chance.uniform(0.75, 1.3) + _lights(frames, chance), 0)
    flat = frames.reshape(-1, 3)
    uneven = 1 + ALL.uneven * chance.uniform(-1, 1, len(flat))
    seen = scanned(reel.shown(flat, uneven), chance).reshape(frames.shape)
    gray = projection.grays(reel.film.stock, GRAYS)
    places = [
        Place(seen_, level)
        for seen_, level in zip(reel.shown(np.vstack([gray, np.zeros(3)])), (*GRAYS, 0.0), strict=True)
    ]
    film = Film(generic(), scanner)
    fade = fitted(film, places).fade
    return signs(film, seen), np.array([*np.log(fade.share), fade.stain])


def _lights(frames: Floats, chance: Chance) -> Floats:
    """By how much each frame's amounts are other for how it was exposed and lit, `(F, 1, 3)`."""
    shape = (len(frames), 1)
    cast = chance.normal(0, 0.04) * np.array([-1.0, 0.2, 1.0]) + chance.normal(0, 0.03, 3)
    return np.asarray(chance.normal(0, 0.15, (*shape, 1)) + cast + chance.normal(0, 0.04, (*shape, 3)))
