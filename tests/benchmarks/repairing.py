"""Spoilt shots to be repaired: what each contender finds, what it makes of it, and what it leaves alone."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import get_args

import cv2
import numpy as np

from restorers.cleaning.mending import Grain
from restorers.colorspace import Space
from restorers.damage import Breaking
from restorers.metrics.fidelity import color_difference
from tests.benchmarks import moves, repairers, spoilt
from tests.benchmarks.footage import decoded
from tests.benchmarks.moves import FAMILIAR, HELD_OUT, Film, Singles
from tests.benchmarks.peers import Frames
from tests.benchmarks.readings import Extent, Goal, Reading
from tests.benchmarks.repairers import grown
from tests.benchmarks.spoilt import Layer, Mask, Spoilt

SIZE = (360, 640)
LENGTH = 16
QUICK_FRAMES = 8
CAMERAS = ("still", "pan", "eased", "sway")
VIDEOS = ("bunny", "person", "car", "carphone")
FAMILIAR_VIDEOS = ("bikes", "cockatoo", "bottle")
PHOTOGRAPHS = 4
ACTOR = 0.05  # of the frame
OBJECT = 9  # pixels from which on a piece of damage counts as one
CLEAN_LENGTH = 24
GRAIN = 6.0
FAR = 60.0  # dB: a perfect hole
NEAR = 3.0  # CIEDE2000

F1, PRECISION, RECALL, OBJECTS = "F1", "precision", "recall", "objects found"
HARD, SUCCESS, HOLE, SPOILT = "precision where hard", "success", "PSNR in holes", "pixels spoilt"
FLAGGED, FALSE, CLOSE = "pixels flagged", "false objects", "within 3 dE2000"
TOLD_FOR = "PSNR over Telea"
STRENGTH, FROZEN, AGAIN = "grain, of outside", "grain like beside", "like two frames off"


@dataclass(frozen=True)
class Case:
    """A kind of damage, and what is asked about it."""

    layer: Layer
    asked: str
    grain: float = GRAIN


CASES: Mapping[str, Mapping[str, Case]] = {
    "dirt": {"dirt": Case(spoilt.dirt(), "found")},
    "grainy dirt": {"dirt, grain 12": Case(spoilt.dirt(), "found", 12.0)},
    "scratches": {"scratches": Case(spoilt.lines(3), "found")},
    "bands": {
        "splices": Case(spoilt.broken(Breaking(splices=0.1, tears=0)), "found"),
        "tears": Case(spoilt.broken(Breaking(splices=0, tears=0.1)), "found"),
        "stains": Case(spoilt.drops(), "found"),
    },
    "clean": {"clean film": Case(spoilt.nothing, "clean")},
    "told": {"holes, told where": Case(spoilt.dirt(30), "told")},
    "grain": {"grain in mends": Case(spoilt.dirt(30), "grain")},
    "hidden": {"a tenth hidden, no grain": Case(spoilt.obscured(), "told", 0.0)},
}
GOALS: Mapping[str, Mapping[str, Goal]] = {
    "dirt": {F1: Goal(0.92), PRECISION: Goal(0.96), OBJECTS: Goal(0.92), HARD: Goal(0.9), SUCCESS: Goal(0.92)},
    "scratches": {F1: Goal(0.88), SUCCESS: Goal(0.85)},
    "clean film": {FLAGGED: Goal(0.02, least=False), FALSE: Goal(0.1, least=False)},
    "holes, told where": {HOLE: Goal(29), TOLD_FOR: Goal(7)},
    "grain in mends": {STRENGTH: Goal(0.95), FROZEN: Goal(0.05, least=False)},
    "a tenth hidden, no grain": {CLOSE: Goal(0.95)},
}


@dataclass(frozen=True)
class Trial:
    """One shot of a case."""

    name: str
    section: str
    film: str
    camera: str
    length: int
    seed: int


def trials(section: str, extent: Extent) -> Iterator[Trial]:
    """The shots of a section."""
    photographs = (FAMILIAR if extent.familiar else HELD_OUT)[: 1 if extent.quick else PHOTOGRAPHS]
    videos = () if extent.quick else FAMILIAR_VIDEOS if extent.familiar else VIDEOS
    length = QUICK_FRAMES if extent.quick else CLEAN_LENGTH if section == "clean" else LENGTH
    mixed = [film for pair in zip(photographs, videos, strict=False) for film in pair] or list(photographs)
    for name in CASES[section]:
        for index, film in enumerate(mixed[: extent.most]):
            camera = "still" if section == "grain" else CAMERAS[(index // 2 + 1) % len(CAMERAS)]
            yield Trial(name, section, film, camera, length, (0 if extent.familiar else 3000) + index)


def readings(trial: Trial, extent: Extent) -> list[Reading]:
    """What every contender makes of one shot."""
    case = CASES[trial.section][trial.name]
    shot = spoilt.spoilt(_film(trial), case.layer, grain=case.grain, seed=trial.seed)
    asked: Callable[[Spoilt, bool], Iterator[tuple[str, str, float, str, bool]]]
    asked = {"found": _found, "clean": _clean, "told": _told, "grain": _grain}[case.asked]
    return [
        Reading(trial.name, trial.film, method, metric, value, unit, higher)
        for method, metric, value, unit, higher in asked(shot, extent.peers)
    ]


def _film(trial: Trial) -> Film:
    if "." not in trial.film:
        return moves.recorded(trial.film, trial.length, most=SIZE[0])
    camera = getattr(moves, trial.camera)
    return moves.photographed(trial.film, camera, trial.length, size=SIZE, share=ACTOR, seed=trial.seed)


def _found(shot: Spoilt, peers: bool) -> Iterator[tuple[str, str, float, str, bool]]:
    hard = spoilt.hard(shot.clean)
    pieces = _pieces(shot.spoilt)
    done = repairers.ours(shot.found)
    yield from _finding("reelwright", shot, done.mended, hard, pieces)
    yield from _mending("reelwright", shot, done.done, done.mended, pieces)
    if peers:
        for name, peer in repairers.FINDERS.items():
            frames = peer(shot.found)
            altered = np.abs(frames.astype(int) - shot.found).max(-1) > repairers.THRESHOLD
            yield from _finding(name, shot, altered, hard, pieces)
            yield from _mending(name, shot, frames, altered, pieces)


def _finding(method: str, shot: Spoilt, mended: Mask, hard: Mask, pieces: list[tuple[int, Mask]]) -> Iterator:
    touched, wanted = grown(shot.touched), shot.spoilt
    near = grown(mended)
    recall = float(near[wanted].mean())
    precision = float(touched[mended].mean()) if mended.any() else 1.0
    there = mended & hard
    covered = [float(near[number][part].mean()) > 0.5 for number, part in pieces]
    yield method, F1, 2 * precision * recall / max(precision + recall, 1e-9), "", True
    yield method, PRECISION, precision, "", True
    yield method, RECALL, recall, "", True
    yield method, OBJECTS, float(np.mean(covered)), "", True
    yield method, HARD, float(touched[there].mean()) if there.any() else 1.0, "", True


def _mending(method: str, shot: Spoilt, done: Frames, mended: Mask, pieces: list[tuple[int, Mask]]) -> Iterator:
    yield method, SUCCESS, float(np.mean([_succeeded(shot, done, mended, *piece) for piece in pieces])), "", True
    yield method, HOLE, _psnr(shot.clean, done, shot.spoilt), "dB", True
    away = ~grown(shot.touched, 3)
    yield method, SPOILT, 100 * float((done != shot.found).any(-1)[away].mean()), "%", False


def _succeeded(shot: Spoilt, done: Frames, mended: Mask, number: int, part: Mask) -> bool:
    """Found, mended within two sigmas of grain, and no new edge of more than three on its border."""
    rows, columns = (np.flatnonzero(part.any(axis)) for axis in (1, 0))
    cut = np.s_[max(rows[0] - 4, 0) : rows[-1] + 5, max(columns[0] - 4, 0) : columns[-1] + 5]
    part = part[cut]
    if mended[number][cut][part].mean() <= 0.5:
        return False
    off = (done[number][cut].astype(np.float32) - shot.clean[number][cut]).mean(-1)
    square = np.ones((3, 3), np.uint8)
    wide = cv2.dilate(part.astype(np.uint8), square) > 0
    rim = wide & ~(cv2.erode(part.astype(np.uint8), square) > 0)
    step = np.abs(cv2.blur(off, (3, 3)))[rim]
    return bool(np.abs(off[part]).mean() <= 2 * shot.sigma and np.quantile(step, 0.9) <= 3 * shot.sigma)


def _clean(shot: Spoilt, _: bool) -> Iterator[tuple[str, str, float, str, bool]]:
    done = repairers.ours(shot.found)
    frames = len(shot.found) * shot.found[0, ..., 0].size / 1e6
    objects = sum(blemish.action != "left" for blemish in done.remedy.blemishes)
    yield "reelwright", FLAGGED, 100 * float(done.mended.mean()), "%", False
    yield "reelwright", FALSE, objects / frames, "per MP frame", False


def _told(shot: Spoilt, peers: bool) -> Iterator[tuple[str, str, float, str, bool]]:
    mask = grown(shot.touched)
    works = {"reelwright": repairers.ours_told(shot.found, mask).done}
    works["reelwright, time alone"] = repairers.ours_told(shot.found, mask, fill="nothing").done
    telea = repairers.FILLERS["Telea"](shot.found, mask)
    works |= {"Telea": telea}
    if peers:
        works |= {name: peer(shot.found, mask) for name, peer in repairers.FILLERS.items() if name != "Telea"}
    least = _psnr(shot.clean, telea, shot.spoilt)
    for name, done in works.items():
        yield name, HOLE, _psnr(shot.clean, done, shot.spoilt), "dB", True
        yield name, TOLD_FOR, _psnr(shot.clean, done, shot.spoilt) - least, "dB", True
        yield name, CLOSE, _close(shot.clean, done, shot.spoilt), "", True
        yield name, SPOILT, 100 * float((done != shot.found).any(-1)[~mask].mean()), "%", False


def _grain(shot: Spoilt, _: bool) -> Iterator[tuple[str, str, float, str, bool]]:
    """How strong grain is in mends against the film's own, in the median, and how like that of the frames beside."""
    mask, truth = grown(shot.touched), _fine(shot.sound, shot.clean)
    works = {name: repairers.ours_told(shot.found, mask, grain=name).done for name in get_args(Grain)}
    works["temporal median"] = repairers.FINDERS["temporal median"](shot.found)
    for name, done in works.items():
        own = _fine(done, shot.clean)
        strength = np.median(np.abs(own[shot.spoilt])) / np.median(np.abs(truth[shot.spoilt]))
        yield name, STRENGTH, float(strength), "", True
        yield name, FROZEN, _alike(own, truth, shot.spoilt, 1), "", False
        yield name, AGAIN, _alike(own, truth, shot.spoilt, 2), "", False


