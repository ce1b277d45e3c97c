"""What networks of ours gain by how they are made: pairs of them, trained alike and judged on photographs kept back.

- `channels`: ours draws luma at the enlarged size, and chroma at the picture's own, which the bicubic filter enlarges.
  The other draws both at the enlarged size, and is as much narrower as that costs. So many steps each.
- `blocks`: ours is of plain 3 x 3 convolutions. The other is of blocks as in NAFNet, without what looks at the whole
  picture, as many weights, and learns for as long on a processor.
- `joint`: ours takes off what ails a picture and enlarges it at once. The other is two networks, half as large each and
  trained for as many steps: one takes off what ails a picture, one enlarges clean ones.

Chen et al., *Simple Baselines for Image Restoration*, ECCV 2022, doi:10.1007/978-3-031-20071-7_2 (NAFNet).

python -m tests.benchmarks.trainings --data FOLDER [--only SECTION ...] [--steps N]
"""

import argparse
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from restorers.networks.card import Recipe
from restorers.networks.enhancer import (
    FOLD,
    SCALES,
    Condition,
    Enhancer,
    drawn,
    larger,
    luma_chroma,
    red_green_blue,
    told,
)
from restorers.training.degradation import EDGE, Mishap, reduced, scanned
from restorers.training.enhancing import TRIALS, Enhancing, inner
from restorers.training.loop import trained
from restorers.training.photographs import Photograph, parted
from restorers.training.pictures import LEAST, Pictures
from tasks.material import Material

WIDTH, DEPTH = 32, 3
LARGE, NAF = (64, 5), (64, 15)  # width and depth
TRIED = ("x2 clean", "x4 clean", "x2 heavy", "x1 grainy")
TRIED_ON: Mapping[str, tuple[int, Mishap]] = {
    **TRIALS,
    "x2 mid": (2, Mishap(blur=0.4, noise=0.02, shape="film", clump=0.7, common=0.5, jpeg=(80,), rounded=True)),
}
Draw = Callable[[Tensor, Condition, int], Tensor]
"""Pictures as shown, what ails them, and a scale, to the pictures drawn."""


class Colors(Enhancer):
    """The enhancer with ends that say luma and chroma alike."""

    def __init__(self, *, width: int, depth: int) -> None:
        super().__init__(width=width, depth=depth)
        for scale in SCALES:
            end = nn.Conv2d(width, 3 * (FOLD * scale) ** 2, 3, padding=1)
            for parameter in end.parameters():
                nn.init.zeros_(parameter)
            self.luma[str(scale)] = end

    def forward(self, planes: Tensor, scale: int) -> Tensor:
        """What is to be added `(N, 12 scale^2, h, w)`, folded."""
        features = self.begin(planes)
        said: Tensor = self.luma[str(scale)](features + self.body(features))
        return said


class OfColors(Enhancing):
    """Enhancing by such a network."""

    def network(self) -> Enhancer:
        """The network, which begins as a bicubic enlargement."""
        return Colors(width=self.width, depth=self.depth)

    def drawn(self, shown: Tensor, said: Tensor, scale: int) -> Tensor:
        """The pictures `(N, 3, scale H, scale W)` that the network's words make of those shown, luma and chroma."""
        return colored(shown, said, scale)


class Norm(nn.Module):
    """Features of each pixel brought to one scale, over the channels."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)

    def forward(self, features: Tensor) -> Tensor:
        """Features `(N, width, h, w)`."""
        normed: Tensor = self.norm(features.permute(0, 2, 3, 1))
        return normed.permute(0, 3, 1, 2)


class NafBlock(nn.Module):
    """A block of NAFNet, but for its attention, whose mean over the picture could not be cut into tiles."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.mixed = nn.Sequential(
            Norm(width), nn.Conv2d(width, 2 * width, 1), nn.Conv2d(2 * width, 2 * width, 3, padding=1, groups=2 * width)
        )
        self.out = nn.Conv2d(width, width, 1)
        self.forth = nn.Sequential(Norm(width), nn.Conv2d(width, 2 * width, 1))
        self.back = nn.Conv2d(width, width, 1)
        self.shares = nn.Parameter(torch.full((2, 1, width, 1, 1), 0.1))

    def forward(self, features: Tensor) -> Tensor:
        """Features `(N, width, h, w)`."""
        one, two = self.mixed(features).chunk(2, 1)
        features = features + self.shares[0] * self.out(one * two)
        one, two = self.forth(features).chunk(2, 1)
        done: Tensor = features + self.shares[1] * self.back(one * two)
        return done


