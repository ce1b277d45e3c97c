"""Taking a reel in: every header read and every frame's digest taken before any work, then the cuts between shots."""

import json
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter

from manifests.reel import FOURTH_CHANNEL, Reel, Scan
from restorers.clip import Clip
from restorers.colorspace import Space
from tasks.checkpoint import Done, Piece, checkpointed, lab_task, state
from tasks.footage import index, source
from tasks.lab import Lab
from tasks.media import maps
from tasks.media.cuts import cuts
from tasks.media.probe import indexed
from tasks.media.vault import resolve
from tasks.progress import tell
from tasks.shot import ScanFacts, Shot, key
from tasks.store import Record

REVISION = 1
CUT_REVISION = 1
MAP_REVISION = 1
GLANCE = 160  # px: the width at which cuts are looked for

_Ranges = TypeAdapter(list[tuple[int, int]])


@lab_task("ingest", "ingest {reel.id}")
def ingest(reel: Reel, lab: Lab) -> ScanFacts:
    """What the scan is: `ScanFacts`. Its frame list and the raw headers of its files go into the store."""
    facts, done = ingested(reel, lab)
    return state(facts, done)


@lab_task("cut", "cut {reel.id}")
def cut(reel: Reel, scan: ScanFacts, lab: Lab) -> tuple[Shot, ...]:
    """The reel's shots: `tuple[Shot, ...]`, detected, or as the manifest lists them."""
    shots, done = shot_list(reel, scan, lab)
    return state(shots, done)


def ingested(reel: Reel, lab: Lab) -> tuple[ScanFacts, Done]:
    """What the scan is, and whether it had to be read.

    Raises:
        MediaError: gaps, truncated or inconsistent files that the manifest does not allow, all of them at once.
    """
    recipe = ingestion(reel, lab)

    def make(_: frozenset[str]) -> dict[str, dict[str, bytes]]:
        found, headers = indexed(
            reel,
            lab.vaults,
            on_frame=lambda done, total: tell("ingest", reel.id, done, total),
            workers=lab.workers,
        )
        return {"scan": {"index": found.dumped(), "headers": headers}}

    done = checkpointed(lab, Piece("ingest", reel.id), {"scan": recipe}, make)
    scan = done.records["scan"]
    if charts := charting(reel, scan, lab):

        def make_lists(_: frozenset[str]) -> dict[str, dict[str, bytes]]:
            found = maps.listed(reel, index(scan.outputs["index"], lab), lab.vaults)
            return {"maps": {what: each.model_dump_json().encode() for what, each in found.items()}}

        lists = checkpointed(lab, Piece("ingest", reel.id), {"maps": charts}, make_lists)
        done = Done({**done.records, **lists.records}, done.made | lists.made)
    return scan_facts(reel, scan, lab), done


def scan_facts(reel: Reel, record: Record, lab: Lab) -> ScanFacts:
    """What the record of an ingest says of the scan."""
    artifact = record.outputs["index"]
    found = index(artifact, lab)
    charts = charting(reel, record, lab)
    lists = lab.store.recall(key(charts)) if charts else None
    return ScanFacts(
        index=artifact,
        digest=found.digest(found.first, found.stop),
        first=found.first,
        stop=found.stop,
        height=found.height,
        width=found.width,
        bit_depth=found.bit_depth,
        floating=found.floating,
        space=reel.scan.space,
        fps=reel.scan.fps or found.fps,
        infrared=lists.outputs.get("infrared") if lists else None,
        masks=lists.outputs.get("masks") if lists else None,
        timecode=found.timecode,
        warnings=found.warnings,
    )


def ingestion(reel: Reel, lab: Lab) -> dict[str, object]:
    """The recipe of an ingest: what the manifest says of the scan, and name, size and time of each of its files.

    A file that changed without a trace in these is found out when it is read: its digest is checked every time.
    """
    files = [[path.name, path.stat().st_size, path.stat().st_mtime_ns] for path in scan_files(reel.scan, lab)]
    scan = reel.scan.model_dump(mode="json", exclude={"space", "infrared"})
    return {"stage": "ingest", "revision": REVISION, "scan": scan, "files": files}


