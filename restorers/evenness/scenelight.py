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
from functools import lru_cache
from typing import Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve, toeplitz

Floats: TypeAlias = NDArray[np.float64]

BLOCK = 192
SHORTEST = 8
USUAL = 1.0
LEAST_NOISE = 8e-4
CHANGES = (2, 3, 4, 6, 8, 12, 16, 20, 24, 30, 36, 48)
BURSTS = (1, 2, 3, 4, 6, 9)
SHAPELESS = 5
DECAYS = (2, 4, 7, 12)
MOST_EVENTS = 16
RARITY = 16.0
DRIFT_RARITY = 8.0
RHYTHM_RARITY = 8.0
CALM = 24
CALM_SHARES = (2, 4)
WINDOWS = 4
WANDER = 8.0
STRONG = 0.05
FADED_TO = 16.0
FREEDOM = 0.3
SLOWEST_DRIFT = 64
PERIODS = (2, 2.5, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 18, 20, 22, 24, 26, 28, 30, 32, 36, 40, 44, 48)
MEMORIES = (0.3, 0.7, 0.9, 0.96, 0.995)
SLOWEST_MEMORY = 0.96
RHYTHM_SHARES = (0.0, 0.1, 0.4, 1.5)
RANDOM_SHARES = (1e-4, 1e-3, 0.01, 0.1, 0.4, 1.0)


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


class Parted(NamedTuple):
    """The light of a shot in two: groups of series `(T, m)` as given.

    Attributes:
        scene: the scene's part of each group.
        events: what happened, in order, counted from the start of the shot.
    """

    scene: tuple[Floats, ...]
    events: tuple[Event, ...]


class _Flicker(NamedTuple):
    """A stationary process: white noise and a damped rhythm."""

    random: float
    rhythm: float
    period: float
    memory: float
    cost: float

    def covariance(self, length: int) -> Floats:
        return np.asarray(self.random * np.eye(length) + self.rhythm * _rhythm(length, self.period, self.memory))


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
    voices = [_Voice(_loudest(group), least) for group, least in zip(middles, noise, strict=True)]
    found = _explained(voices)
    scene = []
    for group, middle, voice, state in zip(groups, middles, voices, found.states, strict=True):
        basis = _basis(voice, found.courses, drifts=state.drifts)
        factor = cho_factor(state.flicker.covariance(length) + basis @ basis.T)
        scene.append(group - middle + basis @ (basis.T @ cho_solve(factor, middle)))
    return Parted(tuple(scene), tuple(sorted((event for event, _ in found.events), key=lambda event: event.first)))


class _Voice(NamedTuple):
    series: Floats
    noise: float


class _State(NamedTuple):
    """What a voice is taken for, but for the events."""

    flicker: _Flicker
    drifts: bool
    cost: float


class _Explained(NamedTuple):
    events: tuple[tuple[Event, float], ...]
    courses: Floats
    states: tuple[_State, ...]
    cost: float


