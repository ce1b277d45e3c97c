"""Work that is done once: recalled where the same recipe was made before, made and published where it was not.

Having made a thing before and having checkpointed it are the same: a record in the lab's store, under the sha256 of
its recipe, is both. Prefect's own result cache is off, so that there is one truth and it is verified on every use.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ParamSpec, TypeVar, cast

from prefect import Task, runtime, task
from prefect.cache_policies import NO_CACHE
from prefect.states import Completed
from prefect.tasks import exponential_backoff

from tasks.failures import reached, retry_condition
from tasks.lab import Lab
from tasks.ledger import Work
from tasks.shot import canonical, key
from tasks.store import Record

Recipe = Mapping[str, object]
Content = bytes | Path
P = ParamSpec("P")
R = TypeVar("R")


def lab_task(name: str, run_name: str | Callable[[], str]) -> Callable[[Callable[P, R]], Task[P, R]]:
    """A Prefect task as labs run it: retried with backoff where another try may cure, never cached by Prefect."""
    return task(
        name=name,
        task_run_name=run_name,
        cache_policy=NO_CACHE,
        persist_result=False,
        retries=3,
        retry_delay_seconds=exponential_backoff(backoff_factor=2),
        retry_jitter_factor=0.5,
        retry_condition_fn=retry_condition,
    )


@dataclass(frozen=True)
class Piece:
    """A piece of work, as the ledger tells it.

    Attributes:
        stage: ingest, cut, examine, render, measure, package.
        reel: the reel's id.
        treatment: the kind of treatment, where the stage is one.
        shot: the shot's number; None for the whole reel.
        frames: how many frames it covers.
        size: height and width of a frame as scanned, in pixels.
    """

    stage: str
    reel: str
    treatment: str | None = None
    shot: int | None = None
    frames: int = 0
    size: tuple[int, int] = (0, 0)

    def work(self, recipe_key: str) -> Work:
        """What the ledger files it under."""
        return Work(
            run=str(runtime.flow_run.id or f"process-{os.getpid()}"),
            reel=self.reel,
            shot=self.shot,
            stage=self.stage,
            treatment=self.treatment,
            key=recipe_key,
            attempt=runtime.task_run.run_count or 1,
        )

    @property
    def megapixel_frames(self) -> float:
        """Frames times megapixels a frame."""
        return self.frames * self.size[0] * self.size[1] / 1e6


@dataclass(frozen=True)
class Done:
    """The records of some recipes, and which of them had to be made now."""

    records: Mapping[str, Record]
    made: frozenset[str]


def checkpointed(
    lab: Lab,
    piece: Piece,
    recipes: Mapping[str, Recipe],
    make: Callable[[frozenset[str]], Mapping[str, Mapping[str, Content]]],
) -> Done:
    """The records of several recipes that are made in one go, such as the deliveries of one pass over a shot.

    Args:
        lab: whose store and ledger.
        piece: what this is, for the ledger.
        recipes: recipe by name; all that decides the bytes, and nothing else.
        make: given the names that are missing, gives their outputs by name.

    Raises:
        whatever `make` raises; nothing is published then, and the ledger says that it failed.
    """
    store = lab.store
    keys = {name: key(recipe) for name, recipe in recipes.items()}
    records = {name: record for name, k in keys.items() if (record := store.recall(k)) is not None}
    missing = frozenset(keys.keys() - records.keys())
    recipe_key = key(sorted(keys.values())) if len(keys) > 1 else next(iter(keys.values()))
    if not missing:
        lab.ledger.hit(piece.work(recipe_key), piece.frames, piece.megapixel_frames)
        return Done(records, missing)
    with lab.ledger.metered(piece.work(recipe_key), lab.device) as tally:
        tally.count(piece.frames, *piece.size)
        made = make(missing)
        for name in sorted(missing):
            outputs = {output: store.put(content) for output, content in sorted(made[name].items())}
            tally.bytes_out += sum(artifact.size for artifact in outputs.values())
            record = Record(key=keys[name], recipe=canonical(recipes[name]), outputs=outputs)
            reached(".".join(part for part in (piece.stage, piece.treatment, "publish") if part))
            store.publish(record)
            records[name] = record
    return Done(records, missing)


def state(result: R, done: Done) -> R:
    """A task's result as Prefect should show it: completed, or cached where nothing had to be made.

    Prefect takes a state that a task returns for the task's own, and hands on what it holds.
    """
    if done.made:
        return result
    return cast("R", Completed(name="Cached", message="made before, verified now", data=result))
