"""What the enhancer learns: to free pictures of what ails them, and to enlarge them.

Every second batch shows each thing twice, a little moved and with other noise: what is said of both must be the same
to the difference of their truths, or the picture would flicker.
"""

from collections.abc import Iterable, Sequence

import numpy as np
import torch
from torch import Tensor

from restorers.networks.enhancer import Condition, Enhancer, drawn, larger, luma_chroma, told
from restorers.training.degradation import EDGE, Mishap, reduced, scanned
from restorers.training.loop import Batch, Lesson
from restorers.training.photographs import Photograph
from restorers.training.pictures import SCALES, Pictures, View, light, stacked

SLACK = 2e-4
"""Squared brightness below which errors count less and less: 37 dB. Else flat and all but clean pictures, whose errors
are tiny, are all that is learned of (measured after 800 steps, x2 clean, x2 heavy, x1 grainy, in dB over bicubic: 0.62,
0.01, 0.09 with 2e-5; 0.68, 0.70, 1.86 with this)."""
CHROMA = 0.4  # weight of chroma
STEADY = 0.1  # weight of two views' difference
JITTER = 0.15  # by which a measured condition is off
RIM = 4  # pixels that are not judged, as they lack what is beside them


class Enhancing(Lesson[Enhancer]):
    """Pictures to be freed of what ails them, and enlarged."""

    scales: tuple[int, ...] = SCALES

    def __init__(self, pictures: Pictures, kept_back: Sequence[Photograph], *, width: int, depth: int) -> None:
        """A lesson on pictures.

        Args:
            pictures: those to learn from.
            kept_back: other photographs, to judge by.
            width: of the enhancer.
            depth: of the enhancer.
        """
        self.pictures, self.kept_back, self.width, self.depth = pictures, kept_back, width, depth

    def network(self) -> Enhancer:
        """The enhancer, which begins as a bicubic enlargement."""
        return Enhancer(width=self.width, depth=self.depth)

    def prepared(self) -> None:
        """Film the films."""
        _ = self.pictures.films

    def body(self, network: Enhancer) -> Iterable[torch.nn.Parameter]:
        """The convolutions of the residual blocks."""
        return (each for each in network.body.parameters() if each.ndim > 1)

    def batch(self, step: int) -> Batch:
        """Planes as told, luma and chroma shown and asked for, and how far apart each two views are."""
        chance = np.random.default_rng((3, step))
        views = self.pictures.views(chance, self.scales[step % len(self.scales)], 1 + step % 2)
        conditions = [_measured(chance, view) for view in views]
        shown = luma_chroma(stacked(view.seen.picture for view in views))
        planes = torch.cat([told(one[None], condition) for one, condition in zip(shown, conditions, strict=True)])
        truths = luma_chroma(stacked(view.truth for view in views))
        return planes, shown, truths, torch.tensor([view.shift for view in views])

    def loss(self, network: Enhancer, batch: Batch) -> Tensor:
        """By how much errors of luma and chroma are smaller than a bicubic enlargement's, in powers of e.

        Each picture counts for the share of its error that is taken off, as in PSNR: else the noisy ones, whose errors
        are large whatever is done, leave nothing to be learned of clean ones. Beside it, by how much the errors of two
        views of one thing differ, in shares of the enlargement's.
        """
        return unlikeness(self.made(network, batch), batch)

    def made(self, network: Enhancer, batch: Batch) -> Tensor:
        """What a network makes of a batch, `(N, 3, H, W)`, luma and chroma."""
        planes, shown, truths, _ = batch
        scale = truths.shape[-1] // shown.shape[-1]
        with torch.autocast(planes.device.type, torch.bfloat16):
            said = network(planes.contiguous(memory_format=torch.channels_last), scale)
        return self.drawn(shown, said.float(), scale)

    def drawn(self, shown: Tensor, said: Tensor, scale: int) -> Tensor:
        """The pictures `(N, 3, scale H, scale W)` that a network's words make of those shown, luma and chroma."""
        return drawn(shown, said, scale)

    def scores(self, network: Enhancer) -> dict[str, float]:
        """PSNR of luma in dB on the photographs kept back, with the bicubic enlargement's beside it."""
        found: dict[str, float] = {}
        for label, (scale, mishap) in TRIALS.items():
            errors: dict[str, list[float]] = {"enhanced": [], "bicubic": []}
            for number, picture in enumerate(self.kept_back):
                for method, error in _tried(network, picture, number, scale, mishap).items():
                    errors[method].append(error)
            found |= {
                f"{label}, {method}, dB": round(float(np.mean(-10 * np.log10(values))), 2)
                for method, values in errors.items()
            }
        return found


