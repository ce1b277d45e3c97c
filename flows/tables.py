"""What the command line shows a person: values of the tasks as tables and lines."""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.table import Table

if TYPE_CHECKING:
    from manifests.reel import Reel
    from restorers.networks.card import Card
    from tasks.cost import Bill, Forecast
    from tasks.demo import Row
    from tasks.finds import Find, Finds
    from tasks.package import Delivered
    from tasks.plan import Step
    from tasks.status import ReelState


def plan_table(reel: "Reel", rows: Sequence[tuple["Step", "Forecast | None"]]) -> Table:
    """The steps of a restoration, what is there of them, and how long the rest may take."""
    table = _table(
        f"{reel.id}: {reel.title}", "stage", "what", "frames", "state", "forecast", right={"frames", "forecast"}
    )
    for step, cost in rows:
        done = step.state == "made before"
        expected = "" if done else f"{cost.median.hours * 3600:.0f} s" if cost else "no history yet"
        work = f"edit {step.treatment}" if step.stage == "edit" else step.treatment or step.stage
        subject = work, step.subject, str(step.frames or "")
        table.add_row(*subject, step.state, expected, style="dim" if done else "")
    return table


def scores_table(card: "Card") -> Table:
    """What a network scores, by its card."""
    table = _table(f"{card.name}, {card.parameters} parameters", "on what was kept back", "", right={""})
    for name, value in card.scores.items():
        table.add_row(name, f"{value:.4g}")
    return table


def status_table(lab: Path, states: Sequence["ReelState"]) -> Table:
    """The reels a lab has worked on."""
    columns = ("reel", "state", "last stage", "last seen (UTC)", "pieces made", "recalled", "failed", "spent")
    table = _table(f"reels in {lab}", *columns)
    for state in states:
        table.add_row(
            state.reel,
            "being restored" if state.busy else "at rest",
            state.last_stage,
            f"{state.last_seen:%Y-%m-%d %H:%M:%S}",
            str(state.made),
            str(state.recalled),
            str(state.failed),
            f"{state.money:.4f} {state.currency}",
        )
    return table


def score_table(rows: Sequence["Row"]) -> Table:
    """How close each stage of the demo came to the truth."""
    columns = ("shot", "stage", "measure", "as scanned", "restored", "unit")
    table = _table("How close each stage came to the truth", *columns, right={"as scanned", "restored"})
    for row in rows:
        table.add_row(row.shot, row.stage, row.measure, f"{row.before:.3g}", f"{row.after:.3g}", row.unit)
    return table


def delivered_table(delivered: "Delivered") -> Table:
    """The files of a restored reel."""
    title = f"{delivered.reel}: {delivered.title}"
    table = _table(title, "file", "frames", "MB", "sha256", right={"frames", "MB"})
    for file in delivered.files:
        table.add_row(file.name, str(file.frames or ""), f"{file.size / 1e6:.1f}", file.digest[:16])
    return table


def delivered_line(delivered: "Delivered") -> str:
    """What was done for it, and what that cost."""
    made = f"{delivered.made} pieces of work done" if delivered.made else "nothing had to be done"
    return f"{made}, {delivered.recalled} recalled; spent {delivered.money:.4f} {delivered.currency}"


def blemish_table(finds: Sequence["Find"]) -> Table:
    """Blemishes and what was done about them."""
    right = {"shot", "frames", "certain", "px"}
    columns = ("id", "kind", "shot", "frames", "x, y, size", "certain", "what was done", "px")
    table = _table("", *columns, right=right)
    for find in finds:
        row = find.row
        top, left, bottom, right_edge = row.box
        size = f"{left}, {top}, {right_edge - left} x {bottom - top}"
        what = (f"{row.confidence:.2f}", row.done, str(row.area or ""))
        style = "dim" if row.action == "left" else ""
        table.add_row(row.id, row.kind, str(row.shot), row.frames, size, *what, style=style)
    return table


def blemish_lines(shown: int, finds: Sequence["Find"], found: Sequence["Finds"]) -> Iterator[str]:
    """How many there are, what was done about them, and what a person can do."""
    done = Counter((find.blemish.action, find.blemish.reason) for find in finds)
    words = [f"{n} {action}" + (f" ({reason})" if reason else "") for (action, reason), n in done.most_common()]
    yield f"{len(finds)} blemishes: {', '.join(words)}" if finds else "No such blemish."
    if shown < len(finds):
        yield f"The first {shown} are shown; --csv and --json list all."
    unmet = [name for one in found for name in one.mending.unmet]
    if unmet:
        yield f"Nothing was found to reject at {'; '.join(unmet)}."
    for one in found:
        yield from (f"Shot {one.shot.index}: {irregularity}." for irregularity in one.mending.irregularities)
    yield "To take a mend back, put its id under `reject` of `repair` in the manifest; nothing is examined again."


def bill_tables(made: "Bill") -> Iterator[Table]:
    """A bill by stage, shot, reel and film, those that it has."""
    parts = (("shots", made.shots), ("reels", made.reels), ("films", made.films))
    stages = ("stages", (*made.stages, made.total) if made.stages else ())
    for title, rows in (stages, *parts):
        if not rows:
            continue
        names = ("name", "done", "recalled", "failed", "CPU s", "peak MB", made.currency, "without cache")
        table = _table(title, *names, right=set(names[1:]))
        for row in rows:
            peak = f"{row.peak_rss_bytes / 1e6:.0f}" if row.peak_rss_bytes else "-"
            figures = (f"{row.cpu_s:.1f}", peak, f"{row.money:.6f}", f"{row.uncached:.6f}")
            table.add_row(row.name, str(row.tasks), str(row.hits), str(row.failures), *figures)
        yield table


def bill_lines(made: "Bill") -> Iterator[str]:
    """The price of an hour of film, and what is not known of the cost."""
    for hour in made.film_hours:
        left_out = f", without {', '.join(hour.left_out)}" if hour.left_out else ""
        yield (
            f"an hour of film at {hour.size} and {hour.fps} fps: {hour.money:.2f} {made.currency}, "
            f"{hour.cpu_hours:.1f} CPU hours, reckoned from {hour.basis:.0f} megapixel-frames{left_out}"
        )
    if made.unended or made.torn:
        yield f"cost not known: {made.unended} tasks without an end, {made.torn} unreadable lines"


def _table(title: str, *columns: str, right: Collection[str] = ()) -> Table:
    table = Table(title=title, title_justify="left")
    for column in columns:
        table.add_column(column, justify="right" if column in right else "left")
    return table
