"""Packaging: the segments of a reel become its masters, with the report, the layers and the bill beside them.

Masters are written straight into the reel's folder, under a temporary name until they are whole. What they are is kept
in the store, so that a second run finds them by their digest and leaves them alone.
"""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict
from pydantic_core import to_json

from manifests.reel import Reel
from restorers.mastering import content_light
from restorers.synthesis import Tally
from tasks.checkpoint import Done, Piece, checkpointed, lab_task, state
from tasks.lab import Lab
from tasks.masters import origin_spec, spec
from tasks.measure import Measured
from tasks.media.assemble import assembled
from tasks.media.fixity import verified_decode
from tasks.progress import tell
from tasks.render import Rendered, Segment
from tasks.report.account import account
from tasks.report.content import DeliveryRow
from tasks.report.page import report_page
from tasks.synthesis import MapAccount, Synthesis
from tasks.verification import sha256

REVISION = 1
NAMES = {
    "ffv1": "{}.mkv",
    "sdr": "{}.sdr.mp4",
    "hdr10": "{}.hdr10.mp4",
    "origin": "{}.origin.mkv",
    "sdr-origin": "{}.sdr.origin.mkv",
    "hdr10-origin": "{}.hdr10.origin.mkv",
}
MAPPED = {"origin": "ffv1", "sdr-origin": "sdr", "hdr10-origin": "hdr10"}
"""Each synthesis map, and the delivery it lies beside."""


class MasterFile(BaseModel):
    """One delivered file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: str
    name: str
    digest: str
    size: int
    frames: int


class Delivered(BaseModel):
    """A restored reel, as it lies in its folder."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    reel: str
    title: str
    folder: Path
    files: tuple[MasterFile, ...]
    made: int
    recalled: int
    money: float
    currency: str


@lab_task("package", "package {reel.id}")
def package(
    manifest: Path, reel: Reel, rendered: Sequence[Rendered], measured: Sequence[Measured], lab: Lab
) -> Delivered:
    """Masters, report, layers and bill of a reel in its folder: `Delivered`."""
    folder = lab.out / reel.id
    folder.mkdir(parents=True, exist_ok=True)
    made: frozenset[str] = frozenset()
    files: list[MasterFile] = []
    for kind in _kinds(reel):
        file, done = _master(kind, reel, rendered, folder, lab)
        made |= done.made
        files.append(file)
    write_layers(rendered, folder / "layers", lab)
    shutil.copyfile(manifest, folder / "manifest.yaml")
    delivered = _delivered(reel, folder, tuple(files), lab)
    rows = [DeliveryRow(**file.model_dump()) for file in files]
    _write(folder / "report.html", report_page(account(reel, rendered, measured, rows, lab)))
    _write(folder / "synthesis.json", to_json(_synthesis(reel, rendered, files, lab), indent=1).decode())
    found = [{"shot": m.shot.index, "measures": m.measures(lab), "quality": m.quality(lab)} for m in measured]
    _write(folder / "measures.json", to_json(found, indent=1).decode())
    _write(folder / "ledger.jsonl", "".join(line.model_dump_json() + "\n" for line in _lines(reel, lab)))
    _write(folder / "sha256.txt", "".join(f"{file.digest}  {file.name}\n" for file in files))
    _write(folder / "delivered.json", delivered.model_dump_json(indent=1))
    return state(delivered, Done({}, made))


