"""What a restoration costs: the ledger rolled up by stage, shot, reel and film, and for an hour of film at 2K and 4K.

Spent is spent: failed tries count. Beside it stands what the same lines would have cost had nothing been kept from
before: a cache hit is priced at the last line in the ledger that did that work, and hits of which no such line is left
are counted apart, since their price is unknown.

An hour of film is reckoned per megapixel-frame (one scanned frame of one million pixels): what a stage spent, over the
megapixel-frames it got done, times those in 3600 seconds of film at its own speed, at a 2K or 4K full-aperture scan,
times the passes each shot goes through the stage (three deliveries are three). It takes the work to grow with the
pixels, so what a stage costs once per shot is scaled up too: a short reel overstates.
"""

from collections.abc import Callable, Hashable, Iterable, Sequence
from datetime import timedelta
from fractions import Fraction
from typing import Literal, TypeVar

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from manifests.reel import Budget
from tasks.ledger import Line, Reading

TWO_K = (1556, 2048)
FOUR_K = (3112, 4096)
"""Height and width of a full-aperture 35 mm scan."""

K = TypeVar("K", bound=Hashable)


class OverBudget(RuntimeError):
    """The work has cost, or would cost, more than the manifest's budget allows."""


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Row(_Value):
    """The sum of some lines."""

    name: str
    tasks: int = Field(description="lines that did work, failed ones too")
    failures: int
    hits: int = Field(description="lines that found the work done")
    wall_s: float = Field(description="summed over tasks, so more than the clock where they overlap")
    cpu_s: float
    gpu_s: float | None = Field(description="None where no task ran on a GPU")
    energy_j: float | None = Field(description="of the tasks whose GPU meters it; None where none does")
    peak_rss_bytes: int | None
    peak_vram_bytes: int | None
    bytes_in: int
    bytes_out: int
    frames: int = Field(description="worked on, without those of hits and failures")
    megapixel_frames: float
    passes: float = Field(description="recipes a shot goes through in one run, the mean over shots")
    money: float = Field(description="spent")
    uncached: float = Field(description="what it would have cost without the cache")
    unpriced_hits: int = Field(description="hits whose price is not in the ledger, so not in `uncached`")


class FilmHour(_Value):
    """What an hour of film would cost at one size, by the lines billed."""

    size: Literal["2K", "4K"]
    fps: Fraction
    megapixel_frames: float = Field(description="in that hour")
    basis: float = Field(description="megapixel-frames it is reckoned from: the fewer, the more it overstates")
    money: float
    cpu_hours: float
    gpu_hours: float | None
    stages: dict[str, float] = Field(description="money by stage")
    left_out: tuple[str, ...] = Field(description="stages that count no megapixel-frames, so cannot be scaled")


class Bill(_Value):
    """What was spent on what."""

    currency: str
    rates: tuple[str, ...] = Field(description="versions of the lab's rates on the lines")
    total: Row
    stages: tuple[Row, ...]
    shots: tuple[Row, ...]
    reels: tuple[Row, ...]
    films: tuple[Row, ...]
    hours: float = Field(description="clock hours during which any task ran")
    film_hours: tuple[FilmHour, ...] = Field(description="2K and 4K; empty where the lines did no countable work")
    unended: int = Field(description="tasks that began and wrote no end: running, or killed; their cost is not known")
    torn: int = Field(description="ledger lines that cannot be read; their cost is not known")

    def text(self) -> str:
        """The bill in plain lines."""
        rows = [f"{'':24} {'tasks':>6} {'hits':>6} {'failed':>6} {'cpu s':>10} {'gpu s':>10} {self.currency:>12}"]
        for row in (*self.stages, self.total):
            gpu = "-" if row.gpu_s is None else f"{row.gpu_s:.1f}"
            counts = f"{row.tasks:6} {row.hits:6} {row.failures:6}"
            rows.append(f"{row.name:24} {counts} {row.cpu_s:10.1f} {gpu:>10} {row.money:12.6f}")
        unpriced = f", and {self.total.unpriced_hits} hits of unknown price" if self.total.unpriced_hits else ""
        rows.append(f"without the cache: {self.total.uncached:.6f} {self.currency}{unpriced}")
        for hour in self.film_hours:
            left_out = f", without {', '.join(hour.left_out)}" if hour.left_out else ""
            price = f"an hour of film at {hour.size}, {hour.fps} fps: {hour.money:.4f} {self.currency}"
            rows.append(f"{price} (reckoned from {hour.basis:.4g} megapixel-frames{left_out})")
        if self.unended or self.torn:
            rows.append(f"cost not known: {self.unended} tasks without an end, {self.torn} unreadable lines")
        rows.append(f"rates: {', '.join(self.rates)}")
        return "\n".join(rows)


