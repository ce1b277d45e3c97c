"""The command line: `reelwright demo`, plan, look, blemishes, restore, status, report, cost, verify."""

import atexit
import json
import os
import sys
from contextlib import nullcontext
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

from flows import tables, training
from flows.embedded import start
from flows.exits import Exit, explained
from flows.options import Device, Json, LabFolder, Logs, Manifest, Out, Vault, Workers, console, errors, lab_at
from flows.progress import shown_progress

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tasks.cost import Forecast
    from tasks.lab import Lab
    from tasks.ledger import Line
    from tasks.package import Delivered
    from tasks.plan import Step


app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_show_locals=False,
    help="""Restore scans of decaying film into documented masters, as reversible layers over an untouched scan.

    Start with [bold]reelwright demo[/bold]. Then write a manifest for a reel and run
    [bold]reelwright plan[/bold] and [bold]reelwright restore[/bold] on it.

    Exit codes: 0 done, 1 failed, 2 wrong usage, 3 the manifest is wrong, 4 the scan is faulty, 5 the budget is
    spent (run again to go on), 6 verify found damage, 7 somebody else is restoring this reel.""",
)
LISTED = 100  # blemishes in a table; files hold them all


@app.command()
def restore(
    manifest: Manifest,
    vault: Vault,
    lab: LabFolder = Path("lab"),
    out: Out = Path("restored"),
    device: Device = "cpu",
    workers: Workers = None,
    logs: Logs = False,
    as_json: Json = False,
) -> None:
    """Restore a reel: masters, report and bill in OUT/<reel id>. Run it again to go on where it was stopped."""
    with explained(errors):
        delivered = _restored(manifest, lab_at(lab, vault, out, device, workers), logs=logs)
        if as_json:
            _print_json(delivered.model_dump(mode="json"))
        else:
            _show_delivered(delivered)


@app.command()
def plan(
    manifest: Manifest,
    vault: Vault,
    lab: LabFolder = Path("lab"),
    device: Device = "cpu",
    as_json: Json = False,
) -> None:
    """Show what a restoration would do and what is there already, without doing any of it."""
    with explained(errors):
        here = lab_at(lab, vault, Path("restored"), device, None)
        from manifests import read
        from tasks.plan import planned

        reel = read(manifest)
        steps = planned(reel, here)
        lines = here.ledger.read().lines
        rows = [(step, _forecast(lines, step)) for step in steps]
        if as_json:
            _print_json([{**s.model_dump(), "forecast": f.model_dump(mode="json") if f else None} for s, f in rows])
            return
        console.print(tables.plan_table(reel, rows))
        left = sum(step.state == "to do" for step in steps)
        console.print(f"{left} steps to do, {sum(s.state == 'made before' for s in steps)} made before.")


@app.command()
def look(
    manifest: Manifest,
    vault: Vault,
    shot: Annotated[int, typer.Option("--shot", min=1, help="its number in the reel")],
    lab: LabFolder = Path("lab"),
    layer: Annotated[
        list[str] | None,
        typer.Option("--layer", help="a treatment, e.g. stabilization; may be repeated; all together when not given"),
    ] = None,
    out: Annotated[Path, typer.Option("--out", file_okay=False, help="the pictures are put here")] = Path("look"),
    device: Device = "cpu",
    workers: Workers = None,
) -> None:
    """Picture what the lab has found out about a shot: a frame, a strip and a slice over time, before and after."""
    with explained(errors):
        here = lab_at(lab, vault, Path("restored"), device, workers)
        from manifests import read
        from tasks.look import layers_to_show, looked_at, shot_so_far

        reel = read(manifest)
        seen = shot_so_far(reel, shot, here)
        with shown_progress(errors):
            for name, layers in layers_to_show(reel, seen, tuple(layer or ())).items():
                for path in looked_at(seen, layers, out, here, name=name):
                    console.print(path, soft_wrap=True)


@app.command()
def blemishes(
    manifest: Manifest,
    vault: Vault,
    shot: Annotated[int | None, typer.Option("--shot", min=1, help="of this shot alone")] = None,
    frame: Annotated[int | None, typer.Option("--frame", min=0, help="on this frame alone")] = None,
    kind: Annotated[list[str] | None, typer.Option("--kind", help="dust, scratch ...; may be repeated")] = None,
    action: Annotated[list[str] | None, typer.Option("--action", help="borrowed, left ...; may be repeated")] = None,
    sheet: Annotated[
        Path | None, typer.Option("--sheet", dir_okay=False, help="picture them as found and mended in this JPEG file")
    ] = None,
    lab: LabFolder = Path("lab"),
    device: Device = "cpu",
    as_csv: Annotated[bool, typer.Option("--csv", help="print CSV instead of a table")] = False,
    as_json: Json = False,
) -> None:
    """List what repair found and what it did about it, with the manifest's edits on it: to look through and edit."""
    with explained(errors):
        here = lab_at(lab, vault, Path("restored"), device, None)
        from manifests import read
        from tasks import finds
        from tasks.pictures import jpeg

        found = finds.finds_so_far(read(manifest), here)
        chosen = finds.chosen(found, shot=shot, frame=frame, kinds=kind or (), actions=action or ())
        if sheet is not None:
            sheet.parent.mkdir(parents=True, exist_ok=True)
            with shown_progress(errors):
                sheet.write_bytes(jpeg(finds.sheet(chosen, here)))
        if as_json:
            _print_json(finds.record(chosen, found))
        elif as_csv:
            sys.stdout.write(finds.listed(chosen))
        else:
            console.print(tables.blemish_table(chosen[:LISTED]))
            for line in tables.blemish_lines(min(LISTED, len(chosen)), chosen, found):
                console.print(line, highlight=False)
            console.print(f"{finds.weight_of(found, here)}", highlight=False)


