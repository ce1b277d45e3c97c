"""A fade guessed from the pictures of a reel alone.

Nobody can tell a faded reel from one of sunsets for sure. So the guess is a distribution over fades, and what is asked
of it is not whether the likeliest is right but whether undoing it is likely to bring the reel's colors closer to what
they were than leaving them alone would.
"""

from dataclasses import dataclass

import numpy as np
import torch

from restorers.dyes import projection
from restorers.dyes.fade import Fade
from restorers.dyes.film import Film
from restorers.dyes.stocks import Floats
from restorers.networks.unfader import Unfader

QUANTILES = (0.005, 0.02, 0.1, 0.25, 0.5, 0.75, 0.9, 0.98, 0.995)
DENSEST = 3.0  # density that is looked at
TAIL = 0.02  # share of a reel's colors taken for its blacks, and for its whites
SIGNS = 3 * len(QUANTILES) + 6 + 6 + 12
FEWEST = 8
"""Frames of scenes that differ that can tell anything of a fade: of one scene nobody knows what color it had."""
DRAWN, LOOKED_AT = 100, 200  # fades, and colors, by which it is judged what to do
KEPT = 16  # of the fades drawn, for whom asks how sure the colors are
WORST = 0.12  # share below which a dye is not taken to have gone


@dataclass(frozen=True)
class Guess:
    """What the pictures tell of a fade.

    Attributes:
        fade: the one that is the least wrong over all that may be.
        spread: standard deviation of the three shares, as logarithms, and of the stain.
        better: how likely undoing it brings the colors closer to what they were, 0 to 1.
        gain: dE2000 by which they are likely closer, in the mean; below nothing where they are farther.
        drawn: fades that may be, too.
    """

    fade: Fade
    spread: Floats
    better: float
    gain: float
    drawn: tuple[Fade, ...]


def signs(film: Film, frames: Floats) -> Floats:
    """What the unfader looks at `(SIGNS,)`, of densities `(F, N, 3)` of frames of a reel."""
    amounts = film.amounts(np.clip(frames, -0.2, DENSEST))
    pooled = amounts.reshape(-1, 3)
    dense = pooled.mean(1)
    low, high = np.quantile(dense, (TAIL, 1 - TAIL))
    within = np.quantile(amounts, (TAIL, 0.5, 1 - TAIL), axis=1)
    covariance = np.cov(pooled.T)[np.triu_indices(3)]
    return np.concatenate(
        [
            np.quantile(pooled, QUANTILES, axis=0).ravel(),
            np.sign(covariance) * np.sqrt(np.abs(covariance)),
            pooled[dense <= low].mean(0),
            pooled[dense >= high].mean(0),
            within.mean(1).ravel(),
            amounts.mean(1).std(0),
        ]
    )


def guessed(network: Unfader, film: Film, frames: Floats, *, seed: int = 0) -> Guess:
    """The best guess of the fade of a reel, and what undoing it would do, by densities `(F, N, 3)` of its frames."""
    with torch.no_grad():
        mean, factor = network(torch.from_numpy(signs(film, frames)[None]).float())
    center = mean[0].double().numpy()
    covariance = np.linalg.inv(factor[0].double().numpy() @ factor[0].double().numpy().T)
    chance = np.random.default_rng(seed)
    pooled = frames.reshape(-1, 3)
    seen = pooled[chance.integers(len(pooled), size=LOOKED_AT)]
    fades = [faded(numbers) for numbers in (center, *chance.multivariate_normal(center, covariance, DRAWN))]
    labs = np.stack([_lab(film, each.undone(film, seen)) for each in fades])
    apart = np.stack([np.sqrt(((labs - lab) ** 2).sum(-1)).mean(1) for lab in labs])
    best = int(np.argmin(apart.mean(1)))
    found = _lab(film, film.amounts(seen))
    gains = np.array([np.mean(_differences(found, lab)) - np.mean(_differences(labs[best], lab)) for lab in labs])
    spread = np.sqrt(np.diag(covariance))
    return Guess(fades[best], spread, float(np.mean(gains > 0)), float(gains.mean()), tuple(fades[1 : KEPT + 1]))


def faded(numbers: Floats) -> Fade:
    """The fade of logarithms of its shares and its stain `(4,)`."""
    cyan, magenta, yellow = np.clip(np.exp(numbers[:3]), WORST, 1.0).tolist()
    return Fade((cyan, magenta, yellow), stain=float(np.clip(numbers[3], 0, 0.5)))


def _lab(film: Film, amounts: Floats) -> Floats:
    return projection.lab(projection.shown(film.stock, np.clip(amounts, -0.1, 4)))


def _differences(one: Floats, other: Floats) -> Floats:
    import colour  # noqa: PLC0415  # takes a second to import, and reels without fading do without

    return np.asarray(colour.delta_E(one, other, method="CIE 2000"))