TRIALS: dict[str, tuple[int, Mishap]] = {
    "x2 clean": (2, Mishap(rounded=True)),
    "x4 clean": (4, Mishap(rounded=True)),
    "x2 light": (2, Mishap(blur=0.3, noise=0.01, shape="film", clump=0.6, common=0.5)),
    "x2 heavy": (2, Mishap(blur=0.6, noise=0.07, shape="film", clump=0.8, common=0.5, jpeg=(50,), rounded=True)),
    "x1 grainy": (1, Mishap(noise=0.06, shape="film", clump=0.6, common=0.5)),
    "x1 coded": (1, Mishap(jpeg=(40,), rounded=True)),
    "x1 blurred": (1, Mishap(blur=0.8)),
}
"""What is tried on the photographs kept back: a scale, and what happened to the picture."""


def _tried(network: Enhancer, picture: Photograph, number: int, scale: int, mishap: Mishap) -> dict[str, float]:
    chance = np.random.default_rng((5, number))
    side = min(picture.shape[:2]) // (2 * scale) * 2 * scale
    ground = light(picture[:side, :side])
    seen = scanned(chance, reduced(ground, scale, mishap.blur), mishap)
    truth = luma_chroma(stacked([ground[scale * EDGE : -scale * EDGE, scale * EDGE : -scale * EDGE]]))
    shown = luma_chroma(stacked([seen.picture]))
    condition = Condition(torch.from_numpy(seen.noise), mishap.blur, seen.coding)
    said = network(told(shown, condition), scale)
    rim = RIM * scale
    return {
        method: float((made - truth)[:, 0, rim:-rim, rim:-rim].square().mean())
        for method, made in (("enhanced", drawn(shown, said, scale)), ("bicubic", larger(shown, scale)))
    }


def _measured(chance: np.random.Generator, view: View) -> Condition:
    """What would be measured of a picture, which is never quite what happened to it."""
    noise, blur, coding = (float(n) for n in np.exp(chance.normal(0, JITTER, 3)))
    return Condition(torch.from_numpy(view.seen.noise) * noise, view.blur * blur, view.seen.coding * coding)


def unlikeness(made: Tensor, batch: Batch) -> Tensor:
    """How far drawn pictures `(N, 3, H, W)` are from those a batch asks for; see `Enhancing.loss`."""
    _, shown, truths, shifts = batch
    scale = truths.shape[-1] // shown.shape[-1]
    error, before = (inner(each - truths, scale) for each in (made, larger(shown, scale)))
    whole = lessened(error[:, 0], before[:, 0]) + CHROMA * lessened(error[:, 1:], before[:, 1:])
    if not bool(shifts.any()):
        return whole
    apart = [
        _apart(error[i, 0], error[i + 1, 0], shifts[i + 1].tolist()).square().mean()
        / (SLACK + before[i : i + 2, 0].square().mean())
        for i in range(0, len(error), 2)
    ]
    return whole + STEADY * torch.stack(apart).mean()


def inner(picture: Tensor, scale: int) -> Tensor:
    """Enlarged pictures without their rims, which are not judged."""
    return picture[..., RIM * scale : -RIM * scale, RIM * scale : -RIM * scale]


def lessened(error: Tensor, before: Tensor) -> Tensor:
    """Mean logarithm of pictures' errors `(N, ...)` in shares of what they were before."""
    now, then = (each.flatten(1).square().mean(1) + SLACK for each in (error, before))
    return 0.5 * torch.log(now / then).mean()


def _apart(one: Tensor, two: Tensor, shift: list[int]) -> Tensor:
    """Difference of two views' errors `(H, W)`, the second one's corner lying `shift` pixels from the first's."""
    y, x = shift
    height, width = one.shape
    first = one[max(y, 0) : height + min(y, 0), max(x, 0) : width + min(x, 0)]
    second = two[max(-y, 0) : height + min(-y, 0), max(-x, 0) : width + min(-x, 0)]
    return first - second
