"""What the assessor learns: how noisy pictures were that the enhancer is to learn from, and how coded they are."""

import numpy as np
import torch
from torch import Tensor

from restorers.networks.assessor import FLOOR, Assessor, pooled
from restorers.networks.enhancer import luma_chroma
from restorers.training.enhancing import SCALES, SHOWN, Enhancing, stacked
from restorers.training.loop import Batch, Lesson

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
        """Luma and chroma `(N, 3, h, w)`, and logarithms `(N, 2)` of noise and coding."""
        return _shown(self.pictures, step)

    def loss(self, network: Assessor, batch: Batch) -> Tensor:
        """Negative logarithm of the likelihood, but for a constant."""
        shown, asked = batch
        mean, spread = pooled(network(shown))
        return (0.5 * ((mean - asked) / spread).square() + spread.log()).mean()

    def scores(self, network: Assessor) -> dict[str, float]:
        """How far noise and coding are off on photographs kept back, beside the mean of all."""
        found, asked, doubt = [], [], []
        for step in range(TRIED // SHOWN):
            shown, wanted = _shown(self.kept_back, step)
            with torch.no_grad():
                mean, spread = pooled(network(shown))
            found.append(mean)
            asked.append(wanted)
            doubt.append(spread)
        means, truths, spreads = torch.cat(found), torch.cat(asked), torch.cat(doubt)
        scores: dict[str, float] = {}
        for index, name in enumerate(("noise", "coding")):
            truth, mean = truths[:, index], means[:, index]
            there = truth > np.log(3 * FLOOR)
            scores |= {
                f"{name}, median error where there is some, %": _percent((mean - truth)[there]),
                f"{name}, median error of the mean of all, %": _percent((truth.mean() - truth)[there]),
                f"{name}, median found where there is none, brightness": _median(mean[truth < np.log(1.01 * FLOOR)]),
                f"{name}, share of errors within the doubt": round(
                    float(((mean - truth).abs() < spreads[:, index]).float().mean()), 3
                ),
            }
        return scores


def _shown(pictures: Enhancing, step: int) -> Batch:
    chance = np.random.default_rng((6, step))
    views = pictures.views(chance, SCALES[step % len(SCALES)], 1 + step % 2)
    shown = luma_chroma(stacked(view.seen.picture for view in views))
    ails = [[float(view.seen.noise.mean()), view.seen.coding] for view in views]
    return shown, torch.log(torch.tensor(ails) + FLOOR)


def _percent(errors: Tensor) -> float:
    return round(100 * float(errors.abs().exp().median() - 1), 1)


def _median(logarithms: Tensor) -> float:
    return round(max(float(logarithms.exp().median()) - FLOOR, 0.0), 5) if len(logarithms) else 0.0
