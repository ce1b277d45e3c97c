"""What the assessor learns: how noisy the pictures were that the enhancer learns from, too, and how coded they are."""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from restorers.networks.assessor import FLOOR, Assessor, pooled
from restorers.networks.enhancer import luma_chroma
from restorers.training.loop import Batch, Lesson
from restorers.training.pictures import SCALES, SHOWN, Pictures, stacked

TRIED = 640  # pictures of the photographs kept back that it is judged by


class Assessing(Lesson[Assessor]):
    """Pictures as time, lenses and codecs leave them."""

    def __init__(self, pictures: Pictures, kept_back: Pictures, *, width: int) -> None:
        """A lesson on pictures.

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
        _ = self.pictures.films

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


def _shown(pictures: Pictures, step: int) -> Batch:
    chance = np.random.default_rng((6, step))
    views = pictures.views(chance, SCALES[step % len(SCALES)], 1 + step % 2)
    shown = luma_chroma(stacked(view.seen.picture for view in views))
    return shown, torch.tensor([[float(view.seen.noise.mean()), view.seen.coding] for view in views])


def _percent(errors: Tensor) -> float:
    return round(100 * float(errors.abs().exp().median() - 1), 1)
