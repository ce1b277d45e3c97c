"""Grain laid again against the film's own: where the truth is known, and on four real films.

Where it is known, photographs that nothing was developed on get grain of several sizes, or discs drawn one by one, and
the model is measured from the grainy frames alone. On the films it is measured from pairs of frames, and compared with
what other pairs of the same film show.
"""

import statistics
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from time import perf_counter
from typing import NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from restorers.clip import Clip
from restorers.colorspace import Space, converted
from restorers.damage import Graining, grain
from restorers.detail.grain import GrainModel, laid, spectrum
from restorers.detail.granularity import REACH, autocorrelation, measured
from restorers.metrics.spectrum import bin_shares
from restorers.render import Footage, Held, Span
from restorers.restorer import Bench
from restorers.training.oracle import covered
from tests.benchmarks.filmgrain import FilmGrain
from tests.benchmarks.films import FILMS, film
from tests.benchmarks.footage import decoded
from tests.benchmarks.moves import FOOTAGE
from tests.benchmarks.readings import Extent, Goal, Reading
from tests.benchmarks.result import Row

Floats = NDArray[np.float32]

PHOTOGRAPHS = ("kodim05", "kodim21", "kodim23", "kodim13")
FAMILIAR_PHOTOGRAPHS = ("kodim02", "kodim12")
SIZE = (448, 640)
LENGTH = 8
PAIRS = 12
WEAVE = 0.4  # pixels
NEAR = 6  # pixels
SHARE = 0.02  # of the pixels, that a level needs to be judged
FAINT = 1e-3  # of a spectrum's mean, below which its bins are alike
FULL_HD = (1080, 1920)

GRAINS: Mapping[str, tuple[Graining, ...]] = {
    "grain 0.5 px": (Graining(sigma=0.02, radius=0.5, common=0.3), Graining(sigma=0.06, radius=0.5, common=1.0)),
    "grain 0.9 px": (Graining(sigma=0.02, radius=0.9, common=0.6), Graining(sigma=0.05, radius=0.9, common=0.3)),
    "grain 1.5 px": (Graining(sigma=0.03, radius=1.5, common=0.5), Graining(sigma=0.06, radius=1.5, common=1.0)),
}
DISCS = ((0.5, 0.7, 4), (0.75, 0.9, 6))  # radius and lens in pixels, layers
KNOWN, ORACLE, OWN = "known grain", "discs", "films' own"
CASES: Mapping[str, tuple[str, ...]] = {"grain": tuple(GRAINS), "discs": (ORACLE,), "films": (OWN,)}
KL, CURVE, LAGS, TIME, COLORS = "spectrum KL", "sigma by level off", "autocorrelation off", "in time", "covariance off"
LIMITS = {KL: Goal(0.01, False), CURVE: Goal(5, False), LAGS: Goal(0.02, False), TIME: Goal(0.03, False)}
GOALS: Mapping[str, Mapping[str, Goal]] = {case: LIMITS for cases in CASES.values() for case in cases}
UNITS = {CURVE: "%", COLORS: "%"}


class Trial(NamedTuple):
    """A photograph with grain, or a film."""

    case: str
    shot: str
    variant: int = 0


@dataclass(frozen=True, eq=False)
class Own:
    """What grain is measured to be.

    Attributes:
        lags: autocorrelation `(25, 25)` of green.
        levels: densities.
        sigma: `(3, L)`, not a number where too little was seen.
        covariance: `(3, 3)`.
    """

    lags: Floats
    levels: Floats
    sigma: Floats
    covariance: Floats


def trials(section: str, extent: Extent) -> Iterator[Trial]:
    """The photographs of a section, or the films."""
    if section == "films":
        yield from (Trial(OWN, name) for name in list(FILMS)[: 1 if extent.quick else extent.most])
        return
    names = FAMILIAR_PHOTOGRAPHS if extent.familiar else PHOTOGRAPHS
    for case in CASES[section]:
        for number, name in enumerate(names[: 1 if extent.quick else extent.most]):
            yield Trial(case, name, number % 2)


def readings(trial: Trial, extent: Extent) -> list[Reading]:
    """How far each contender's grain is off the film's own."""
    if trial.case == OWN:
        model, own, pictures = _of_film(trial.shot)
    else:
        model, own, pictures = _of_photograph(trial)
    judged = []
    for method, fields in _contenders(model, pictures, extent.peers):
        done = seen(fields, pictures)
        judged += _judged(trial, method, own, done, fields)
    if trial.case == OWN:
        half = _expected(model, pictures)
        shown = np.isfinite(done.sigma)
        half = replace(half, sigma=np.where(shown, half.sigma, np.nan))
        judged += _judged(trial, "other pairs themselves", own, half, None)
    return judged


