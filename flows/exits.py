"""How a command ends: what its exit code says, and which errors a person can act on."""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum

import typer
from rich.console import Console


class Exit(IntEnum):
    """What the command's exit code says."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    MANIFEST = 3
    SCAN = 4
    BUDGET = 5
    DAMAGE = 6
    BUSY = 7


@contextmanager
def explained(console: Console) -> Iterator[None]:
    """Errors that a person can act on become one message and an exit code; the rest keep their traceback."""
    try:
        yield
    except tuple(_exits()) as error:
        code = next(code for kind, code in _exits().items() if isinstance(error, kind))
        console.print(f"[red]{error}[/red]", highlight=False, markup=True)
        raise typer.Exit(code) from error


def _exits() -> "dict[type[Exception], Exit]":
    """What a person can act on; asked for only when something went wrong, as it imports Prefect."""
    from manifests import ManifestError
    from restorers.restorer import WrongEdit
    from tasks.cost import OverBudget
    from tasks.lease import Busy
    from tasks.look import NotThere
    from tasks.material import Untrainable
    from tasks.media import MediaError

    return {
        ManifestError: Exit.MANIFEST,
        WrongEdit: Exit.MANIFEST,
        MediaError: Exit.SCAN,
        OverBudget: Exit.BUDGET,
        Busy: Exit.BUSY,
        NotThere: Exit.FAILED,
        Untrainable: Exit.USAGE,
    }
