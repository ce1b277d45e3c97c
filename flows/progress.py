"""Work in progress as bars in a terminal, one for each step."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from tasks.progress import Step, watched


@contextmanager
def shown_progress(console: Console) -> Iterator[None]:
    """What the tasks tell of their progress within the block, on a console."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as bar:
        rows: dict[tuple[str, str], TaskID] = {}

        def show(step: Step) -> None:
            row = rows.get((step.stage, step.subject))
            if row is None:
                row = rows[step.stage, step.subject] = bar.add_task(f"{step.stage} {step.subject}", total=step.total)
            bar.update(row, completed=step.done)

        with watched(show):
            yield
