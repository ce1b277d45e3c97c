"""The loop every network of ours is trained by.

AdamW or Muon (see `stepping`), gradients clipped, a learning rate that stays until it falls along a cosine at the end,
and the moving average of the weights kept. All that is remembered from one step to the next is in the checkpoint, and a
batch is made from its step's number alone. So a training that was killed goes on, on a CPU, to the same bits; until its
rate falls it can be made longer or shorter, and after its end another round can follow, as if it had been so from the
beginning.

Where another round begins with weights that are in use, what is kept in the end may lie between these and what was
learned: it is then better at what is new, and hardly worse at what was known.

Loshchilov, Hutter, *Decoupled Weight Decay Regularization*, ICLR 2019 (AdamW); *SGDR*, ICLR 2017 (the cosine and its
rounds). Hu et al., *MiniCPM*, COLM 2024, arXiv:2404.06395 (a rate that stays, then falls). Wortsman et al., *Robust
fine-tuning of zero-shot models*, CVPR 2022 (between both).
"""

import io
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from typing import Generic, TypeVar

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from restorers.networks.card import Recipe
from restorers.training.stepping import Steps

N = TypeVar("N", bound=torch.nn.Module)

Batch = tuple[Tensor, ...]
Told = Callable[[int, int], None]
"""Is told how much of something is done, and of how much."""
AHEAD = 4  # batches that each process makes ahead


def untold(done: int, total: int) -> None:
    """Tell nobody."""


class Lesson(ABC, Generic[N]):
    """What a network is to learn, and from what."""

    @abstractmethod
    def network(self) -> N:
        """The network as it begins, its weights drawn from torch's own chance, which the loop seeds."""

    @abstractmethod
    def batch(self, step: int) -> Batch:
        """What is shown at a step; the same, to the bit, whenever it is asked for."""

    def prepared(self) -> None:
        """Make what all batches are made of, once, before processes that make them share it."""

    def body(self, network: N) -> Iterable[torch.nn.Parameter]:  # noqa: ARG002  # for those that have one
        """The weights that step by Muon where the recipe says so."""
        return ()

    @abstractmethod
    def loss(self, network: N, batch: Batch) -> Tensor:
        """How far the network is from what the batch asks for, a scalar."""

    def finished(self, network: N) -> N:
        """The network once it has learned, with what is fitted to it beyond its loss; as it is, if nothing is."""
        return network

    def kept(self, network: N) -> torch.nn.Module:
        """What of the network is of use once it has learned."""
        return network

    @abstractmethod
    def scores(self, network: N) -> dict[str, float]:
        """How good the network is on what it was never shown; names carry the unit."""