def speed(*, quick: bool, threads: int) -> Iterator[Row]:
    """Seconds to lay grain on a frame of full HD, the template being made before."""
    flat = torch.full((4, 3, 192, 256), 0.7)
    grainy, _ = grain(Clip(flat, Space.DENSITY, 0), Graining(sigma=0.03, radius=0.9), Bench())
    model = measured(Footage(Held(grainy), (Span(0, 4),), Space.DENSITY))
    picture, bench, coded = torch.full((3, *FULL_HD), 0.7), Bench(), FilmGrain.fitted(model)
    works: Mapping[str, Callable[[int], object]] = {
        "reelwright": lambda number: laid(model, picture, number, bench),
        "AV1 film grain, lag 3, in NumPy": lambda number: coded.laid(picture.numpy(), number),
    }
    for method, work in works.items():
        work(0)
        spent = []
        for number in range(3 if quick else 9):
            start = perf_counter()
            work(number)
            spent.append(perf_counter() - start)
        low, middle, high = statistics.quantiles(spent, n=4, method="inclusive")
        yield Row(
            case="speed 1080p",
            method=method,
            metric="time",
            value=middle,
            unit="s/frame",
            spread=high - low,
            n=len(spent),
        )


def seen(fields: Floats, pictures: Floats) -> Own:
    """Grain `(T, 3, H, W)` laid on pictures of the same shape, both density, measured as it is."""
    levels = np.arange(0, 2.01, 0.125, dtype=np.float32)
    nearest = np.rint(pictures / 0.125).astype(int)
    sigma = np.full((3, len(levels)), np.nan, np.float32)
    for color in range(3):
        for level in range(len(levels)):
            here = fields[:, color][nearest[:, color] == level]
            if here.size > SHARE * fields[:, color].size:
                sigma[color, level] = here.std()
    flat = fields.transpose(1, 0, 2, 3).reshape(3, -1)
    lags = autocorrelation(_tiles(_evened(fields[:, 1], pictures[:, 1], sigma[1], levels)))
    return Own(lags, levels, sigma, np.cov(flat).astype(np.float32))


def _contenders(model: GrainModel, pictures: Floats, peers: bool) -> Iterator[tuple[str, Floats]]:
    bench = Bench()
    yield (
        "reelwright",
        np.stack([laid(model, torch.from_numpy(p), n, bench).numpy() for n, p in enumerate(pictures)]),
    )
    if peers:
        coded = FilmGrain.fitted(model)
        yield "AV1 film grain, lag 3", np.stack([coded.laid(p, n) for n, p in enumerate(pictures)])
        white = np.random.default_rng(7).standard_normal(pictures.shape, dtype=np.float32)
        strength = np.stack([model.sigma_at(torch.from_numpy(p)).numpy() for p in pictures])
        yield "white noise", strength * white


def _judged(trial: Trial, method: str, own: Own, done: Own, fields: Floats | None) -> list[Reading]:
    near = slice(REACH - NEAR, REACH + NEAR + 1)
    curves = np.stack([[np.interp(done.levels, own.levels, c) for c in own.sigma], done.sigma])
    both = np.isfinite(curves).all(0) & (curves[0] > 0)
    values = {
        KL: divergence(own.lags, done.lags),
        CURVE: 100 * float(np.abs(curves[1][both] / curves[0][both] - 1).mean()),
        LAGS: float(np.sqrt(((own.lags - done.lags)[near, near] ** 2).mean())),
        COLORS: 100 * float(np.linalg.norm(own.covariance - done.covariance) / np.linalg.norm(own.covariance)),
    }
    if fields is not None:
        values[TIME] = max(
            abs(float(np.corrcoef(one.ravel(), two.ravel())[0, 1]))
            for one, two in zip(fields[:-1, 1], fields[1:, 1], strict=True)
        )
    return [Reading(trial.case, trial.shot, method, m, v, UNITS.get(m, "")) for m, v in values.items()]


def divergence(own: Floats, done: Floats) -> float:
    """Kullback and Leibler's, in nats, of the radial spectra of two autocorrelations."""
    shares = bin_shares(64)
    parts = []
    for lags in (own, done):
        radial = np.maximum(_radial(spectrum(lags, 64)), FAINT) * shares
        parts.append(radial / radial.sum())
    return float((parts[0] * np.log(np.maximum(parts[0], 1e-12) / np.maximum(parts[1], 1e-12))).sum())


def _radial(power: Floats) -> NDArray[np.float64]:
    fy, fx = np.fft.fftfreq(64)[:, None], np.fft.rfftfreq(64)[None, :]
    bins = np.minimum(np.sqrt(fx**2 + fy**2) * 32, 22).astype(int)
    doubled = np.where((fx > 0) & (fx < 0.5), 2.0, 1.0) * np.ones_like(fy)
    counts = np.bincount(bins.ravel(), doubled.ravel(), 23)
    return np.bincount(bins.ravel(), (power * doubled).ravel(), 23) / np.maximum(counts, 1)