def charting(reel: Reel, scan: Record, lab: Lab) -> dict[str, object]:
    """The recipe of the lists of maps that come with a scan; empty where none do.

    Args:
        reel: the manifest.
        scan: the record of its ingest.
        lab: where the maps lie.
    """
    named = {"infrared": reel.scan.infrared, "masks": reel.masks}
    if not any(named.values()):
        return {}
    files = [
        [path.name, path.stat().st_size, path.stat().st_mtime_ns]
        for pattern in named.values()
        if pattern is not None and pattern != FOURTH_CHANNEL
        for path in sequence_files(pattern, lab)
    ]
    return {
        "stage": "maps",
        "revision": MAP_REVISION,
        "scan": scan.outputs["index"].digest,
        "maps": named,
        "files": files,
    }


def scan_files(scan: Scan, lab: Lab) -> list[Path]:
    """The scan's files in order of name, as they lie in the vault."""
    if scan.movie is not None:
        return [resolve(scan.movie, lab.vaults)]
    assert scan.frames is not None, "a scan has frames or a movie"
    return sequence_files(scan.frames, lab)


def sequence_files(frames: str, lab: Lab) -> list[Path]:
    """The files of an image sequence in order of name."""
    folder, _, name = frames.rpartition("/")
    before, after = re.split(r"%0?\d*d", name)
    pattern = re.compile(re.escape(before) + r"\d+" + re.escape(after))
    return sorted(path for path in resolve(folder or ".", lab.vaults).iterdir() if pattern.fullmatch(path.name))


def shot_list(reel: Reel, scan: ScanFacts, lab: Lab) -> tuple[tuple[Shot, ...], Done]:
    """The reel's shots, and whether they had to be looked for.

    Raises:
        ValueError: the manifest's list of shots does not cover the scan.
    """
    recipe = cutting(reel, scan)
    piece = Piece("cut", reel.id, frames=scan.stop - scan.first, size=(scan.height, scan.width))

    def make(_: frozenset[str]) -> dict[str, dict[str, bytes]]:
        ranges = _listed(reel)
        if not ranges:
            for run in index(scan.index, lab).runs:
                starts = [run.start, *(run.start + n for n in cuts(_glances(reel, scan, run, lab))), run.stop]
                ranges += pairwise(starts)
        return {"shots": {"ranges": json.dumps(ranges).encode()}}

    done = checkpointed(lab, piece, {"shots": recipe}, make)
    return shots_of(reel, scan, done.records["shots"], lab), done


def cutting(reel: Reel, scan: ScanFacts) -> dict[str, object]:
    """The recipe of a reel's list of shots.

    Raises:
        ValueError: the manifest's list does not cover the scan.
    """
    listed = _listed(reel)
    if listed and (listed[0][0], listed[-1][1]) != (scan.first, scan.stop):
        raise ValueError(
            f"{reel.id}: the shots listed cover frames {listed[0][0]}-{listed[-1][1] - 1}, "
            f"the scan has {scan.first}-{scan.stop - 1}"
        )
    return {"stage": "cut", "revision": CUT_REVISION, "scan": scan.digest, "listed": listed, "space": scan.space.value}


def shots_of(reel: Reel, scan: ScanFacts, record: Record, lab: Lab) -> tuple[Shot, ...]:
    """The shots that a record of cuts lists."""
    ranges = _Ranges.validate_json(lab.store.path(record.outputs["ranges"]).read_bytes())
    frames = index(scan.index, lab)
    return tuple(
        Shot(
            reel=reel.id,
            index=i,
            first=first,
            stop=stop,
            scan=scan,
            digest=frames.digest(first, stop),
        )
        for i, (first, stop) in enumerate(ranges, start=1)
    )


def _listed(reel: Reel) -> list[tuple[int, int]]:
    return [(shot.first, shot.last + 1) for shot in reel.shots or ()]


def _glances(reel: Reel, scan: ScanFacts, run: range, lab: Lab) -> Iterator[NDArray[np.uint8]]:
    frames = source(scan, lab)
    for number in run:
        yield glance(frames.read(number, number + 1))
        tell("cut", reel.id, number + 1 - scan.first, scan.stop - scan.first)


def glance(clip: Clip, *, width: int = GLANCE) -> NDArray[np.uint8]:
    """The first frame of a clip as a small 8-bit sRGB picture `(h, width, 3)`, for eyes and for cut detection."""
    picture = clip.between(clip.first, clip.first + 1).in_space(Space.SRGB).frames[0].clamp(0, 1)
    full = np.ascontiguousarray(picture.permute(1, 2, 0).cpu().numpy())
    height = max(1, round(full.shape[0] * width / full.shape[1]))
    small = cv2.resize(full, (width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(np.rint(small * 255), dtype=np.uint8)