class Spent(_Value):
    """Money and clock hours, spent or to be spent."""

    money: float = 0.0
    hours: float = 0.0


class Forecast(_Value):
    """What a piece of work will take, by what the same stage took before."""

    stage: str
    megapixel_frames: float
    lines: int = Field(description="how many lines of the ledger it rests on")
    median: Spent
    p90: Spent = Field(description="nine times in ten it took less; little to go by where `lines` are few")


def bill(
    reading: Reading, fps: Fraction, *, reel: str | None = None, run: str | None = None, film: str | None = None
) -> Bill | None:
    """The bill for what a ledger says of a reel, a run or a film, or for all of it; None where it says nothing.

    Args:
        reading: the whole ledger: lines outside the choice price the hits in it.
        fps: how fast the film runs, for an hour of it.
        reel: only lines of this reel.
        run: only lines of this run.
        film: only lines of this film.

    Raises:
        ValueError: the lines are in more than one currency.
    """
    lines, unended = (
        [
            line
            for line in every
            if (reel is None or line.reel == reel)
            and (run is None or line.run == run)
            and (film is None or line.film == film)
        ]
        for every in (reading.lines, reading.unended)
    )
    if not lines:
        return None
    currencies = sorted({line.currency for line in lines})
    if len(currencies) > 1:
        raise ValueError(f"the ledger's lines are in {' and '.join(currencies)}: bill a run or reel at a time")
    prices = _prices(reading.lines, currencies[0])

    def rows(name: Callable[[Line], str | None], lines: Iterable[Line] = lines) -> tuple[Row, ...]:
        return tuple(_row(key, group, prices) for key, group in _grouped(lines, name).items() if key is not None)

    stages = rows(_stage)
    return Bill(
        currency=currencies[0],
        rates=tuple(sorted({line.rates for line in lines})),
        total=_row("total", lines, prices),
        stages=stages,
        shots=rows(
            lambda line: f"{line.reel} shot {line.shot}",
            sorted((line for line in lines if line.shot is not None), key=lambda line: (line.reel, line.shot or 0)),
        ),
        reels=rows(lambda line: line.reel),
        films=rows(lambda line: line.film),
        hours=spent(lines).hours,
        film_hours=tuple(
            hour for hour in (_film_hour("2K", TWO_K, fps, stages), _film_hour("4K", FOUR_K, fps, stages)) if hour
        ),
        unended=len(unended),
        torn=len(reading.torn),
    )


def spent(lines: Iterable[Line]) -> Spent:
    """Money on the lines, and the hours by the clock during which any of their tasks ran."""
    money, seconds, until = 0.0, 0.0, None
    worked = [line for line in lines if not line.cache_hit]
    for line in sorted(worked, key=lambda line: line.time - timedelta(seconds=line.wall_s)):
        money += line.money
        start = line.time - timedelta(seconds=line.wall_s)
        if until is None or line.time > until:
            seconds += (line.time - (start if until is None else max(start, until))).total_seconds()
            until = line.time
    return Spent(money=money, hours=seconds / 3600)


def within(budget: Budget, so_far: Spent, ahead: Spent = Spent()) -> bool:  # noqa: B008 - frozen
    """Whether a budget still holds what was spent and what is about to be."""
    return overrun(budget, so_far, ahead) is None


def overrun(budget: Budget, so_far: Spent, ahead: Spent = Spent()) -> str | None:  # noqa: B008 - frozen
    """In words, by what a budget is overrun; None while it is not."""
    for what, cap, done, next_ in (
        ("money", budget.money, so_far.money, ahead.money),
        ("hours", budget.hours, so_far.hours, ahead.hours),
    ):
        if cap is not None and done + next_ > cap:
            to_come = f", and what comes next is expected to take {next_:.6g}" if next_ else ""
            return f"the budget allows {cap:.6g} ({what}); {done:.6g} is spent{to_come}"
    return None


