"""Training a network: from a folder of pictures to its weights and their card.

What it costs is said before it begins. It may be killed at any time: begun again in the same folder, it goes on.
"""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field

from restorers.networks.card import Card, Data, Recipe, digest
from restorers.networks.weights import card, packed, weights_of
from restorers.training.loop import trained
from tasks.courses import COURSES
from tasks.lab import Lab
from tasks.material import Material, Untrainable
from tasks.progress import tell

TIMED = 9  # steps, whose mean, but for the first, tells what a step costs
EVERY = 100  # steps between checkpoints


class Training(BaseModel):
    """A training as asked for."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(description="of the network")
    data: Path = Field(description="folder of the pictures it learns from, and of all folders in it")
    licence: str = Field(description="of these pictures, for the card")
    films: Path | None = Field(None, description="folder of clean films that it learns motion from")
    films_licence: str = Field("", description="of these, for the card")
    shapes: Path | None = Field(None, description="folder of pictures of damage, opaque or else white where it is")
    shapes_licence: str = Field("", description="of these, for the card")
    out: Path = Field(description="folder for its weights, its card and its checkpoint")
    minutes: float = Field(30, gt=0, description="how long it may learn on this machine, if nothing else runs")
    again: bool = Field(
        False,
        description="whether a training that has ended goes on for another round: from its checkpoint, or, in a folder "
        "that has none, from the weights that are in use",
    )
    held: float = Field(
        0.0, ge=0, lt=1, description="share of the weights in use, in those kept where a round began with them"
    )


class Begun(BaseModel):
    """What is known of a training from its beginning on; lies beside its checkpoint."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    recipe: Recipe
    data: str = Field(description="sha256 of everything it learns from")
    begun_with: str = Field("", description="sha256 of the weights that it began with, if it did not begin by chance")
    threads: int = Field(1, ge=1, description="CPU threads that share a step to its end: with others, other last bits")
    done: int = 0
    cpu_s: float = 0.0
    gpu_s: float = 0.0


@dataclass(frozen=True)
class Cost:
    """What a training will take, by the steps tried.

    Attributes:
        steps: all of them.
        left: those still to do.
        hours: for these, alone on this machine.
        money: for these, at the lab's rates.
        currency: of the money.
        cores: of the CPU that work for so long; a GPU has one beside it that costs nothing.
    """

    steps: int
    left: int
    hours: float
    money: float
    currency: str
    cores: int = 1