def trained(
    lesson: Lesson[N],
    recipe: Recipe,
    *,
    device: torch.device,
    workers: int = 0,
    begin: Mapping[str, Tensor] | None = None,
    checkpoint: bytes | None = None,
    every: int = 200,
    keep: Callable[[int, bytes], None],
    tell: Callable[[int, float], None],
) -> N:
    """The network that a lesson makes, ready to be run.

    Args:
        lesson: what it learns.
        recipe: for how long and how fast.
        device: where to compute.
        workers: processes that make batches ahead, where computing should not wait for them; none by default.
        begin: weights of what the lesson keeps, to begin with instead of what chance draws.
        checkpoint: the last one that `keep` was given, to go on from there; must be of the same lesson and recipe,
            or of one whose rate was the same so far.
        every: steps between checkpoints.
        keep: is given how many steps are done and a checkpoint, now and then and at the end.
        tell: is told after each step how many are done, and the loss.

    Raises:
        ValueError: the checkpoint is of another recipe.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        network = lesson.network()
        if begin is not None:
            lesson.kept(network).load_state_dict(begin)
        network = network.to(device).train()
        average = {name: value.detach().clone() for name, value in network.state_dict().items()}
    steps = Steps(network, lesson.body(network), recipe)
    begun = 0
    if checkpoint is not None:
        begun = _resumed(checkpoint, recipe, network, average, steps)
    for step, made in enumerate(_batches(lesson, range(begun, recipe.steps), workers), begun):
        batch = tuple(each.to(device, non_blocking=True) for each in made)
        loss = lesson.loss(network, batch)
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(network.parameters(), recipe.clip)
        steps.step(rate(step, recipe))
        _averaged(average, network, min(recipe.average, (1 + step) / (10 + step)))
        done = step + 1
        if done % every == 0 or done == recipe.steps:
            keep(done, _checkpoint(done, recipe, network, average, steps))
        tell(done, float(loss.detach()))
    network.load_state_dict(average)
    if begin is not None:
        kept = lesson.kept(network)
        learned = kept.state_dict()
        kept.load_state_dict(
            {key: torch.lerp(value, begin[key].to(value), recipe.held) for key, value in learned.items()}
        )
    return network.eval().requires_grad_(False)


def rate(step: int, recipe: Recipe) -> float:
    """The learning rate of a step: a short rise, a long stay, and a cosine to zero over the last part.

    >>> recipe = Recipe(steps=200, rate=1.0, warming=0, falling=0.5)
    >>> [round(rate(step, recipe), 3) for step in (0, 100, 150)]
    [1.0, 1.0, 0.5]
    """
    begin = max((mark for mark in recipe.rounds if mark <= step), default=0)
    stop = min((mark for mark in recipe.rounds if mark > step), default=recipe.steps)
    falls = round(recipe.falling * (stop - begin))
    rising = min((step - begin + 1) / (recipe.warming + 1), 1.0)
    fallen = max(step - (stop - falls), 0) / max(falls, 1)
    return recipe.rate * rising * (1 + math.cos(math.pi * fallen)) / 2


class _Batches(Dataset[Batch]):
    """The batches of some steps, made when they are asked for."""

    def __init__(self, lesson: Lesson[N], steps: range) -> None:
        self.lesson, self.steps = lesson, steps

    def __len__(self) -> int:
        return len(self.steps)

    def __getitem__(self, index: int) -> Batch:
        return self.lesson.batch(self.steps[index])


def _batches(lesson: Lesson[N], steps: range, workers: int) -> Iterable[Batch]:
    """The batches of steps in their order, by other processes where there are any."""
    if not workers:
        return map(lesson.batch, steps)
    lesson.prepared()
    return DataLoader(
        _Batches(lesson, steps),
        batch_size=None,
        num_workers=workers,
        prefetch_factor=AHEAD,
        pin_memory=torch.cuda.is_available(),
        multiprocessing_context="fork",
    )


def _averaged(average: dict[str, Tensor], network: torch.nn.Module, memory: float) -> None:
    for name, value in network.state_dict().items():
        if value.is_floating_point():
            average[name].lerp_(value, 1 - memory)
        else:
            average[name].copy_(value)


def _checkpoint(done: int, recipe: Recipe, network: torch.nn.Module, average: dict[str, Tensor], steps: Steps) -> bytes:
    file = io.BytesIO()
    state = {
        "done": done,
        "recipe": recipe.model_dump(),
        "network": network.state_dict(),
        "average": average,
        "steps": steps.state_dict(),
    }
    torch.save(state, file)
    return file.getvalue()


def _resumed(
    checkpoint: bytes,
    recipe: Recipe,
    network: torch.nn.Module,
    average: dict[str, Tensor],
    steps: Steps,
) -> int:
    state = torch.load(io.BytesIO(checkpoint), weights_only=True)
    begun = Recipe.model_validate(state["recipe"])
    done = int(state["done"])
    longer = begun.model_copy(update={"steps": recipe.steps, "rounds": recipe.rounds, "held": recipe.held})
    if longer != recipe or any(rate(step, begun) != rate(step, recipe) for step in range(done)):
        raise ValueError(f"the checkpoint, {done} steps on, is of the recipe {begun}, not of {recipe}")
    network.load_state_dict(state["network"])
    steps.load_state_dict(state["steps"])
    for name, value in state["average"].items():
        average[name].copy_(value)
    return done