def _calm(voices: Sequence[_Voice], part: int) -> list[_Flicker]:
    """The flicker that the calmest part of a shot shows, of `part` frames, for each voice."""
    length = len(voices[0].series)
    calm = []
    for voice in voices:
        firsts = range(0, length - part + 1, max((length - part) // WINDOWS, 1))
        parts = [_Voice(voice.series[first : first + part], voice.noise) for first in firsts]
        found = [_rhythmic(piece, _ground(piece, part)) for piece in parts]
        calm.append(min(found, key=lambda flicker: flicker.cost))
    return calm


def _ground(voice: _Voice, length: int) -> Floats:
    """A lasting level, and the slow wander that errors of measurement add up to."""
    wander = min(WANDER * max(voice.noise, LEAST_NOISE), 1.0) * _drift(length)
    return np.concatenate((np.full((length, 1), 3 * USUAL), wander), axis=1)


def _explained(voices: Sequence[_Voice]) -> _Explained:
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


def _with_all_events(voices: Sequence[_Voice], guess: _Explained) -> _Explained:
    """All events that stand out of a flicker guessed."""
    events, courses = list(guess.events), guess.courses
    while len(events) < MOST_EVENTS:
        event, gain, height = _likeliest(voices, guess.states, courses)
        if gain < 2 * RARITY:
            break
        events.append((event, height))
        courses = _courses(events, len(courses))
    return _weighed(voices, events) if events else guess._replace(cost=np.inf)


def _followed(voices: Sequence[_Voice], found: _Explained) -> _Explained:
    """Further events one by one, the likeliest first, while they make the shot likelier."""
    best = found
    while np.isfinite(found.cost) and len(found.events) < MOST_EVENTS:
        event, gain, height = _likeliest(voices, found.states, found.courses)
        if gain < RARITY:
            break
        found = _weighed(voices, [*found.events, (event, height)])
        best = min(best, found, key=lambda explained: explained.cost)
    return best


def _pruned(voices: Sequence[_Voice], best: _Explained) -> _Explained:
    """Without the events that are likelier to be flicker after all."""
    for known in best.events if len(best.events) > 1 else ():
        best = min(best, _weighed(voices, [e for e in best.events if e != known]), key=lambda explained: explained.cost)
    return best


def _weighed(voices: Sequence[_Voice], events: Sequence[tuple[Event, float]]) -> _Explained:
    courses = _courses(events, len(voices[0].series))
    states = tuple(_state(voice, courses) for voice in voices)
    return _Explained(tuple(events), courses, states, sum(state.cost for state in states) + RARITY * len(events))


def _courses(events: Sequence[tuple[Event, float]], length: int) -> Floats:
    """The courses the scene's light may take, `(T, k)`, each of unit prior, for events of known height."""
    return np.concatenate([np.empty((length, 0)), *(_ways(event, height, length) for event, height in events)], axis=1)


def _basis(voice: _Voice, courses: Floats, *, drifts: bool) -> Floats:
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


def _state(voice: _Voice, courses: Floats) -> _State:
    """The likeliest flicker about the courses, and whether the scene drifts."""
    still = _rhythmic(voice, _basis(voice, courses, drifts=False))
    moving = _rhythmic(voice, _basis(voice, courses, drifts=True))
    drifts = moving.cost + DRIFT_RARITY < still.cost
    flicker = moving if drifts else still
    return _State(flicker, drifts, flicker.cost + DRIFT_RARITY * drifts)


def _rhythmic(voice: _Voice, courses: Floats) -> _Flicker:
    """The likeliest flicker, its rhythm sought first roughly and then closely."""
    periods = [period for period in PERIODS if period <= len(courses) / 1.5]
    slow = [(np.inf, memory) for memory in MEMORIES if memory <= SLOWEST_MEMORY]
    rough = _likeliest_flicker(voice, courses, slow + [(period, MEMORIES[-2]) for period in periods])
    if not np.isfinite(rough.period):
        return rough
    index = periods.index(rough.period)
    near = [(period, memory) for period in periods[max(index - 1, 0) : index + 2] for memory in MEMORIES[2:]]
    return _likeliest_flicker(voice, courses, near)


def _likeliest_flicker(voice: _Voice, courses: Floats, rhythms: Sequence[tuple[float, float]]) -> _Flicker:
    series, noise = voice
    least = noise**2 + LEAST_NOISE**2
    size = _size(series, courses) + least
    random, rhythm = (grid.ravel() for grid in np.meshgrid(RANDOM_SHARES, RHYTHM_SHARES, indexing="ij"))
    keep = (rhythm > 0) | (random >= 0.01)
    random, rhythm = random[keep] * size + least, rhythm[keep] * size
    cost = np.full((len(rhythms), len(random)), (random + rhythm) / STRONG**2 + RHYTHM_RARITY * (rhythm > 0))
    both = np.concatenate((courses, series[:, None]), axis=1)
    for index, (period, memory) in enumerate(rhythms):
        values, vectors = _spectrum(len(series), period, memory)
        cost[index] += _costs(vectors.T @ both, random[:, None] + rhythm[:, None] * values)
    which, size_of = divmod(int(np.argmin(cost)), len(random))
    period, memory = rhythms[which]
    return _Flicker(float(random[size_of]), float(rhythm[size_of]), period, memory, float(cost[which, size_of]))


def _costs(both: Floats, spread: Floats) -> Floats:
    """-2 log likelihood of a series, the last of `(T, k + 1)`, under courses of unit prior and noises of each variance.

    Args:
        both: courses and series, `(T, k + 1)`.
        spread: `(N, T)` variances.
    """
    count = both.shape[1]
    products = (both[:, :, None] * both[:, None, :]).reshape(len(both), -1)
    inner = (1 / spread @ products).reshape(-1, count, count) + np.diag([1.0] * (count - 1) + [0.0])
    sides = np.diagonal(np.linalg.cholesky(inner), axis1=1, axis2=2)
    return np.asarray(sides[:, -1] ** 2 + 2 * np.log(sides[:, :-1]).sum(axis=1) + np.log(spread).sum(axis=1))


def _size(voice: Floats, courses: Floats) -> float:
    rest = voice - courses @ np.linalg.lstsq(courses, voice, rcond=1e-9)[0]
    return float(np.mean(rest**2))


@lru_cache(maxsize=128)
def _spectrum(length: int, period: float, memory: float) -> tuple[Floats, Floats]:
    values, vectors = np.linalg.eigh(_rhythm(length, period, memory))
    return np.maximum(values, 0), vectors


def _rhythm(length: int, period: float, memory: float) -> Floats:
    lag = np.arange(length)
    return np.asarray(toeplitz(memory**lag * np.cos(2 * np.pi * lag / period)))


def _drift(length: int) -> Floats:
    """A slow course: a slope, straight or bent, and swings of two seconds or more, the smaller the quicker."""
    count = max(2 * length // SLOWEST_DRIFT, 1)
    phase = (np.arange(length) + 0.5) / length
    order = np.arange(1, count + 1)
    swings = np.cos(np.pi * phase[:, None] * order) * 0.3 / order**2
    bent = phase[:, None] ** np.arange(1, 4) - 0.5
    return np.concatenate((0.5 * bent, swings), axis=1)


def _likeliest(voices: Sequence[_Voice], states: Sequence[_State], courses: Floats) -> tuple[Event, float, float]:
    length = len(courses)
    events, shapes = _candidates(length)
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


@lru_cache(maxsize=2)
def _candidates(length: int) -> tuple[list[Event], Floats]:
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


def _ways(event: Event, height: float, length: int) -> Floats:
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