def forecast(
    lines: Sequence[Line],
    stage: str,
    megapixel_frames: float,
    *,
    treatment: str | None = None,
    device: str | None = None,
) -> Forecast | None:
    """What a piece of work will take by the clock and in money; None where the ledger holds no such work.

    Args:
        lines: the ledger's.
        stage: of the work.
        megapixel_frames: its size.
        treatment: kind of the treatment, for an examination.
        device: only by work done on it.
    """
    past = [
        line
        for line in lines
        if (line.stage, line.treatment) == (stage, treatment)
        and line.status == "done"
        and not line.cache_hit
        and line.megapixel_frames > 0
        and (device is None or line.device == device)
    ]
    if not past:
        return None
    rates = np.array([(line.money, line.wall_s / 3600) for line in past]) / [[line.megapixel_frames] for line in past]
    (money, hours), (most_money, most_hours) = np.quantile(rates, [0.5, 0.9], axis=0) * megapixel_frames
    return Forecast(
        stage=stage if treatment is None else f"{stage} {treatment}",
        megapixel_frames=megapixel_frames,
        lines=len(past),
        median=Spent(money=money, hours=hours),
        p90=Spent(money=most_money, hours=most_hours),
    )


def _stage(line: Line) -> str:
    return line.stage if line.treatment is None else f"{line.stage} {line.treatment}"


def _grouped(lines: Iterable[Line], name: Callable[[Line], K]) -> dict[K, list[Line]]:
    groups: dict[K, list[Line]] = {}
    for line in lines:
        groups.setdefault(name(line), []).append(line)
    return groups


def _prices(lines: Iterable[Line], currency: str) -> dict[tuple[str, str], float]:
    """What each recipe last cost when it was really done."""
    return {
        (_stage(line), line.key): line.money
        for line in lines
        if line.status == "done" and not line.cache_hit and line.currency == currency
    }


def _row(name: str, lines: Sequence[Line], prices: dict[tuple[str, str], float]) -> Row:
    worked = [line for line in lines if not line.cache_hit]
    done = [line for line in worked if line.status == "done"]
    hits = [(_stage(line), line.key) for line in lines if line.cache_hit]
    money = sum(line.money for line in worked)
    return Row(
        name=name,
        tasks=len(worked),
        failures=len(worked) - len(done),
        hits=len(hits),
        wall_s=sum(line.wall_s for line in worked),
        cpu_s=sum(line.cpu_s for line in worked),
        gpu_s=_sum(line.gpu_s for line in worked),
        energy_j=_sum(line.energy_j for line in worked),
        peak_rss_bytes=max((line.peak_rss_bytes for line in worked if line.peak_rss_bytes), default=None),
        peak_vram_bytes=max((line.peak_vram_bytes for line in worked if line.peak_vram_bytes), default=None),
        bytes_in=sum(line.bytes_in for line in worked),
        bytes_out=sum(line.bytes_out for line in worked),
        frames=sum(line.frames for line in done),
        megapixel_frames=sum(line.megapixel_frames for line in done),
        passes=_passes(lines),
        money=money,
        uncached=money + sum(prices.get(hit, 0.0) for hit in hits),
        unpriced_hits=sum(hit not in prices for hit in hits),
    )


def _film_hour(
    size: Literal["2K", "4K"], shape: tuple[int, int], fps: Fraction, stages: Iterable[Row]
) -> FilmHour | None:
    megapixel_frames = float(3600 * fps) * shape[0] * shape[1] / 1e6
    worked = [row for row in stages if row.tasks]
    counted = [(row, row.passes * megapixel_frames / row.megapixel_frames) for row in worked if row.megapixel_frames]
    if not counted:
        return None
    money = {row.name: row.money * scale for row, scale in counted}
    gpu_s = _sum(None if row.gpu_s is None else row.gpu_s * scale for row, scale in counted)
    return FilmHour(
        size=size,
        fps=fps,
        megapixel_frames=megapixel_frames,
        basis=min(row.megapixel_frames / row.passes for row, _ in counted),
        money=sum(money.values()),
        cpu_hours=sum(row.cpu_s * scale for row, scale in counted) / 3600,
        gpu_hours=None if gpu_s is None else gpu_s / 3600,
        stages=money,
        left_out=tuple(row.name for row in worked if row.name not in money),
    )


def _passes(lines: Iterable[Line]) -> float:
    runs = _grouped(lines, lambda line: (line.reel, line.shot, line.run))
    passes: dict[tuple[str, int | None], int] = {}
    for (reel, shot, _), group in runs.items():
        passes[reel, shot] = max(passes.get((reel, shot), 0), len({line.key for line in group}))
    return sum(passes.values()) / len(passes)


def _sum(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None
