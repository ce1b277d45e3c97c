"""The summary of a report: each measure before and after, and in words whether that is good."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from restorers.metrics.measures import Appearance
from tasks.report.content import ShotSheet

Verdict = Literal["better", "worse", "neutral"]
NOTICEABLE = 0.02  # a change of less than 2 % of a measure is called the same


@dataclass(frozen=True)
class Comparison:
    """One line of the summary; numbers are means over the frames of the shots that have them."""

    name: str
    explained: str
    unit: str
    digits: int
    before: float | None
    after: float | None
    words: str
    verdict: Verdict


@dataclass(frozen=True)
class _Measure:
    name: str
    explained: str
    unit: str
    digits: int
    read: Callable[[Appearance], float | None]
    less: str
    more: str
    good: Literal["less", "more", "neither"]


_MEASURES = (
    _Measure("Sideways weave", "how far the picture stands from a steady camera's path", "px", 2,
             lambda a: a.weave_x, "steadier", "less steady", "less"),
    _Measure("Vertical weave", "the same, up and down", "px", 2,
             lambda a: a.weave_y, "steadier", "less steady", "less"),
    _Measure("Flicker", "change of exposure from frame to frame", "D", 4,
             lambda a: a.flicker.step if a.flicker else None, "calmer", "more restless", "less"),
    _Measure("Pumping", "slow change of exposure, periods over 8 frames, trend aside", "D", 4,
             lambda a: a.flicker.slow if a.flicker else None, "calmer", "more restless", "less"),
    _Measure("Alternation", "one frame light, one dark", "D", 4,
             lambda a: a.flicker.alternating if a.flicker else None, "calmer", "more restless", "less"),
    _Measure("Uneven flicker", "flicker that differs across the picture", "D", 4,
             lambda a: a.flicker.uneven if a.flicker else None, "calmer", "more restless", "less"),
    _Measure("Sharpness", "fine over coarse detail of the picture, grain aside", "", 3,
             lambda a: a.sharpness, "softer", "sharper", "more"),
    _Measure("Grain", "standard deviation; restoration should neither scrub nor add", "D", 4,
             lambda a: a.grain_sigma, "less grain", "more grain", "neither"),
)  # fmt: skip


def comparisons(shots: Sequence[ShotSheet]) -> tuple[Comparison, ...]:
    """Every measure over the shots given, before against after."""
    return tuple(_compared(measure, shots) for measure in _MEASURES)


def gist(rows: Sequence[Comparison]) -> str:
    """What got better and what worse, in one line."""
    told = [f"{row.name.lower()} {row.words}" for row in rows if row.verdict != "neutral"]
    return "; ".join(told) or "as found in every measure"


def weighted(shots: Sequence[ShotSheet], read: Callable[[ShotSheet], float | None]) -> float | None:
    """Mean over the frames of the shots that have a value; None where none has."""
    pairs = [(value, shot.measures.frames) for shot in shots if (value := read(shot)) is not None]
    frames = sum(count for _, count in pairs)
    return sum(value * count for value, count in pairs) / frames if frames else None


def _compared(measure: _Measure, shots: Sequence[ShotSheet]) -> Comparison:
    both = [s for s in shots if None not in (measure.read(s.measures.before), measure.read(s.measures.after))]
    before = weighted(both, lambda s: measure.read(s.measures.before))
    after = weighted(both, lambda s: measure.read(s.measures.after))
    words, verdict = _judged(measure, before, after)
    return Comparison(measure.name, measure.explained, measure.unit, measure.digits, before, after, words, verdict)


def _judged(measure: _Measure, before: float | None, after: float | None) -> tuple[str, Verdict]:
    if before is None or after is None:
        return "too short to be measured", "neutral"
    # What both round to the same figure is the same to a reader.
    if abs(after - before) <= max(NOTICEABLE * before, 0.5 * 10**-measure.digits):
        return "as found", "neutral"
    direction = "less" if after < before else "more"
    words = measure.less if direction == "less" else measure.more
    verdict: Verdict = "neutral" if measure.good == "neither" else "better" if direction == measure.good else "worse"
    if before == 0:
        return words, verdict
    ratio = after / before
    return f"{words}, {ratio:.1f} times" if ratio >= 2 else f"{words} by {abs(ratio - 1):.0%}", verdict