def _of_photograph(trial: Trial) -> tuple[GrainModel, Own, Floats]:
    clean = _views(trial.shot)
    if trial.case == ORACLE:
        grains = _discs(clean, *DISCS[trial.variant])
    else:
        clip = Clip(torch.from_numpy(clean), Space.DENSITY, 0)
        grains = grain(clip, GRAINS[trial.case][trial.variant], Bench(seed=11))[1].numpy()
    found = Clip(torch.from_numpy(clean + grains), Space.DENSITY, 0)
    model = measured(Footage(Held(found), (Span(0, LENGTH),), Space.DENSITY), pairs=PAIRS)
    return model, seen(grains, clean), clean


def _of_film(name: str) -> tuple[GrainModel, Own, Floats]:
    found = decoded(film(name))
    count = len(found.frames) // 4
    density = found.in_space(Space.DENSITY)
    models = []
    for first in (0, 2):
        spans = tuple(Span(4 * n + first, 4 * n + first + 2) for n in range(count))
        models.append(measured(Footage(Held(density), spans, Space.DENSITY), pairs=PAIRS))
    model, other = models
    frames = density.frames[:: max(len(density.frames) // LENGTH, 1)][:LENGTH].numpy()
    soft = [np.stack([cv2.GaussianBlur(np.ascontiguousarray(c), (0, 0), 2.0) for c in f]) for f in frames]
    pictures = np.stack(soft)
    return model, _expected(other, pictures), pictures


def _expected(model: GrainModel, pictures: Floats) -> Own:
    """What a model says of the grain on pictures."""
    sigma = np.stack([model.sigma_at(torch.from_numpy(picture)).numpy() for picture in pictures])
    flat = sigma.transpose(1, 0, 2, 3).reshape(3, -1)
    covariance = model.correlation * (flat @ flat.T / flat.shape[1])
    return Own(model.autocorrelation, np.array(model.levels, np.float32), model.sigma, covariance)


def _views(name: str) -> Floats:
    """A photograph that weaves a little, in density, `(T, 3, H, W)`."""
    picture = np.asarray(cv2.imread(str(FOOTAGE / "images" / "kodak24" / f"{name}.png")), np.float32)[..., ::-1] / 255
    if picture.shape[0] > picture.shape[1]:
        picture = np.rot90(picture)
    picture = cv2.GaussianBlur(np.ascontiguousarray(picture), (0, 0), 0.6)
    chance = np.random.default_rng(5)
    frames = []
    for _ in range(LENGTH):
        x, y = np.array((30, 30)) + WEAVE * chance.standard_normal(2)
        matrix = np.array([[1, 0, -x], [0, 1, -y]])
        frames.append(cv2.warpAffine(picture, matrix, SIZE[::-1], flags=cv2.INTER_CUBIC))
    codes = torch.from_numpy(np.clip(np.stack(frames), 0, 1).transpose(0, 3, 1, 2).copy())
    return converted(codes, Space.SRGB, Space.DENSITY).numpy()


def _discs(clean: Floats, radius: float, lens: float, layers: int) -> Floats:
    """The density that discs add: the light they leave, seen through a lens, against that of the picture."""
    chance = np.random.default_rng(12)
    codes = converted(torch.from_numpy(clean), Space.DENSITY, Space.SRGB).numpy()
    grainy, plain = np.empty_like(codes), np.empty_like(codes)
    for time, frame in enumerate(codes):
        for color, channel in enumerate(frame):
            grainy[time, color] = covered(chance, channel, radius=radius, lens=lens, layers=layers)
            plain[time, color] = cv2.GaussianBlur(np.clip(channel, 0.004, 0.996), (0, 0), lens)
    both = (converted(torch.from_numpy(c), Space.SRGB, Space.DENSITY).numpy() for c in (codes + grainy - plain, codes))
    return np.subtract(*both)


def _tiles(plane: Floats) -> Floats:
    """Fields `(N, 64, 64)` of frames `(T, H, W)`."""
    t, h, w = plane.shape
    cut = plane[:, : h // 64 * 64, : w // 64 * 64].reshape(t, h // 64, 64, w // 64, 64)
    tiles = cut.transpose(0, 1, 3, 2, 4).reshape(-1, 64, 64)
    return np.asarray(tiles - tiles.mean((1, 2), keepdims=True), np.float32)


def _evened(grains: Floats, pictures: Floats, sigma: Floats, levels: Floats) -> Floats:
    known = np.isfinite(sigma)
    return np.asarray(grains / np.maximum(np.interp(pictures, levels[known], sigma[known]), 1e-6), np.float32)
