"""Shots whose light is to be evened; how even, and how true to the scene's own light, each contender leaves them."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

import cv2
import numpy as np

from restorers.colorspace import FLARE
from restorers.deflicker import Deflicker
from restorers.restorer import Bench
from tests.benchmarks import lights, moves, wear
from tests.benchmarks.footage import restored
from tests.benchmarks.moves import FAMILIAR, HELD_OUT, Camera, Floats
from tests.benchmarks.paths import trend
from tests.benchmarks.peers import Ffmpeg, Frames
from tests.benchmarks.readings import Extent, Goal, Reading
from tests.benchmarks.wear import Wear

SIZE = (360, 640)
LENGTH = 80
QUICK_FRAMES = 24
ROWS, COLUMNS = 12, 16
GRAIN, DUST = 8.0, 8.0
PEERS: Mapping[str, Callable[[Frames], Frames]] = {
    "deflicker size=5": Ffmpeg("deflicker=size=5:mode=am", threads=1),
    "deflicker size=10": Ffmpeg("deflicker=size=10:mode=am", threads=1),
    "deflicker size=20 median": Ffmpeg("deflicker=size=20:mode=median", threads=1),
}
FILMS = 4
VIDEOS = ("bottle", "carphone")
LESS, STEPS, ASTRAY, MOST = "flicker", "frame to frame", "scene light off", "scene light off at most"


@dataclass(frozen=True)
class Case:
    """One kind of light, over cameras in turn."""

    flicker: str | None = None
    scene: str | None = None
    cameras: tuple[str, ...] = ("still", "pan", "sway", "still")


CASES: Mapping[str, Mapping[str, Case]] = {
    "flicker": {f"flicker {name}": Case(flicker=name) for name in lights.FLICKERS},
    "scene light": {
        **{f"{name}, clean": Case(scene=name) for name in lights.SCENE_LIGHTS},
        **{f"{name}, global flicker": Case(scene=name, flicker="global") for name in lights.SCENE_LIGHTS},
        "even light": Case(),
    },
}
KEPT = {ASTRAY: Goal(1, least=False)}
GOALS: Mapping[str, Mapping[str, Goal]] = {
    **{case: {LESS: Goal(90), STEPS: Goal(90), **KEPT} for case in CASES["flicker"]},
    **dict.fromkeys(CASES["scene light"], KEPT),
    **{f"{name}, global flicker": {LESS: Goal(90), STEPS: Goal(90), **KEPT} for name in lights.SCENE_LIGHTS},
}


@dataclass(frozen=True)
class Trial:
    """One shot of a case."""

    name: str
    case: Case
    film: str
    camera: str
    length: int
    seed: int


def trials(section: str, extent: Extent) -> Iterator[Trial]:
    """The shots of a section."""
    films = (FAMILIAR if extent.familiar else HELD_OUT)[: 1 if extent.quick else FILMS]
    videos = () if extent.quick or extent.familiar or section != "flicker" else VIDEOS
    length, seed = QUICK_FRAMES if extent.quick else LENGTH, 0 if extent.familiar else 1000
    for name, case in CASES[section].items():
        for index, film in enumerate((films[:2] + videos + films[2:])[: extent.most]):
            yield Trial(name, case, film, case.cameras[index % len(case.cameras)], length, seed + index)


def readings(trial: Trial, extent: Extent) -> list[Reading]:
    """What every contender made of the light of a shot."""
    shot = _shot(trial)
    done: dict[str, Frames] = {"as found": shot.found, "reelwright": restored(Deflicker(), shot.found, Bench())}
    if extent.peers:
        done |= {name: peer(shot.found) for name, peer in PEERS.items()}
    before = apart(shot.found, shot.even)
    return [
        reading for method, frames in done.items() for reading in _compared(trial, method, frames, shot.even, before)
    ]


def apart(frames: Frames, even: Frames) -> Floats:
    """Density by which fields of the frames differ from the same in an even light, `(T, 3, N)`."""
    fields = [
        _fields(wear.density_of(frame)) - _fields(wear.density_of(truth))
        for frame, truth in zip(frames, even, strict=True)
    ]
    return np.stack(fields)


def light(frames: Frames) -> Floats:
    """Light of each frame with the flare of a projector, `(T,)`, white is 1."""
    flared = [float((10.0 ** -wear.density_of(frame)).mean()) for frame in frames]
    return np.asarray(np.maximum(flared, FLARE), np.float64)


def _compared(trial: Trial, method: str, frames: Frames, even: Frames, before: Floats) -> Iterator[Reading]:
    reading = partial(Reading, trial.name, trial.film, method)
    after = apart(frames, even)
    if trial.case.flicker:
        yield reading(LESS, 100 * (1 - _spread(after) / _spread(before)), "% less", higher_is_better=True)
        yield reading(STEPS, 100 * (1 - _steps(after) / _steps(before)), "% less", higher_is_better=True)
    yield reading("unevenness", _spread(after), "D")
    ratio = np.log(light(frames) / light(even))
    slow = trend(ratio) if trial.case.flicker else ratio
    off = 100 * np.abs(np.expm1(slow - np.median(slow)))
    yield reading(ASTRAY, float(np.sqrt((off**2).mean())), "%")
    yield reading(MOST, float(off.max()), "%")
    if not trial.case.flicker:
        yield reading("bit-exact", 100.0 * np.array_equal(frames, even), "% of shots", higher_is_better=True)


def _shot(trial: Trial) -> wear.Take:
    lamp = lights.FLICKERS[trial.case.flicker] if trial.case.flicker else None
    if trial.film in moves.RECORDED:
        return wear.take(moves.recorded(trial.film, trial.length), Wear(None, 0, 0, lamp), seed=trial.seed)
    camera: Camera = getattr(moves, trial.camera)
    film: moves.Film = moves.photographed(trial.film, camera, trial.length, size=SIZE, seed=trial.seed)
    if trial.case.scene:
        film = lights.Lit(film, lights.SCENE_LIGHTS[trial.case.scene])
    return wear.take(film, Wear(None, GRAIN, DUST, lamp), seed=trial.seed)


def _fields(density: moves.Singles) -> Floats:
    small = cv2.resize(density, (COLUMNS, ROWS), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.float64).reshape(-1, 3).T


def _spread(apart: Floats) -> float:
    return float(np.sqrt(((apart - apart.mean(axis=0)) ** 2).mean()))


def _steps(apart: Floats) -> float:
    return float(np.sqrt((np.diff(apart, axis=0) ** 2).mean()))
