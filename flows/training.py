"""The commands that make what the package has learned: networks, and what tells grain from other noise."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows import tables
from flows.exits import explained
from flows.options import Device, LabFolder, Workers, console, errors, lab_at
from flows.progress import shown_progress

if TYPE_CHECKING:
    from tasks.train import Cost

Data = Annotated[
    Path, typer.Option("--data", exists=True, file_okay=False, help="folder of the pictures it learns from")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="only say what it will cost")]
Licence = Annotated[str, typer.Option("--licence", help="of these pictures, for the card")]


def train(
    network: Annotated[
        str, typer.Argument(help="which network: assessor, enhancer, draft, imaginer, painter, detector, unfader")
    ],
    data: Data,
    licence: Licence,
    films: Annotated[
        Path | None, typer.Option("--films", exists=True, file_okay=False, help="folder of clean films, for motion")
    ] = None,
    films_licence: Annotated[str, typer.Option("--films-licence", help="of these, for the card")] = "not stated",
    shapes: Annotated[
        Path | None, typer.Option("--shapes", exists=True, file_okay=False, help="folder of shapes of damage")
    ] = None,
    shapes_licence: Annotated[str, typer.Option("--shapes-licence", help="of these, for the card")] = "not stated",
    minutes: Annotated[float, typer.Option("--minutes", min=0, help="for how long, if nothing else runs")] = 30,
    out: Annotated[Path, typer.Option("--out", file_okay=False, help="weights and card are put here")] = Path(
        "networks"
    ),
    lab: LabFolder = Path("lab"),
    device: Device = "cpu",
    workers: Workers = None,
    again: Annotated[bool, typer.Option("--again", help="another round for a training that has ended")] = False,
    held: Annotated[
        float, typer.Option("--held", min=0, max=0.99, help="share of the weights that such a round began with")
    ] = 0.0,
    dry_run: DryRun = False,
) -> None:
    """Train one of the small networks. Run it again to go on where it was stopped."""
    with explained(errors):
        here = lab_at(lab, [], Path("restored"), device, workers)
        from tasks.train import Training, Workshop

        asked = Training(
            name=network,
            data=data,
            licence=licence,
            films=films,
            films_licence=films_licence,
            shapes=shapes,
            shapes_licence=shapes_licence,
            minutes=minutes,
            out=out,
            again=again,
            held=held,
        )
        with shown_progress(errors):
            workshop = Workshop(asked, here)
        console.print(_said(workshop.cost(), "steps", "one GPU" if device.startswith("cuda") else ""))
        if dry_run:
            return
        with shown_progress(errors):
            card = workshop.run()
        console.print(tables.scores_table(card))
        console.print(f"weights: {workshop.weights}, sha256 {card.sha256}", soft_wrap=True)


def fit(
    data: Data,
    licence: Licence,
    shots: Annotated[int, typer.Option("--shots", min=32, help="how many are simulated")] = 2400,
    seed: Annotated[int, typer.Option("--seed", help="of all that is random in them")] = 0,
    out: Annotated[Path, typer.Option("--out", file_okay=False, help="character.json is put here")] = Path("networks"),
    lab: LabFolder = Path("lab"),
    dry_run: DryRun = False,
) -> None:
    """Fit anew what tells film grain from other noise: weights for restorers/detail/character.json."""
    with explained(errors):
        here = lab_at(lab, [], Path("restored"), "cpu", None)
        from tasks.fitting import Fitting

        fitting = Fitting(data, licence, shots=shots, seed=seed)
        console.print(_said(fitting.cost(here.rates), "shots"))
        if dry_run:
            return
        with shown_progress(errors):
            where = fitting.run(out)
    console.print(f"weights: {where}", soft_wrap=True)


def _said(cost: "Cost", what: str, where: str = "") -> str:
    cores = "one CPU core" if cost.cores == 1 else f"{cost.cores} CPU cores"
    return (
        f"{cost.left} of {cost.steps} {what} to do: {cost.hours * 60:.0f} minutes of {where or cores}, "
        f"{cost.money:.2f} {cost.currency}"
    )
