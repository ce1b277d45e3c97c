"""The scene's own light over a shot, told from the flicker of exposure, printing and decay that lies on it.

A scene stands still in its light, drifts slowly, or is changed by something that happens: a lamp is switched on, a fade
begins, lightning strikes. Flicker does not begin or end: it goes on through the shot with the same strength and rhythm,
be it random, every second frame, or a slow pumping. So the light is taken for a sum of a few events, each as likely as
events are rare, and of a stationary process whose spectrum is estimated from the shot; both are found in turn, as
Chen and Liu find the interventions in a time series.

Chen, Liu, Joint estimation of model parameters and outlier effects in time series, JASA 88(421), 1993.
doi:10.1080/01621459.1993.10594321
"""

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve

from restorers.evenness.events import USUAL, Event, candidates, ways
from restorers.evenness.rhythm import LEAST_NOISE, Flicker, Voice, rhythmic

Floats: TypeAlias = NDArray[np.float64]

BLOCK = 192
SHORTEST = 8
MOST_EVENTS = 16
RARITY = 16.0
DRIFT_RARITY = 8.0
CALM = 24
CALM_SHARES = (2, 4)
WINDOWS = 4
WANDER = 8.0
SLOWEST_DRIFT = 64


class Parted(NamedTuple):
    """The light of a shot in two: groups of series `(T, m)` as given.

    Attributes:
        scene: the scene's part of each group.
        events: what happened, in order, counted from the start of the shot.
    """

    scene: tuple[Floats, ...]
    events: tuple[Event, ...]


