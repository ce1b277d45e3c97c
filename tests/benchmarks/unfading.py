"""How close methods bring faded reels to what they were, by how much is known of them; in dE2000, by simulation."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import colour
import numpy as np

from restorers.decay import DecayCorrection
from restorers.dyes import projection
from restorers.dyes.scanner import GENERIC_LAMPS
from restorers.dyes.stocks import KEPT_BACK, Floats
from restorers.unfading.references import Reference
from tests.benchmarks import corrections
from tests.benchmarks.corrections import BALANCE, CURVES, GAMMA, TWO
from tests.benchmarks.fades import GRAYS, ROUNDS, Simulated, Trial, scanners, simulated

ONE, CLEAR, THREE, NAMED, BLIND = (
    "ours, 1 gray",
    "ours, 1 gray and clear",
    "ours, 3 grays and clear",
    "ours, 3 grays and clear, stock named",
    "ours, blind",
)
GUESSED = f"{BLIND}, where it does not abstain"
THREE_GRAYS = tuple(f"gray {i}" for i in range(len(GRAYS)))
DRAWN = 2000  # samples of the bootstrap


@dataclass(frozen=True)
class Error:
    """What one method made of one reel.

    Attributes:
        method: its name.
        mean: dE2000 over the reel's pixels.
        high: 95 % of them are below.
        left: whether it was left as found.
    """

    method: str
    mean: float
    high: float
    left: bool = False


@dataclass(frozen=True)
class Goal:
    """What a method should reach.

    Attributes:
        below_balance: percent of white balance's mean error.
        rival: another method with the same information.
        below_rival: percent of its error.
        most: of the mean error itself.
    """

    below_balance: float
    rival: str = ""
    below_rival: float = 0.0
    most: float = np.inf


GOALS: Mapping[str, Goal] = {
    ONE: Goal(68, GAMMA, 35),
    CLEAR: Goal(75, TWO, 40),
    THREE: Goal(82, CURVES),
    NAMED: Goal(88, most=0.9),
    BLIND: Goal(35),
}


def treatments(film: Simulated, stock: str) -> dict[str, DecayCorrection]:
    """Ours, by what it is told."""
    at = film.places
    three = (at["clear"], *(at[name] for name in THREE_GRAYS))

    def levelless(names: Sequence[str]) -> tuple[Reference, ...]:
        return tuple(at[name].model_copy(update={"density": None}) for name in names)

    told = DecayCorrection(scanner=film.bands)
    return {
        ONE: _told(told, at["gray"]),
        CLEAR: _told(told, at["clear"], at["gray"]),
        THREE: _told(told, *three),
        NAMED: _told(told, *three).model_copy(update={"stock": stock}),
        "ours, chart": _told(told, *(place for name, place in at.items() if name.startswith("chart"))),
        "ours, 3 grays and clear, scanner not known": _told(told, *three).model_copy(update={"scanner": GENERIC_LAMPS}),
        "ours, 1 gray and clear, its density not known": _told(told, at["clear"], *levelless(("gray",))),
        "ours, 3 grays and clear, densities not known": _told(told, at["clear"], *levelless(THREE_GRAYS)),
        BLIND: told,
    }


def _told(treatment: DecayCorrection, *references: Reference) -> DecayCorrection:
    return treatment.model_copy(update={"references": references})


def trials(case: str, rounds: int = ROUNDS, *, sound: bool = False) -> list[Trial]:
    """The reels of a case: each stock in each scanner, faded so many times."""
    return [
        Trial(case, stock, scanner, number, sound)
        for stock in sorted(KEPT_BACK)
        for scanner in scanners()
        for number in range(rounds)
    ]


def errors(trial: Trial, only: Sequence[str] = ()) -> list[Error]:
    """What every method makes of a reel; of ours only some, if they are named."""
    film = simulated(trial)
    wanted = projection.lab(film.wanted)
    found = [_error(name, made, wanted) for name, made in corrections.corrected(film).items()]
    as_found = found[0]
    for name, treatment in treatments(film, trial.stock).items():
        if only and name not in only:
            continue
        made, left, _ = film.worked(treatment)
        # What is left as found is shown as any scan is.
        error = replace(as_found, method=name, left=True) if left else _error(name, made, wanted)
        found.append(error)
        if name == BLIND and not left:
            found.append(replace(error, method=GUESSED))
    return found


def changes(trial: Trial) -> dict[str, float]:
    """By how much ours changes a reel that has not faded, dE2000 of the mean pixel, by what it is told."""
    film = simulated(replace(trial, sound=True))
    before = projection.lab(_seen(film.seen[1:]))
    return {
        name: 0.0 if left else float(_differences(projection.lab(np.maximum(made, 1e-6)), before).mean())
        for name, treatment in treatments(film, trial.stock).items()
        for made, left, _ in (film.worked(treatment),)
    }


def _seen(densities: Floats) -> Floats:
    return np.maximum(projection.of_rec709(10**-densities), 1e-6)


def _error(method: str, made: Floats, wanted: Floats) -> Error:
    apart = _differences(projection.lab(np.maximum(made, 1e-6)), wanted)
    return Error(method, float(apart.mean()), float(np.quantile(apart, 0.95)))


def _differences(one: Floats, other: Floats) -> Floats:
    return np.asarray(colour.delta_E(one, other, method="CIE 2000"))


@dataclass(frozen=True)
class Standing:
    """How a method stands over the reels of a case.

    Attributes:
        method: its name.
        mean: of its errors, dE2000.
        median: of the reels.
        high: mean of what 95 % of a reel's pixels are below.
        worst: reel.
        below: percent of white balance's mean error that it is below, and the ends of its 95 % confidence interval.
        left: share of the reels that it left as found.
        count: reels.
    """

    method: str
    mean: float
    median: float
    high: float
    worst: float
    below: tuple[float, float, float]
    left: float
    count: int


def standings(found: Sequence[Sequence[Error]]) -> Iterator[Standing]:
    """How each method stands, by the errors of reel after reel; confidence by a bootstrap over the reels."""
    names = dict.fromkeys(error.method for reel in found for error in reel)
    reels = [{error.method: error for error in reel} for reel in found]
    for name in names:
        there = [reel for reel in reels if name in reel]
        own, balance = (np.array([reel[method].mean for reel in there]) for method in (name, BALANCE))
        yield Standing(
            method=name,
            mean=float(own.mean()),
            median=float(np.median(own)),
            high=float(np.mean([reel[name].high for reel in there])),
            worst=float(own.max()),
            below=below(own, balance),
            left=float(np.mean([reel[name].left for reel in there])),
            count=len(there),
        )


def below(own: Floats, rival: Floats) -> tuple[float, float, float]:
    """Percent by which the mean of errors is below that of another's on the same reels, and its 95 % interval."""
    chosen = np.random.default_rng(0).integers(len(own), size=(DRAWN, len(own)))
    drawn = 100 * (1 - own[chosen].mean(1) / rival[chosen].mean(1))
    low, high = np.quantile(drawn, (0.025, 0.975))
    return float(100 * (1 - own.mean() / rival.mean())), float(low), float(high)