def write_layers(rendered: Sequence[Rendered], folder: Path, lab: Lab) -> None:
    """Every remedy as JSON, one file a shot and treatment: the document of what was done."""
    folder.mkdir(exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    for shot in (each.shot for each in rendered):
        for number, layer in enumerate(shot.layers, start=1):
            name = f"shot-{shot.index:04d}-{number}-{layer.kind}"
            for output, artifact in layer.outputs.items():
                suffix = {"remedy": "json", "blobs": "safetensors"}[output]
                shutil.copyfile(lab.store.path(artifact), folder / f"{name}.{suffix}")


def _kinds(reel: Reel) -> list[str]:
    kinds: list[str] = []
    for delivery in reel.delivery:
        kinds.append(delivery.kind)
        if delivery.origin:
            kinds += [origin for origin, mapped in MAPPED.items() if mapped == delivery.kind]
    return kinds


def _master(kind: str, reel: Reel, rendered: Sequence[Rendered], folder: Path, lab: Lab) -> tuple[MasterFile, Done]:
    output, delivery = ("origin", MAPPED[kind]) if kind in MAPPED else ("segment", kind)
    segments = [segment for shot in rendered for segment in shot.of(delivery)]
    parts = [segment.outputs[output] for segment in segments]
    scan = rendered[0].shot.scan
    target = folder / NAMES[kind].format(reel.id)
    facts = segments[0].facts(lab)
    size = facts.height, facts.width
    prescribed = next(d for d in reel.delivery if d.kind == delivery)
    coding = origin_spec(rendered[0].shot, size) if kind in MAPPED else spec(prescribed, rendered[0].shot, size)
    recipe = {
        "stage": "package",
        "revision": REVISION,
        "kind": kind,
        "segments": [part.digest for part in parts],
        "fps": str(scan.fps),
        "timecode": scan.timecode,
        "title": reel.title,
    }
    frames = sum(segment.stop - segment.first for segment in segments)
    piece = Piece("package", reel.id, frames=frames, size=(scan.height, scan.width))

    def make(_: frozenset[str]) -> dict[str, dict[str, bytes | Path]]:
        tell("package", target.name, 0, frames)
        paths = [lab.store.path(part) for part in parts]
        light = content_light(_levels(segments, lab)) if kind == "hdr10" else None
        assembled(paths, target, coding, frames=frames, light=light, title=reel.title, timecode=scan.timecode or "")
        file = MasterFile(kind=kind, name=target.name, digest=sha256(target), size=target.stat().st_size, frames=frames)
        content: dict[str, bytes | Path] = {"file": file.model_dump_json().encode()}
        if kind == "ffv1":
            written = [digest for segment in segments for digest in segment.facts(lab).digests]
            content["framemd5"] = verified_decode(target, written).encode()
        tell("package", target.name, frames, frames)
        return {"file": content}

    done = checkpointed(lab, piece, {"file": recipe}, make)
    file = MasterFile.model_validate_json(lab.store.path(done.records["file"].outputs["file"]).read_bytes())
    if not done.made and not (target.exists() and sha256(target) == file.digest):
        make(frozenset())
        if sha256(target) != file.digest:
            raise RuntimeError(f"{target} was assembled again from the same segments and came out different")
        done = Done(done.records, frozenset({"file"}))
    if kind == "ffv1":
        shutil.copyfile(lab.store.path(done.records["file"].outputs["framemd5"]), folder / f"{reel.id}.framemd5")
    return file, done


def _synthesis(reel: Reel, rendered: Sequence[Rendered], files: Sequence[MasterFile], lab: Lab) -> Synthesis:
    """What is needed to read the reel's synthesis maps without this program, and their totals."""
    tallies: dict[str, list[Tally]] = {d.kind: [shot.tally(d.kind, lab) for shot in rendered] for d in reel.delivery}
    return Synthesis(
        profile=reel.profile,
        proof=reel.profile.proof(Tally.total(tallies[reel.delivery[0].kind])),
        maps=tuple(
            MapAccount(
                name=file.name,
                of=NAMES[MAPPED[file.kind]].format(reel.id),
                pixels=Tally.total(tallies[MAPPED[file.kind]]),
                shots=tuple(tallies[MAPPED[file.kind]]),
            )
            for file in files
            if file.kind in MAPPED
        ),
    )


def _levels(segments: Sequence[Segment], lab: Lab) -> list[tuple[float, tuple[float, ...]]]:
    return [(facts.max_cll, facts.falls) for facts in (segment.facts(lab) for segment in segments)]


def _lines(reel: Reel, lab: Lab) -> list[Any]:
    return [line for line in lab.ledger.read().lines if line.reel == reel.id]


def _delivered(reel: Reel, folder: Path, files: tuple[MasterFile, ...], lab: Lab) -> Delivered:
    lines = _lines(reel, lab)
    run = lines[-1].run
    return Delivered(
        reel=reel.id,
        title=reel.title,
        folder=folder,
        files=files,
        made=sum(line.run == run and line.status == "done" and not line.cache_hit for line in lines),
        recalled=sum(line.run == run and line.cache_hit for line in lines),
        money=sum(line.money for line in lines if line.run == run),
        currency=lab.rates.currency,
    )


def _write(path: Path, text: str) -> None:
    temporary = path.with_name(f".{path.name}.part")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)