def parted(groups: Sequence[Floats], noise: Sequence[float]) -> Parted:
    """What of the light is the scene's.

    Args:
        groups: `(T, m)` series each, in density; a group's series share their flicker's rhythm, all share the events.
        noise: standard error of measurement of each group.
    """
    length = len(groups[0])
    if length < SHORTEST:
        return Parted(tuple(np.broadcast_to(np.median(group, axis=0), group.shape) for group in groups), ())
    block = min(length, BLOCK)
    starts = sorted({*range(0, length - block, block // 2), length - block})
    scene = [np.zeros(group.shape) for group in groups]
    weight = np.zeros(length)
    share = np.minimum(np.arange(block) + 1.0, block - np.arange(block))
    events = set[Event]()
    for start in starts:
        part = slice(start, start + block)
        found = _parted([group[part] for group in groups], noise)
        for whole, piece in zip(scene, found.scene, strict=True):
            whole[part] += share[:, None] * piece
        weight[part] += share
        for event in found.events:
            events.add(event._replace(first=event.first + start))
    return Parted(tuple(whole / weight[:, None] for whole in scene), tuple(sorted(events, key=lambda e: e.first)))


def _parted(groups: Sequence[Floats], noise: Sequence[float]) -> Parted:
    length = len(groups[0])
    middles = [group - np.median(group, axis=0) for group in groups]
    voices = [Voice(_loudest(group), least) for group, least in zip(middles, noise, strict=True)]
    found = _explained(voices)
    scene = []
    for group, middle, voice, state in zip(groups, middles, voices, found.states, strict=True):
        basis = _basis(voice, found.courses, drifts=state.drifts)
        factor = cho_factor(state.flicker.covariance(length) + basis @ basis.T)
        scene.append(group - middle + basis @ (basis.T @ cho_solve(factor, middle)))
    return Parted(tuple(scene), tuple(sorted((event for event, _ in found.events), key=lambda event: event.first)))


class _State(NamedTuple):
    """What a voice is taken for, but for the events."""

    flicker: Flicker
    drifts: bool
    cost: float


class _Explained(NamedTuple):
    events: tuple[tuple[Event, float], ...]
    courses: Floats
    states: tuple[_State, ...]
    cost: float


def _explained(voices: Sequence[Voice]) -> _Explained:
    """The likeliest explanation, from several guesses: that all change is flicker, or what the calmest parts show."""
    length = len(voices[0].series)
    plain = _weighed(voices, [])
    found = [_followed(voices, plain)]
    for share in CALM_SHARES:
        part = max(length // share, CALM)
        if part < length:
            states = [_State(flicker, False, flicker.cost) for flicker in _calm(voices, part)]
            found.append(_followed(voices, _with_all_events(voices, plain._replace(states=tuple(states)))))
    return _pruned(voices, min(found, key=lambda explained: explained.cost))


def _with_all_events(voices: Sequence[Voice], guess: _Explained) -> _Explained:
    """All events that stand out of a flicker guessed."""
    events, courses = list(guess.events), guess.courses
    while len(events) < MOST_EVENTS:
        event, gain, height = _likeliest(voices, guess.states, courses)
        if gain < 2 * RARITY:
            break
        events.append((event, height))
        courses = _courses(events, len(courses))
    return _weighed(voices, events) if events else guess._replace(cost=np.inf)


def _followed(voices: Sequence[Voice], found: _Explained) -> _Explained:
    """Further events one by one, the likeliest first, while they make the shot likelier."""
    best = found
    while np.isfinite(found.cost) and len(found.events) < MOST_EVENTS:
        event, gain, height = _likeliest(voices, found.states, found.courses)
        if gain < RARITY:
            break
        found = _weighed(voices, [*found.events, (event, height)])
        best = min(best, found, key=lambda explained: explained.cost)
    return best


def _pruned(voices: Sequence[Voice], best: _Explained) -> _Explained:
    """Without the events that are likelier to be flicker after all, and with steps for those found in their stead.

    A lamp that goes out again looks like a blast until both its ends are found. A step that is likely only where the
    scene drifts about it is none.
    """
    for known in best.events if len(best.events) > 1 else ():
        best = min(best, _weighed(voices, [e for e in best.events if e != known]), key=lambda explained: explained.cost)
    for known in [event for event in best.events if event[0].kind == "blast"]:
        others = [event for event in best.events if event != known]
        found = _weighed(voices, [*others, (Event("step", max(known[0].first, 1), 1), known[1])])
        if sum(state.drifts for state in found.states) <= sum(state.drifts for state in best.states):
            best = min(best, found, key=lambda explained: explained.cost)
    return best


def _weighed(voices: Sequence[Voice], events: Sequence[tuple[Event, float]]) -> _Explained:
    courses = _courses(events, len(voices[0].series))
    states = tuple(_state(voice, courses) for voice in voices)
    return _Explained(tuple(events), courses, states, sum(state.cost for state in states) + RARITY * len(events))


def _courses(events: Sequence[tuple[Event, float]], length: int) -> Floats:
    """The courses the scene's light may take, `(T, k)`, each of unit prior, for events of known height."""
    return np.concatenate([np.empty((length, 0)), *(ways(event, height, length) for event, height in events)], axis=1)


def _calm(voices: Sequence[Voice], part: int) -> list[Flicker]:
    """The flicker that the calmest part of a shot shows, of `part` frames, for each voice."""
    length = len(voices[0].series)
    calm = []
    for voice in voices:
        firsts = range(0, length - part + 1, max((length - part) // WINDOWS, 1))
        parts = [Voice(voice.series[first : first + part], voice.noise) for first in firsts]
        found = [rhythmic(piece, _ground(piece, part)) for piece in parts]
        calm.append(min(found, key=lambda flicker: flicker.cost))
    return calm


def _state(voice: Voice, courses: Floats) -> _State:
    """The likeliest flicker about the courses, and whether the scene drifts."""
    still = rhythmic(voice, _basis(voice, courses, drifts=False))
    moving = rhythmic(voice, _basis(voice, courses, drifts=True))
    drifts = moving.cost + DRIFT_RARITY < still.cost
    flicker = moving if drifts else still
    return _State(flicker, drifts, flicker.cost + DRIFT_RARITY * drifts)


def _ground(voice: Voice, length: int) -> Floats:
    """A lasting level, and the slow wander that errors of measurement add up to."""
    wander = min(WANDER * max(voice.noise, LEAST_NOISE), 1.0) * _drift(length)
    return np.concatenate((np.full((length, 1), 3 * USUAL), wander), axis=1)


def _basis(voice: Voice, courses: Floats, *, drifts: bool) -> Floats:
    length = len(courses)
    ground = _ground(voice, length)
    return np.concatenate((ground, courses, _drift(length)) if drifts else (ground, courses), axis=1)


def _loudest(group: Floats) -> Floats:
    """The series in which most of a group's change is seen."""
    if group.shape[1] == 1:
        return group[:, 0]
    steps = np.diff(group, axis=0)
    _, _, axes = np.linalg.svd(np.concatenate((group, steps)), full_matrices=False)
    return np.asarray(group @ axes[0] * np.sign(axes[0].sum() + 1e-12))


def _likeliest(voices: Sequence[Voice], states: Sequence[_State], courses: Floats) -> tuple[Event, float, float]:
    length = len(courses)
    events, shapes = candidates(length)
    gain, heights = np.zeros(len(events)), list[Floats]()
    for voice, state in zip(voices, states, strict=True):
        basis = _basis(voice, courses, drifts=state.drifts)
        inverse = np.linalg.inv(state.flicker.covariance(length) + basis @ basis.T)
        pull = shapes.T @ (inverse @ voice.series)
        precision = (shapes * (inverse @ shapes)).sum(axis=0)
        gain += pull**2 / (1 / USUAL**2 + precision) - np.log1p(precision * USUAL**2)
        heights.append(pull / (1 / USUAL**2 + precision))
    best = int(np.argmax(gain))
    return events[best], float(gain[best]), float(heights[0][best])


def _drift(length: int) -> Floats:
    """A slow course: a slope, straight or bent, and swings of two seconds or more, the smaller the quicker."""
    count = max(2 * length // SLOWEST_DRIFT, 1)
    phase = (np.arange(length) + 0.5) / length
    order = np.arange(1, count + 1)
    swings = np.cos(np.pi * phase[:, None] * order) * 0.3 / order**2
    bent = phase[:, None] ** np.arange(1, 4) - 0.5
    return np.concatenate((0.5 * bent, swings), axis=1)