class Naf(Enhancer):
    """The enhancer with a body of NAFNet's blocks."""

    def __init__(self, *, width: int, depth: int) -> None:
        super().__init__(width=width, depth=1)
        self.body = nn.Sequential(*(NafBlock(width) for _ in range(depth)))
        self.reach = FOLD * (2 + depth)


class OfNaf(Enhancing):
    """Enhancing by such a network."""

    def network(self) -> Enhancer:
        """The network, which begins as a bicubic enlargement."""
        return Naf(width=self.width, depth=self.depth)

    def body(self, network: Enhancer) -> Iterable[nn.Parameter]:
        """The tables of the blocks; a filter of each channel is none."""
        return (each for each in network.body.parameters() if each.ndim == 4 and each.shape[1] > 1)


class AtTwice(Enhancing):
    """Enhancing at x2 alone."""

    scales = (2, 2)


class AtOnce(Enhancing):
    """Enhancing at the picture's own size alone."""

    scales = (1, 1)


def rounding(chance: np.random.Generator) -> Mishap:
    """Nothing but rounding to 8 bits, in half of the pictures."""
    return Mishap(rounded=bool(chance.random() < 0.5))


def colored(picture: Tensor, said: Tensor, scale: int) -> Tensor:
    """The pictures `(N, 3, scale H, scale W)` that a network of colors makes of some."""
    return larger(picture, scale) + functional.pixel_shuffle(said, FOLD * scale)


def cost(network: Enhancer, scale: int) -> float:
    """Multiplications for each pixel of the picture, thousands."""
    convolutions: list[nn.Module] = [network.begin, *(m for m in network.body.modules() if isinstance(m, nn.Conv2d))]
    convolutions += [network.luma[str(scale)]] + ([] if isinstance(network, Colors) else [network.chroma])
    return sum(each.weight.numel() for each in convolutions if isinstance(each, nn.Conv2d)) / FOLD**2 / 1000


@torch.no_grad()
def scores(lesson: Enhancing, tried: Iterable[str], draw: Draw) -> dict[str, float]:
    """PSNR of all colors and of luma over the bicubic enlargement's, dB, mean of the photographs kept back."""
    gains: dict[str, list[float]] = {}
    for label in tried:
        scale, mishap = TRIED_ON[label]
        for number, picture in enumerate(lesson.kept_back):
            truth, shown, condition = _trial(picture, number, scale, mishap)
            made = draw(shown, condition, scale)
            errors = [inner(each - truth, scale) for each in (made, larger(shown, scale))]
            for what, of in (("colors", red_green_blue), ("luma", lambda each: each[:, :1])):
                ours, plain = (float(of(error).square().mean()) for error in errors)
                gains.setdefault(f"{label}, {what}", []).append(10 * np.log10(plain / ours))
    return {label: float(np.mean(values)) for label, values in gains.items()}


def _trial(picture: np.ndarray, number: int, scale: int, mishap: Mishap) -> tuple[Tensor, Tensor, Condition]:
    side = min(picture.shape[:2]) // (2 * scale) * 2 * scale
    ground = np.asarray(picture[:side, :side].astype(np.float32) / 255, np.float32)
    seen = scanned(np.random.default_rng((5, number)), reduced(ground, scale, mishap.blur), mishap)
    inner = ground[scale * EDGE : -scale * EDGE, scale * EDGE : -scale * EDGE]
    truth, shown = (
        luma_chroma(torch.from_numpy(each.transpose(2, 0, 1).copy())[None]) for each in (inner, seen.picture)
    )
    return truth, shown, Condition(torch.from_numpy(seen.noise), mishap.blur, seen.coding)


def by(network: Enhancer, draw: Callable[[Tensor, Tensor, int], Tensor] = drawn) -> Draw:
    """What a network makes of pictures."""
    return lambda shown, ails, scale: draw(shown, network(told(shown, ails), scale), scale)


def in_turn(calmer: Enhancer, enlarger: Enhancer) -> Draw:
    """What one network makes of pictures that another has freed of what ails them."""

    def draw(shown: Tensor, ails: Condition, scale: int) -> Tensor:
        calm = drawn(shown, calmer(told(shown, ails), 1), 1)
        return drawn(calm, enlarger(told(calm, Condition()), scale), scale)

    return draw


