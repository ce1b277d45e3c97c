"""Faded reels for tests: photographs that scikit-image ships, printed on a stock, with places that are known."""

from dataclasses import dataclass
from functools import cache
from typing import Any

import colour
import cv2
import numpy as np
import torch
from skimage import data
from torch import Tensor

from restorers.decay import DecayCorrection
from restorers.dyes import projection
from restorers.dyes.fade import Fade
from restorers.dyes.film import Film
from restorers.dyes.scanner import GENERIC
from restorers.dyes.stocks import Floats, stock
from restorers.training.fading import printed
from restorers.unfading.references import Reference

SIZE = (48, 64)
PATCH = 8  # pixels
FADED = Fade((0.35, 0.88, 0.62), bend=0.03, stain=0.12, stain_nm=70, product=0.02)
LEVELS = {"clear": 0.0, "light": 0.3, "gray": 0.9, "black": 1.8}
"""Visual densities of the places on the first frame."""


@dataclass(frozen=True, eq=False)
class Reel:
    """A reel of some photographs, the first of which has the places in its upper left corner.

    Attributes:
        film: unfaded.
        amounts: of dye, `(F, H, W, 3)`.
        seen: density now, `(F, 3, H, W)`.
    """

    film: Film
    amounts: Floats
    seen: Tensor

    @property
    def unfaded(self) -> Tensor:
        """Density that a scan would have shown before it faded, `(F, 3, H, W)`."""
        return tensor(self.film.densities(self.amounts))

    @property
    def wanted(self) -> Floats:
        """CIE L*a*b* that it projected, `(F, H, W, 3)`."""
        return projection.lab(projection.shown(self.film.stock, self.amounts))

    def error(self, frames: Tensor) -> float:
        """Mean CIEDE2000 of frames in density against what it projected."""
        light = 10 ** -frames.permute(0, 2, 3, 1).double().numpy()
        seen = projection.of_rec709(light)
        made = projection.lab(np.maximum(seen, 1e-6))
        return float(np.mean(colour.delta_E(made, self.wanted[: len(made)], method="CIE 2000")))


def reel(
    name: str = "kodak-5384",
    fade: Fade = FADED,
    severity: Floats | None = None,
    *,
    seed: int = 0,
    others: bool = False,
) -> Reel:
    """A reel of a stock, faded.

    Args:
        name: of the stock.
        fade: how far.
        severity: how far against that, `(F, H, W)`, if not alike all over.
        seed: of the scan's noise.
        others: whether six photographs more follow.
    """
    film = Film(stock(name), GENERIC)
    chance = np.random.default_rng(seed)
    pictures = np.concatenate([photographs(), more_photographs()]) if others else photographs()
    amounts = printed(film.stock, pictures.reshape(-1, 3), chance).reshape(pictures.shape)
    for index, level in enumerate(LEVELS.values()):
        amounts[0, :PATCH, index * PATCH : (index + 1) * PATCH] = projection.grays(film.stock, np.array([level]))
    if severity is None:
        shown = fade.shown(film, amounts)
    else:
        shown = np.empty_like(amounts)
        for each in np.unique(severity):
            shown[severity == each] = fade.times(float(each)).shown(film, amounts[severity == each])
    noisy = np.round((shown + 0.004 * chance.standard_normal(shown.shape)) / 0.002) * 0.002
    return Reel(film, amounts, tensor(noisy))


def place(name: str, frame: int = 0, **more: Any) -> Reference:
    """One of the places, as a person points at it: grays with their density, unless `more` says otherwise."""
    x = list(LEVELS).index(name) * PATCH + 1
    was = {"was": "clear"} if name == "clear" else {"was": "gray", "density": LEVELS[name]}
    return Reference.model_validate({"frame": frame, "x": x, "y": 1, "width": 6, "height": 6} | was | more)


def told(*names: str, **settings: Any) -> DecayCorrection:
    """The treatment with some of the places pointed at, and a coarse lattice."""
    return DecayCorrection(references=tuple(place(name) for name in names), nodes=33, **settings)


def tensor(values: Floats) -> Tensor:
    """Frames `(F, 3, H, W)` of values `(F, H, W, 3)`."""
    return torch.from_numpy(values).permute(0, 3, 1, 2).float().contiguous()


@cache
def photographs() -> Floats:
    """Four photographs, sRGB in [0, 1], `(4, H, W, 3)`."""
    pictures = (data.astronaut(), data.coffee(), data.chelsea(), data.rocket())
    return np.stack([cv2.resize(p, SIZE[::-1], interpolation=cv2.INTER_AREA) for p in pictures]) / 255.0


@cache
def more_photographs() -> Floats:
    """Six others, pieces of the same among them, in other light."""
    motorcycle = data.stereo_motorcycle()[0]
    whole = (
        data.coffee()[100:300, 200:500],
        motorcycle,
        data.astronaut()[200:, 200:],
        motorcycle[300:, :400],
        data.astronaut()[:200, 100:400],
        data.coffee()[:200, 300:],
    )
    small = np.stack([cv2.resize(p, SIZE[::-1], interpolation=cv2.INTER_AREA) for p in whole]) / 255.0
    return np.asarray(small ** np.array([0.8, 1.0, 0.7, 1.2, 1.0, 1.3])[:, None, None, None])
