"""Whether luma should have a network's capacity, or all colors share it: two networks of one cost, trained alike.

Ours draws luma at the enlarged size, and chroma at the picture's own, which the bicubic filter enlarges. The other
draws luma and chroma both at the enlarged size, and is as much narrower as that costs. Both learn for so many steps
from the same batches; PSNR of all colors and of luma is of photographs kept back.

python -m tests.benchmarks.channels --data FOLDER [--steps N]
"""

import argparse
from collections.abc import Callable
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
from restorers.training.loop import Batch, trained
from tasks.material import Material

WIDTH, DEPTH = 32, 3
TRIED = ("x2 clean", "x4 clean", "x2 heavy", "x1 grainy")


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

    def made(self, network: Enhancer, batch: Batch) -> Tensor:
        """What the network makes of a batch, `(N, 3, H, W)`, luma and chroma."""
        planes, shown, truths, _ = batch
        scale = truths.shape[-1] // shown.shape[-1]
        with torch.autocast(planes.device.type, torch.bfloat16):
            said = network(planes.contiguous(memory_format=torch.channels_last), scale)
        return colored(shown, said.float(), scale)


def colored(picture: Tensor, said: Tensor, scale: int) -> Tensor:
    """The pictures `(N, 3, scale H, scale W)` that a network of colors makes of some."""
    return larger(picture, scale) + functional.pixel_shuffle(said, FOLD * scale)


def cost(network: Enhancer, scale: int) -> float:
    """Multiplications for each pixel of the picture, thousands."""
    convolutions = [network.begin, *(m for m in network.body.modules() if isinstance(m, nn.Conv2d))]
    convolutions += [network.luma[str(scale)]] + ([] if isinstance(network, Colors) else [network.chroma])
    return sum(each.weight.numel() for each in convolutions) / FOLD**2 / 1000


@torch.no_grad()
def scores(network: Enhancer, lesson: Enhancing, draw: Callable[[Tensor, Tensor, int], Tensor]) -> dict[str, float]:
    """PSNR of all colors and of luma over the bicubic enlargement's, dB, mean of the photographs kept back."""
    gains: dict[str, list[float]] = {}
    for label in TRIED:
        scale, mishap = TRIALS[label]
        for number, picture in enumerate(lesson.kept_back):
            truth, shown, condition = _trial(picture, number, scale, mishap)
            made = draw(shown, network(told(shown, condition), scale), scale)
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


def main() -> None:
    """Train both and print their gains."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of photographs")
    parser.add_argument("--steps", type=int, default=1500)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    photographs = Material.of(asked.data, None, None).photographs
    limit = cost(Enhancer(width=WIDTH, depth=DEPTH), 2)
    narrow = next(w for w in range(WIDTH, 0, -1) if cost(Colors(width=w, depth=DEPTH), 2) <= limit)
    for name, kind, width, draw in (
        ("luma first", Enhancing, WIDTH, drawn),
        ("colors alike", OfColors, narrow, colored),
    ):
        lesson = kind(photographs, kept_back=len(photographs) // 10, width=width, depth=DEPTH)
        recipe = Recipe(steps=asked.steps, rate=1e-3, orthogonal=True)
        network = trained(lesson, recipe, device=torch.device("cpu"), keep=lambda *_: None, tell=lambda *_: None)
        print(f"{name}: {width} channels, {cost(network, 2):.1f} thousand multiplications a pixel at x2")
        for label, gain in scores(network, lesson, draw).items():
            print(f"  {label:22} {gain:+.2f} dB over bicubic", flush=True)


if __name__ == "__main__":
    main()