def _alike(own: Singles, truth: Singles, masks: Mask, apart: int) -> float:
    """Correlation of what is in masks with the film's own so many frames before and behind."""
    inner = ((t, step) for t in range(apart, len(masks) - apart) for step in (-apart, apart))
    pairs = [(own[t][masks[t]], truth[t + step][masks[t]]) for t, step in inner]
    return float(np.corrcoef(*map(np.concatenate, zip(*pairs, strict=True)))[0, 1])


def _fine(frames: Frames, clean: Frames) -> Singles:
    """What differs from the clean film from pixel to pixel, `(T, H, W)`."""
    apart = frames.mean(-1, dtype=np.float32) - clean.mean(-1, dtype=np.float32)
    return np.stack([frame - cv2.blur(frame, (5, 5)) for frame in apart])


def _close(clean: Frames, done: Frames, mask: Mask) -> float:
    pairs = zip(decoded(clean).frames, decoded(done).frames, mask, strict=True)
    near = [(color_difference(a, b, Space.SRGB).numpy() <= NEAR)[m] for a, b, m in pairs]
    return float(np.concatenate(near).mean())


def _psnr(clean: Frames, done: Frames, mask: Mask) -> float:
    error = ((clean.astype(np.float32) - done) / 255)[mask]
    return float(min(-10 * np.log10(max((error**2).mean(), 1e-12)), FAR))


def _pieces(mask: Mask) -> list[tuple[int, Mask]]:
    pieces = []
    for number, frame in enumerate(mask):
        count, labels, stats, _ = cv2.connectedComponentsWithStats(frame.astype(np.uint8), connectivity=8)
        pieces += [(number, labels == i) for i in range(1, count) if stats[i][cv2.CC_STAT_AREA] >= OBJECT]
    return pieces
