"""Fixity: everything a lab keeps, was given and has delivered, read again and held against its digests."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from tasks.footage import index
from tasks.lab import Lab
from tasks.media import MediaError
from tasks.media.index import ScanIndex
from tasks.media.vault import resolve


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
    """The files of every scan this lab has taken in that are missing from its vaults, or are not what they were."""
    found: list[Damage] = []
    for record in lab.store.records():
        artifact = record.outputs.get("index")
        if artifact is not None:
            for name, digest in dict(_files(index(artifact, lab))).items():
                try:
                    found += _compared(resolve(name, lab.vaults), digest, "not what was taken in")
                except MediaError as error:
                    found.append(Damage(path=Path(name), fault=str(error)))
    return found


def sha256(path: Path) -> str:
    """Digest of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _files(scan: ScanIndex) -> Iterator[tuple[str, str]]:
    if scan.movie is not None:
        yield scan.frames[0].file, scan.movie.digest
    else:
        yield from ((frame.file, frame.digest) for frame in scan.frames)


def _compared(path: Path, digest: str, fault: str) -> Sequence[Damage]:
    if not path.exists():
        return [Damage(path=path, fault="missing")]
    return [] if sha256(path) == digest else [Damage(path=path, fault=fault)]