class Workshop:
    """A network in training, in the folder that holds what is done of it so far."""

    def __init__(self, training: Training, lab: Lab) -> None:
        """Read what it learns from, and what is there already; a few steps are tried, to know what one costs.

        Raises:
            Untrainable: there is no such network, nothing to learn from, or the folder has a training of other data.
        """
        if training.name not in COURSES:
            raise Untrainable(f"there is no network {training.name!r} to train; there are: {', '.join(COURSES)}")
        self.training, self.lab, self.course = training, lab, COURSES[training.name]
        self.material = Material.of(training.data, training.films, training.shapes)
        try:
            self.lesson = self.course.lesson(self.material, self.course.settings, lab)
        except ValueError as error:
            raise Untrainable(f"{training.data}: {error}") from error
        self.device = lab.bench.device
        self.commit = _commit()  # of the code that trains, whatever is committed before it ends
        self.threads = self._shared()
        self.step_s = self._tried()
        self.begun = self._begun()
        if training.held and (self.course.begins or not self.begun.begun_with):
            raise Untrainable(
                "a share is held of weights that another round began with: ask for --again in a new folder"
            )
        if training.held != self.begun.recipe.held:
            raise Untrainable(
                f"{training.out} holds a training of {training.name} that keeps {self.begun.recipe.held:g} of what it "
                f"began with, not {training.held:g}; ask for that, or give another folder"
            )

    @property
    def weights(self) -> Path:
        """Where the weights are put; the card is beside them."""
        return self.training.out / f"{self.training.name}.safetensors"

    def cost(self) -> Cost:
        """What is left to do, at the lab's rates."""
        recipe, left = self.begun.recipe, self.begun.recipe.steps - self.begun.done
        hours = left * self.step_s / 3600
        rates = self.lab.rates
        hourly = rates.gpu_hour if self.device.type == "cuda" else rates.cpu_hour * self.threads
        return Cost(recipe.steps, left, hours, hours * hourly, rates.currency, self.threads)

    def run(self) -> Card:
        """Train it to the end, put weights and card in the folder, and give the card."""
        self.training.out.mkdir(parents=True, exist_ok=True)
        recipe, clock = self.begun.recipe, _Clock(self.begun, self.device)

        def keep(done: int, checkpoint: bytes) -> None:
            _write(self._checkpoint, checkpoint)
            _write(self._note, clock.read(done).model_dump_json(indent=1).encode())

        with _threads(self.threads):
            network = trained(
                self.lesson,
                recipe,
                device=self.device,
                workers=self._workers,
                begin=self._begin(),
                checkpoint=self._checkpoint.read_bytes() if self._checkpoint.exists() else None,
                every=EVERY,
                keep=keep,
                tell=lambda done, _: tell("train", self.training.name, done, recipe.steps),
            )
        return self._published(self.lesson.finished(network.cpu()), clock.read(recipe.steps))

    @property
    def _workers(self) -> int:
        """Processes that make batches: all cores but two where a GPU would wait for them."""
        return max((os.cpu_count() or 1) - 2, 1) if self.device.type == "cuda" else 0

    @property
    def _checkpoint(self) -> Path:
        return self.training.out / f"{self.training.name}.checkpoint"

    @property
    def _note(self) -> Path:
        return self.training.out / f"{self.training.name}.begun.json"

    def _shared(self) -> int:
        """CPU threads that share a step: all that the lab may use, or as many as it was begun with."""
        if self._note.exists():
            return Begun.model_validate_json(self._note.read_bytes()).threads
        return 1 if self.device.type == "cuda" else self.lab.workers

    def _begun(self) -> Begun:
        if not self._note.exists():
            course = self.course
            recipe = Recipe(
                steps=self._steps(),
                rate=course.rate,
                orthogonal=course.orthogonal,
                held=self.training.held,
                seed=self.lab.seed,
            )
            begins = course.begins or (self.training.name if self.training.again else "")
            begun = Begun(recipe=recipe, data=self.material.sha256, threads=self.threads)
            if not begins:
                return begun
            before = card(begins, self.lab.bench)
            spent = {"cpu_s": before.cpu_s, "gpu_s": before.gpu_s} if begins == self.training.name else {}
            return begun.model_copy(update={"begun_with": before.sha256, **spent})
        begun = Begun.model_validate_json(self._note.read_bytes())
        if begun.data != self.material.sha256:
            raise Untrainable(
                f"{self.training.out} holds a training of {self.training.name} from other data "
                f"(sha256 {begun.data[:16]}..., now {self.material.sha256[:16]}...); give another folder"
            )
        ended = begun.recipe.steps
        if self.training.again and begun.done == ended:
            anew = {"steps": ended + self._steps(), "rounds": (*begun.recipe.rounds, ended)}
            return begun.model_copy(update={"recipe": begun.recipe.model_copy(update=anew)})
        return begun

    def _begin(self) -> Mapping[str, torch.Tensor] | None:
        """The weights in use, where another round begins with them."""
        name = self.training.name
        if self.course.begins or not self.begun.begun_with:
            return None
        if (found := card(name, self.lab.bench).sha256) != self.begun.begun_with:
            raise Untrainable(
                f"{self.training.out} holds a training of {name} that began with weights of sha256 "
                f"{self.begun.begun_with[:16]}..., and those in use have {found[:16]}...; give another folder"
            )
        if card(name, self.lab.bench).settings != dict(self.course.settings):
            raise Untrainable(f"the weights of {name} in use are of another size than the network to be trained")
        return weights_of(name, self.lab.bench)

    def _steps(self) -> int:
        return max(round(self.training.minutes * 60 / self.step_s), 1)

    def _tried(self) -> float:
        """Seconds that a step takes here."""
        marks: list[float] = []
        alone = self.device.type == "cpu" and self.threads == 1  # its own time tells more, where others run beside it
        clock = time.process_time if alone else time.monotonic
        with _threads(self.threads):
            trained(
                self.lesson,
                Recipe(steps=TIMED, orthogonal=self.course.orthogonal),
                device=self.device,
                workers=self._workers,
                keep=lambda *_: None,
                tell=lambda *_: marks.append(clock()),
            )
        return float(np.mean(np.diff(marks)))

    def _published(self, network: torch.nn.Module, used: Begun) -> Card:
        kept = self.lesson.kept(network)
        weights = packed(kept)
        pictures = len(self.material.photographs)
        data = [Data(name=self.training.data.name, licence=self.training.licence, used=f"{pictures} pictures")]
        if self.training.films:
            scenes = f"{sum(map(len, self.material.films))} scenes of {len(self.material.films)} films"
            data.append(Data(name=self.training.films.name, licence=self.training.films_licence, used=scenes))
        if self.training.shapes:
            shapes = f"{len(self.material.shapes)} shapes of damage, every second one"
            data.append(Data(name=self.training.shapes.name, licence=self.training.shapes_licence, used=shapes))
        made = Card(
            name=self.training.name,
            purpose=self.course.purpose,
            not_for=self.course.not_for,
            architecture=self.course.architecture,
            settings=dict(self.course.settings),
            parameters=sum(each.numel() for each in kept.parameters()),
            sha256=digest(weights),
            data=(*data, *self.course.beside),
            recipe=used.recipe,
            begun_with=used.begun_with,
            cpu_s=round(used.cpu_s, 1),
            gpu_s=round(used.gpu_s, 1),
            scores=self.lesson.scores(network),
            commit=self.commit,
        )
        _write(self.weights, weights)
        _write(self.weights.with_suffix(".json"), (made.model_dump_json(indent=1) + "\n").encode())
        return made


@contextmanager
def _threads(count: int) -> Iterator[None]:
    """So many threads in torch's kernels, instead of the one that frames are worked on with."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


class _Clock:
    """What a training has used, with what it had used when it was last killed."""

    def __init__(self, begun: Begun, device: torch.device) -> None:
        self.begun, self.on_gpu = begun, device.type == "cuda"
        self.cpu_s, self.wall_s = time.process_time(), time.monotonic()

    def read(self, done: int) -> Begun:
        used = time.process_time() - self.cpu_s
        held = time.monotonic() - self.wall_s if self.on_gpu else 0.0
        spent = {"cpu_s": self.begun.cpu_s + used, "gpu_s": self.begun.gpu_s + held}
        return self.begun.model_copy(update={"done": done, **spent})


def _write(path: Path, data: bytes) -> None:
    scratch = path.with_name(path.name + ".part")
    with scratch.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    scratch.replace(path)


def _commit() -> str:
    """The commit of this code; the release where it is installed without its history."""
    git = shutil.which("git")
    if git:
        asked = subprocess.run(
            [git, "rev-parse", "HEAD"], cwd=Path(__file__).parent, capture_output=True, text=True, check=False
        )
        if asked.returncode == 0:
            return asked.stdout.strip()
    return f"release {version('reelwright')}"
