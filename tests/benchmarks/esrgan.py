"""A network trained as ESRGAN is, to compare our own recipe with: same architecture, begin, pictures and steps.

Its losses are those of Wang et al., *ESRGAN*, ECCVW 2018: features before the last activation, compared by their
absolute differences; a relativistic average adversary, times 0.005; the picture's absolute difference, times 0.01.
Features are VGG's, of the same parts of the same pictures as ours.

python -m tests.benchmarks.esrgan --data FOLDER --steps N [--out FOLDER]
"""

import argparse
from functools import cache
from pathlib import Path

import cv2
import torch
from rich.progress import Progress
from torch import Tensor
from torch.func import functional_call
from torch.nn import functional

from restorers.metrics.perceptual import LAYERS, VGG, PerceptualDistance, features
from restorers.networks.card import Recipe
from restorers.networks.enhancer import Enhancer
from restorers.networks.weights import loaded, opened, packed
from restorers.restorer import Bench
from restorers.training.enhancing import Enhancing
from restorers.training.imagining import Duel, Imagining, looked_at
from restorers.training.loop import Batch, trained
from restorers.training.photographs import parted
from restorers.training.pictures import LEAST, Pictures
from tasks.material import Material
from tasks.media.recode import recoded

SETTINGS = {"width": 64, "depth": 5}
PIXELS, ADVERSARY = 0.01, 0.005
TRAINED = Path("build/esrgan")
EVERY = 200
MEAN, SPREAD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet's pictures
POOLED = (5, 10, 17, 24)
"""Those that see what was pooled."""


class Adversarial(Imagining):
    """Imagining by ESRGAN's losses."""

    def loss(self, network: Duel, batch: Batch) -> Tensor:
        """Features, adversary and pixels, and what the critic is to lessen."""
        made = self.lesson.made(network.painter, batch[:-1])
        true, likely, beside = self.compared(made, batch)
        pair = torch.cat([true[:, :1], likely[:, :1]]), torch.cat([beside[:, :1]] * 2)
        still = {name: value.detach() for name, value in network.critic.state_dict().items()}
        with torch.autocast(made.device.type, torch.bfloat16):
            wanted, seen = (deepest(looked_at(each, batch[-1])) for each in (true, likely))
            real, passing = functional_call(network.critic, still, pair).float().chunk(2)
            known, caught = network.critic(pair[0].detach(), pair[1]).float().chunk(2)
        adversary = _relative(passing, real) + _relative(-real, -passing)
        critic = _relative(known, caught) + _relative(-caught, -known)
        pixels = functional.l1_loss(likely, true)
        return functional.l1_loss(seen.float(), wanted.float()) + ADVERSARY * adversary + PIXELS * pixels + critic


def deepest(picture: Tensor) -> Tensor:
    """What VGG's last convolution says, before its activation, of pictures `(N, 3, H, W)`, sRGB in [0, 1]."""
    weights = _features()
    mean, spread = (picture.new_tensor(each).view(3, 1, 1) for each in (MEAN, SPREAD))
    seen = (picture - mean) / spread
    for layer in LAYERS["vgg"]:
        if layer:
            seen = torch.relu(seen)
        if layer in POOLED:
            seen = functional.max_pool2d(seen, 2)
        weight, bias = (weights[f"features.{layer}.{part}"] for part in ("weight", "bias"))
        seen = functional.conv2d(seen, weight, bias, padding=1)
    return seen


@cache
def _features() -> dict[str, Tensor]:
    return features(None, VGG)


def _relative(one: Tensor, others: Tensor) -> Tensor:
    """How little some scores lie above the mean of others."""
    return functional.softplus(others.mean() - one).mean() / 2


def network(folder: Path = TRAINED) -> Enhancer:
    """The network as it was trained here.

    Raises:
        FileNotFoundError: it was not.
    """
    path = folder / "esrgan.safetensors"
    if not path.is_file():
        raise FileNotFoundError(f"ESRGAN's recipe takes part by weights at {path}: python -m tests.benchmarks.esrgan")
    return loaded(Enhancer(**SETTINGS), path.read_bytes())


def keep(path: Path, state: bytes) -> None:
    """Put a checkpoint where the last one is, whole."""
    scratch = path.with_suffix(".part")
    scratch.write_bytes(state)
    scratch.replace(path)


def main() -> None:
    """Train it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of the pictures the imaginer learned from")
    parser.add_argument("--steps", type=int, required=True, help="as many as the imaginer's card says")
    parser.add_argument("--out", type=Path, default=TRAINED)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    material = Material.of(asked.data, None, None)
    back = round(0.1 * len(material.photographs))
    shown, kept_back = parted(material.photographs, back, least=LEAST, learner="ESRGAN")
    lesson = Enhancing(Pictures(shown, coder=recoded), kept_back, **SETTINGS)
    asked.out.mkdir(parents=True, exist_ok=True)
    checkpoint = asked.out / "esrgan.checkpoint"
    with Progress() as progress:
        task = progress.add_task("ESRGAN's recipe", total=asked.steps)
        duel = trained(
            Adversarial(lesson, opened("enhancer", Enhancer, Bench()), PerceptualDistance(None, VGG)),
            Recipe(steps=asked.steps, rate=2e-4),
            device=torch.device("cpu"),
            checkpoint=checkpoint.read_bytes() if checkpoint.exists() else None,
            every=EVERY,
            keep=lambda _, state: keep(checkpoint, state),
            tell=lambda done, _: progress.update(task, completed=done),
        )
    (asked.out / "esrgan.safetensors").write_bytes(packed(duel.painter))


if __name__ == "__main__":
    main()
