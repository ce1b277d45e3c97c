"""Word of how far long work has come, from wherever it is done to whoever is watching."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True)
class Step:
    """Some of a piece of work is done."""

    stage: str
    subject: str
    done: int
    total: int


Watcher = Callable[[Step], None]
_watchers: list[Watcher] = []


@contextmanager
def watched(watcher: Watcher) -> Iterator[None]:
    """Send every step told in this process to the watcher, from whichever thread it comes."""
    _watchers.append(watcher)
    try:
        yield
    finally:
        _watchers.remove(watcher)


def tell(stage: str, subject: str, done: int, total: int) -> None:
    """Say that `done` of `total` frames of a piece of work are done."""
    for watcher in tuple(_watchers):
        watcher(Step(stage, subject, done, total))