def learned(lesson: Enhancing, steps: int) -> Enhancer:
    """The network of a lesson after so many steps."""
    recipe = Recipe(steps=steps, rate=1e-3, orthogonal=True)
    return trained(lesson, recipe, device=torch.device("cpu"), keep=lambda *_: None, tell=lambda *_: None)


def channels(shown: Sequence[Photograph], kept_back: Sequence[Photograph], steps: int) -> None:
    """Luma first against all colors alike."""
    limit = cost(Enhancer(width=WIDTH, depth=DEPTH), 2)
    narrow = next(w for w in range(WIDTH, 0, -1) if cost(Colors(width=w, depth=DEPTH), 2) <= limit)
    for name, kind, width, draw in (
        ("luma first", Enhancing, WIDTH, drawn),
        ("colors alike", OfColors, narrow, colored),
    ):
        lesson = kind(Pictures(shown), kept_back, width=width, depth=DEPTH)
        network = learned(lesson, steps)
        print(f"{name}: {width} channels, {cost(network, 2):.1f} thousand multiplications a pixel at x2")
        told_of(scores(lesson, TRIED, by(network, draw)))


def blocks(shown: Sequence[Photograph], kept_back: Sequence[Photograph], steps: int) -> None:
    """Plain convolutions against NAFNet's blocks, for as long."""
    plain_s = 0.0
    for name, kind, width, depth in (("plain", Enhancing, *LARGE), ("NAFNet's", OfNaf, *NAF)):
        lesson = kind(Pictures(shown), kept_back, width=width, depth=depth)
        step_s = _step_s(lesson)
        plain_s = plain_s or step_s
        count = round(steps * plain_s / step_s)
        network = learned(lesson, count)
        weights = sum(each.numel() for each in network.parameters())
        print(f"{name}: {weights} weights, a step takes {step_s / plain_s:.2f} times plain's, {count} steps")
        told_of(scores(lesson, TRIED, by(network)))


def joint(shown: Sequence[Photograph], kept_back: Sequence[Photograph], steps: int) -> None:
    """All at once against one after the other."""
    trials = "x2 light", "x2 mid", "x2 heavy"
    lesson = AtTwice(Pictures(shown), kept_back, width=WIDTH, depth=DEPTH)
    whole = learned(lesson, steps)
    size = _weights(whole, 2)
    half = next(w for w in range(WIDTH, 0, -1) if 2 * _weights(Enhancer(width=w, depth=DEPTH), 2) <= size)
    calmer = learned(AtOnce(Pictures(shown), kept_back, width=half, depth=DEPTH), steps)
    enlarger = learned(AtTwice(Pictures(shown, mishap=rounding), kept_back, width=half, depth=DEPTH), steps)
    print(f"at once: {WIDTH} channels, {size} weights")
    told_of(scores(lesson, trials, by(whole)))
    print(f"one by one: {half} channels, {_weights(calmer, 1) + _weights(enlarger, 2)} weights in both")
    told_of(scores(lesson, trials, in_turn(calmer, enlarger)))


def told_of(gains: dict[str, float]) -> None:
    """Print gains."""
    for label, gain in gains.items():
        print(f"  {label:22} {gain:+.2f} dB over bicubic", flush=True)


SECTIONS: Mapping[str, Callable[[Sequence[Photograph], Sequence[Photograph], int], None]] = {
    "channels": channels,
    "blocks": blocks,
    "joint": joint,
}


def _step_s(lesson: Enhancing) -> float:
    marks: list[float] = []
    trained(
        lesson,
        Recipe(steps=9, orthogonal=True),
        device=torch.device("cpu"),
        keep=lambda *_: None,
        tell=lambda *_: marks.append(time.process_time()),
    )
    return float(np.mean(np.diff(marks)))


def _weights(network: Enhancer, scale: int) -> int:
    ends = [each for each in SCALES if each != scale]
    return sum(p.numel() for p in network.parameters()) - sum(
        p.numel() for each in ends for p in network.luma[str(each)].parameters()
    )


def main() -> None:
    """Train what is asked for and print its gains."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of photographs")
    parser.add_argument("--only", nargs="+", choices=SECTIONS, default=list(SECTIONS))
    parser.add_argument("--steps", type=int, default=1500)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    photographs = Material.of(asked.data, None, None).photographs
    shown, kept_back = parted(photographs, len(photographs) // 10, least=LEAST, learner="a network")
    for section in asked.only:
        print(f"{section}, {asked.steps} steps")
        SECTIONS[section](shown, kept_back, asked.steps)


if __name__ == "__main__":
    main()