@app.command()
def status(lab: LabFolder = Path("lab"), as_json: Json = False) -> None:
    """Show the reels this lab has worked on: when, how far, and what was spent."""
    with explained(errors):
        from tasks.status import reel_states

        states = reel_states(lab_at(lab, [], Path("restored"), "cpu", None))
        if as_json:
            _print_json([state.model_dump(mode="json") for state in states])
            return
        console.print(tables.status_table(lab, states))


@app.command()
def report(
    reel: Annotated[str, typer.Argument(help="reel id")], out: Out = Path("restored"), as_json: Json = False
) -> None:
    """Say where a restored reel's report lies, and its figures in short."""
    with explained(errors):
        from tasks.package import Delivered

        folder = out / reel
        delivered = Delivered.model_validate_json((folder / "delivered.json").read_bytes())
        if as_json:
            _print_json(delivered.model_dump(mode="json"))
        else:
            _show_delivered(delivered)


@app.command()
def cost(
    lab: LabFolder = Path("lab"),
    reel: Annotated[str | None, typer.Option(help="one reel only")] = None,
    film: Annotated[str | None, typer.Option(help="one film only")] = None,
    fps: Annotated[str, typer.Option(help="frames a second, for an hour of film")] = "24",
    as_json: Json = False,
) -> None:
    """Roll up the ledger: per stage, shot, reel and film, and per film hour at 2K and 4K."""
    with explained(errors):
        from tasks.cost import bill

        made = bill(lab_at(lab, [], Path("restored"), "cpu", None).ledger.read(), Fraction(fps), reel=reel, film=film)
        if made is None:
            errors.print(f"The ledger in {lab} says nothing of that.")
            raise typer.Exit(Exit.FAILED)
        if as_json:
            _print_json(made.model_dump(mode="json"))
        else:
            for shown in (*tables.bill_tables(made), *tables.bill_lines(made)):
                console.print(shown)


@app.command()
def verify(
    lab: LabFolder = Path("lab"),
    out: Annotated[Path | None, typer.Option("--out", help="also check the masters in this folder")] = None,
    vault: Annotated[list[Path] | None, typer.Option("--vault", help="also check the scans under this root")] = None,
    as_json: Json = False,
) -> None:
    """Check everything in the lab, and if asked the masters and the scans, against their digests."""
    with explained(errors):
        from tasks.verification import damaged_artifacts, damaged_masters, damaged_scans

        here = lab_at(lab, vault or [], out or Path("restored"), "cpu", None)
        with Progress(TextColumn("verify"), BarColumn(), DownloadColumn(), console=errors, transient=True) as bar:
            task = bar.add_task("verify", total=None)
            damage = damaged_artifacts(here, lambda read, total: bar.update(task, completed=read, total=total))
        damage += damaged_masters(out) if out else []
        damage += damaged_scans(here) if vault else []
        now = [each for each in damage if not each.past]
        if as_json:
            _print_json([each.model_dump(mode="json") for each in damage])
        else:
            for each in damage:
                console.print(
                    "set aside earlier:" if each.past else "[red]damaged:[/red]", f"{each.path}: {each.fault}"
                )
            console.print(f"{len(now)} damaged." if now else "Everything is as it was written.")
        if now:
            raise typer.Exit(Exit.DAMAGE)


@app.command()
def demo(
    folder: Annotated[Path, typer.Option("--folder", file_okay=False, help="everything is put here")] = Path(
        "demo-lab"
    ),
    workers: Workers = None,
    logs: Logs = False,
) -> None:
    """Make a reel of decayed film on the spot, restore it through every stage, and score it against its truth."""
    with explained(errors):
        lab = lab_at(folder / "lab", [folder / "vault"], folder / "restored", "cpu", workers)
        from tasks.demo import demo_reel, demo_score

        with console.status("Making a reel of decayed film ..."):
            manifest = demo_reel(folder / "vault")
        delivered = _restored(manifest, lab, logs=logs)
        with console.status("Scoring it against the truth ..."):
            rows, picture = demo_score(folder, delivered.folder, lab)
        console.print(tables.score_table(rows))
        _show_delivered(delivered)
        console.print(f"before and after: {picture}")


app.command()(training.train)
app.command()(training.fit)


def main() -> None:
    """Entry point of the script `reelwright`."""
    atexit.register(_silence)
    app()


def _silence() -> None:
    """OpenImageIO's wheel ends every process with a page about its own bindings; nothing of ours is said that late."""
    sys.stderr.flush()
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)


def _restored(manifest: Path, lab: "Lab", *, logs: bool) -> "Delivered":
    if not logs:
        os.environ.setdefault("PREFECT_LOGGING_LEVEL", "CRITICAL")
        os.environ.setdefault("PREFECT_LOGGING_SERVER_LEVEL", "CRITICAL")
    from manifests import read

    read(manifest)  # a wrong manifest is said before a server is started for it
    with errors.status("Starting Prefect ..."):
        start()
        from flows.restore_reel import restore_reel
    with shown_progress(errors) if not logs else nullcontext():
        return restore_reel(manifest.resolve(), lab)


def _print_json(value: Any) -> None:
    sys.stdout.write(json.dumps(value, indent=1, default=str) + "\n")


def _show_delivered(delivered: "Delivered") -> None:
    console.print(tables.delivered_table(delivered))
    console.print(tables.delivered_line(delivered))
    console.print(f"report: {delivered.folder / 'report.html'}", soft_wrap=True)


def _forecast(lines: "Sequence[Line]", step: "Step") -> "Forecast | None":
    from tasks.cost import forecast

    return forecast(lines, step.stage, step.megapixel_frames, treatment=step.treatment)
