"""What happens to the light of a scene: the shapes that a change may have, and how far each may stray from them."""

from functools import lru_cache
from typing import Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]

USUAL = 1.0  # density by which the light changes in an event, or from shot to shot
CHANGES = (2, 3, 4, 6, 8, 12, 16, 20, 24, 30, 36, 48)
BURSTS = (1, 2, 3, 4, 6, 9)
SHAPELESS = 5
DECAYS = (2, 4, 7, 12)
FADED_TO = 16.0
FREEDOM = 0.3


class Event(NamedTuple):
    """Something that happens to the light: it changes to another lasting level, or bursts and is gone."""

    kind: Literal["step", "ramp", "ease", "fade out", "fade in", "blast", "burst"]
    first: int
    frames: int

    @property
    def passes(self) -> bool:
        """Whether the light comes back to what it was."""
        return self.kind in {"blast", "burst"}

    @property
    def stop(self) -> int:
        """The frame behind it."""
        return self.first + self.frames

    def shape(self, length: int) -> Floats:
        """How far it has gone in each of `length` frames, in [0, 1]."""
        u = np.clip((np.arange(length) - self.first + 1) / self.frames, 0, 1)
        match self.kind:
            case "burst":
                return np.asarray((u > 0) & (np.arange(length) < self.first + self.frames), np.float64)
            case "blast":
                return np.where(u > 0, np.exp(np.minimum(self.first - np.arange(length), 0) / self.frames), 0.0)
            case "step" | "ramp":
                return np.asarray(u)
            case "ease":
                return np.asarray(u * u * (3 - 2 * u))
            case "fade out":
                return _faded(u)
            case "fade in":
                return np.asarray(1 - _faded(1 - u))


def _faded(u: Floats) -> Floats:
    """Share of the way to black, in density, of a picture whose light goes down evenly."""
    return np.asarray(np.log(1 - u + u / FADED_TO) / np.log(1 / FADED_TO))


@lru_cache(maxsize=2)
def candidates(length: int) -> tuple[list[Event], Floats]:
    """All events that a shot of `length` frames may hold, and their shapes, `(T, N)`."""
    events = [Event("step", first, 1) for first in range(1, length)]
    for frames in CHANGES:
        kinds: tuple[Literal["ramp", "ease", "fade out", "fade in"], ...] = ("ramp", "ease", "fade out", "fade in")
        for kind in kinds if frames > SHAPELESS else kinds[:1]:
            events += [Event(kind, first, frames) for first in range(2 - frames, length - 1)]
    for frames in DECAYS:
        events += [Event("blast", first, frames) for first in range(length - 2)]
    for frames in BURSTS:
        events += [Event("burst", first, frames) for first in range(length - frames + 1)]
    return events, np.stack([event.shape(length) for event in events], axis=1)


def ways(event: Event, height: float, length: int) -> Floats:
    """The courses the light may take in an event, `(T, k)`, each of unit prior."""
    shape = event.shape(length)
    if event.kind == "burst":
        return np.asarray(USUAL * np.eye(length)[:, shape > 0])
    if event.kind == "step":
        return USUAL * shape[:, None]
    if event.kind == "blast":
        own = np.abs(np.arange(length) - event.first) <= event.frames // 3
        return np.concatenate((USUAL * shape[:, None], FREEDOM * abs(height) * np.eye(length)[:, own]), axis=1)
    margin = 1 + event.frames // 6
    steps = np.arange(max(event.first - margin, 1), min(event.first + event.frames + margin, length))
    smooth = max(event.frames / 6, 1.5)
    free = FREEDOM * abs(height) * (np.diff(shape)[steps - 1] + 1 / event.frames) / 2
    alike = np.exp(-(((steps[:, None] - steps) / smooth) ** 2) / 2)
    values, vectors = np.linalg.eigh(free[:, None] * alike * free)
    kept = values > 1e-3 * values[-1]
    ways = (np.arange(length)[:, None] >= steps) @ (vectors[:, kept] * np.sqrt(values[kept]))
    return np.concatenate((USUAL * shape[:, None], ways), axis=1)
