"""What the commands have in common: options, consoles, and the lab they work in."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from flows.embedded import settle

if TYPE_CHECKING:
    from tasks.lab import Lab

console = Console()
errors = Console(stderr=True)

Manifest = Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="the reel's YAML file")]
Vault = Annotated[
    list[Path], typer.Option("--vault", exists=True, file_okay=False, help="root that scans lie under; may be repeated")
]
LabFolder = Annotated[Path, typer.Option("--lab", file_okay=False, help="store, ledger and work in progress")]
Out = Annotated[Path, typer.Option("--out", file_okay=False, help="finished reels are put here, one folder each")]
Json = Annotated[bool, typer.Option("--json", help="print JSON for a script instead of a table")]
Device = Annotated[str, typer.Option(help="cpu, or cuda:0; never chosen for you")]
Workers = Annotated[int | None, typer.Option(min=1, help="CPU threads; all of them when not given")]
Logs = Annotated[bool, typer.Option("--logs", help="show Prefect's log instead of a progress bar")]


def lab_at(root: Path, vaults: list[Path], out: Path, device: str, workers: int | None) -> "Lab":
    """A lab in a folder, with its vaults and the place for finished reels."""
    settle(root / "prefect")
    from tasks.lab import Lab

    lab = Lab(
        root=root.resolve(),
        vaults=tuple(vault.resolve() for vault in vaults),
        out=out.resolve(),
        device=device,
        trunks=Path(os.environ.get("TORCH_HOME", "~/.cache/torch")).expanduser(),
    )
    return lab.model_copy(update={"workers": workers}) if workers else lab
