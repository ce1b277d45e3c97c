"""What the assessor learns: how noisy pictures were that the enhancer is to learn from, and how coded they are.

Codecs work on sRGB or the like, and pictures are looked at as brightness, which bends it: so do those it learns from.
"""

from functools import cache

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from restorers.colorspace import Space, converted
from restorers.detail.grain import Floats
from restorers.enhancing.drawing import brightness
from restorers.networks.assessor import FLOOR, Assessor, pooled
from restorers.networks.enhancer import luma_chroma
from restorers.training.degradation import Scanned
from restorers.training.enhancing import SCALES, SHOWN, Enhancing, stacked
from restorers.training.loop import Batch, Lesson

BENT = (0.4, 1.2)  # how far on the way to brightness a picture is
LEVELS = 4096
GRAINY = 0.6  # share of its films that were grainy before they were coded
TRIED = 640  # pictures of the photographs kept back that it is judged by


class Assessing(Lesson[Assessor]):
    """Pictures as time, lenses and codecs leave them."""

    def __init__(self, pictures: Enhancing, kept_back: Enhancing, *, width: int) -> None:
        """A lesson on another one's pictures.

        Args:
            pictures: those to learn from.
            kept_back: of other photographs, to judge by.
            width: of the assessor.
        """
        self.pictures, self.kept_back, self.width = pictures, kept_back, width

    def network(self) -> Assessor:
        """The assessor, which begins by chance."""
        return Assessor(self.width)

    def prepared(self) -> None:
        """Film the films."""
        self.pictures.prepared()

    def batch(self, step: int) -> Batch:
        """Luma and chroma `(N, 3, h, w)`, and noise and coding `(N, 2)`, brightness."""
        return _shown(self.pictures, step)

    def loss(self, network: Assessor, batch: Batch) -> Tensor:
        """How far the logarithms of noise and coding are off where there is some, and how unlikely it was held."""
        shown, ails = batch
        levels, odds = pooled(network(shown))
        there = (ails > FLOOR).float()
        off = (levels - ails.clamp(min=FLOOR).log()).abs()
        unlikely = functional.binary_cross_entropy_with_logits(odds, there)
        return (off * there).sum() / there.sum().clamp(min=1) + unlikely

    def scores(self, network: Assessor) -> dict[str, float]:
        """How far noise and coding are off on photographs kept back, beside the mean of all, and how often missed."""
        levels, odds, ails = [], [], []
        for step in range(TRIED // SHOWN):
            shown, wanted = _shown(self.kept_back, step)
            with torch.no_grad():
                level, odd = pooled(network(shown))
            levels.append(level)
            odds.append(odd)
            ails.append(wanted)
        found, likely, true = torch.cat(levels), torch.cat(odds) > 0, torch.cat(ails)
        scores: dict[str, float] = {}
        for index, name in enumerate(("noise", "coding")):
            there = true[:, index] > FLOOR
            truth = true[there, index].log()
            scores |= {
                f"{name}, median error, %": _percent(found[there, index] - truth),
                f"{name}, median error of the mean of all, %": _percent(truth.mean() - truth),
                f"{name}, found where there is some, %": round(100 * float(likely[there, index].float().mean()), 1),
                f"{name}, found where there is none, %": round(100 * float(likely[~there, index].float().mean()), 1),
            }
        return scores


def bent(seen: Scanned, share: float) -> Scanned:
    """A picture in sRGB so far on its way to brightness, with its noise and what coding changed."""
    level, light, slope = _curve()
    picture = seen.picture + share * (np.interp(seen.picture, level, light) - seen.picture)
    steeper = 1 + share * (np.interp(cv2.blur(seen.picture.mean(2), (3, 3)), level, slope) - 1)
    coding = seen.coding * float(np.sqrt(np.mean(np.square(steeper))))
    return Scanned(np.asarray(picture, np.float32), np.asarray(seen.noise * steeper, np.float32), coding)


@cache
def _curve() -> tuple[Floats, Floats, Floats]:
    """Values of sRGB, their brightness, and how steeply that grows with them."""
    level = np.linspace(-0.1, 1.1, LEVELS).astype(np.float32)
    light = (
        brightness(converted(torch.from_numpy(level).view(1, 1, 1, -1), Space.SRGB, Space.DENSITY)).flatten().numpy()
    )
    return level, light, np.asarray(np.gradient(light, level), np.float32)


def _shown(pictures: Enhancing, step: int) -> Batch:
    chance = np.random.default_rng((6, step))
    views = pictures.views(chance, SCALES[step % len(SCALES)], 1 + step % 2)
    seen = [bent(view.seen, float(chance.uniform(*BENT))) for view in views]
    ails = torch.tensor([[float(each.noise.mean()), each.coding] for each in seen])
    return luma_chroma(stacked(each.picture for each in seen)), ails


def _percent(errors: Tensor) -> float:
    return round(100 * float(errors.abs().exp().median() - 1), 1)
