"""Fixity: everything a lab keeps, was given and has delivered, read again and held against its digests."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from tasks.footage import index, map_list
from tasks.lab import Lab
from tasks.media import MediaError
from tasks.media.vault import resolve
from tasks.store import Record


class Damage(BaseModel):
    """A file that is not as it was written."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: Path
    fault: str
    past: bool = False
    """Found and set aside earlier; what it was is made again when it is wanted."""


def damaged_artifacts(lab: Lab, progress: Callable[[int, int], None] | None = None) -> list[Damage]:
    """What is wrong in the lab's store, and what was put in quarantine before."""
    problems = lab.store.verify(progress)
    return [Damage(path=p.path, fault=f"{p.kind}: {p.detail}", past=p.kind == "quarantined") for p in problems]


def damaged_masters(out: Path) -> list[Damage]:
    """The masters under a folder of finished reels that are missing, or are not what they were when delivered."""
    found: list[Damage] = []
    for listing in sorted(out.glob("*/sha256.txt")):
        for line in listing.read_text(encoding="utf-8").splitlines():
            digest, _, name = line.partition("  ")
            found += _compared(listing.parent / name, digest, "not what was delivered")
    return found


def damaged_scans(lab: Lab) -> list[Damage]:
    """The files of every scan, and its infrared maps, that are missing from the vaults, or are not what they were."""
    found: list[Damage] = []
    for record in lab.store.records():
        for name, digest in dict(_files(record, lab)).items():
            try:
                found += _compared(resolve(name, lab.vaults), digest, "not what was taken in")
            except MediaError as error:
                found.append(Damage(path=Path(name), fault=str(error)))
    return found


def sha256(path: Path) -> str:
    """Digest of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _files(record: Record, lab: Lab) -> Iterator[tuple[str, str]]:
    """Name and digest of each file that a record says was taken in; marks made by hand may be drawn anew."""
    if "index" in record.outputs:
        scan = index(record.outputs["index"], lab)
        if scan.movie is not None:
            yield scan.frames[0].file, scan.movie.digest
        else:
            yield from ((frame.file, frame.digest) for frame in scan.frames)
    if "infrared" in record.outputs:
        yield from ((each.file, each.digest) for each in map_list(record.outputs["infrared"], lab).maps)


def _compared(path: Path, digest: str, fault: str) -> Sequence[Damage]:
    if not path.exists():
        return [Damage(path=path, fault="missing")]
    return [] if sha256(path) == digest else [Damage(path=path, fault=fault)]
