"""The account of a reel: everything its report tells, gathered from the store, the ledger and the manifest."""

import os
import platform
from collections import Counter
from collections.abc import Sequence
from importlib.metadata import version

import torch

from manifests.reel import Reel
from restorers import RESTORERS
from restorers.cleaning.mends import REASONS, Blemish, Mending
from restorers.deflicker import Evening
from restorers.restorer import Restorer
from restorers.steadiness.steadying import Steadying
from restorers.unfading.unfaded import Unfading
from tasks.cost import bill
from tasks.evidence import fade_name, largest_mends, mend_names, mesh_name
from tasks.footage import remedy
from tasks.lab import Lab
from tasks.measure import Measured, middle
from tasks.media.ffmpeg import fingerprint
from tasks.render import Rendered
from tasks.report.content import (
    BlemishRow,
    BlemishTally,
    DeliveryRow,
    Fact,
    Finding,
    MapSheet,
    Mend,
    ReportContent,
    ShotSheet,
    TreatmentSheet,
)
from tasks.report.evenness import evenness
from tasks.report.fading import Sureness, fading, sides
from tasks.report.layers import LayerSheet
from tasks.report.steadiness import steadiness, telling_frames
from tasks.shot import Shot
from tasks.synthesis import map_name, mapped_frames
from tasks.weight import weight

LISTED = 200
SHOWN = 24
LIBRARIES = ("reelwright", "torch", "opencv-contrib-python", "numpy", "prefect", "openimageio", "av", "colour-science")


def account(
    reel: Reel, rendered: Sequence[Rendered], measured: Sequence[Measured], files: Sequence[DeliveryRow], lab: Lab
) -> ReportContent:
    """What the report of a restored reel tells."""
    shots = [each.shot for each in rendered]
    blemishes = [row for shot in shots for row in _blemishes(shot, lab)]
    mended = sorted((row for row in blemishes if row.action != "left"), key=lambda row: row.confidence)
    left = sorted((row for row in blemishes if row.action == "left"), key=lambda row: -REASONS.index(row.reason))
    return ReportContent(
        reel=reel,
        scan=shots[0].scan,
        shots=tuple(_sheet(made, found, lab) for made, found in zip(rendered, measured, strict=True)),
        treatments=tuple(_treatment(i, restorer, shots) for i, restorer in enumerate(reel.treatments)),
        blemishes=tuple(mended[:LISTED]),
        left=tuple(left[:LISTED]),
        tallies=tallies(blemishes),
        deliveries=tuple(files),
        bill=bill(lab.ledger.read(), shots[0].scan.fps, reel=reel.id),
        environment=environment(lab),
        mends=_mends(measured, lab),
        weight=_weight(shots, lab),
        irregularities=tuple(
            Finding(shot=shot.index, summary=str(one))
            for shot in shots
            for found in _mendings(shot, lab)
            for one in found.irregularities
        ),
    )


def environment(lab: Lab) -> tuple[Fact, ...]:
    """Versions and machine."""
    device = torch.cuda.get_device_name(lab.device) if lab.device.startswith("cuda") else f"{os.cpu_count()} CPU cores"
    return (
        *(Fact(name, version(name)) for name in LIBRARIES),
        Fact("ffmpeg", fingerprint()),
        Fact("Python", platform.python_version()),
        Fact("machine", f"{platform.system()} {platform.machine()}, {device}"),
        Fact("seed", str(lab.seed)),
    )


def _sheet(rendered: Rendered, measured: Measured, lab: Lab) -> ShotSheet:
    shot = rendered.shot
    return ShotSheet(
        index=shot.index,
        first=shot.first,
        last=shot.stop - 1,
        pictured=middle(shot),
        before=measured.picture("before", lab),
        after=measured.picture("after", lab),
        measures=measured.measures(lab),
        quality=measured.quality(lab),
        origins=rendered.tally(rendered.kinds[0], lab),
        slices=(measured.picture("slice-before", lab), measured.picture("slice-after", lab)),
        layers=_layers(shot, measured, lab),
        maps=tuple(
            MapSheet(shot.index, number, share, measured.picture(map_name(number), lab))
            for number, share in mapped_frames(rendered, lab).items()
        ),
    )


def _treatment(place: int, restorer: Restorer, shots: Sequence[Shot]) -> TreatmentSheet:
    layers = [(shot.index, shot.layers[place]) for shot in shots]
    if len(shots) > 1 and len({layer.key for _, layer in layers}) == 1:
        layers = [(0, layers[0][1])]
    findings = tuple(Finding(shot=index, summary=layer.summary) for index, layer in layers)
    return TreatmentSheet(restorer=restorer, findings=findings)


def _layers(shot: Shot, measured: Measured, lab: Lab) -> tuple[LayerSheet, ...]:
    sheets = []
    for place, layer in enumerate(shot.layers):
        found = remedy(layer, lab)
        if isinstance(found, Steadying):
            pictures = {n: measured.picture(mesh_name(place, n), lab) for n in telling_frames(found)}
            sheets.append(steadiness(found, measured.measures(lab), pictures))
        if isinstance(found, Evening):
            sheets.append(evenness(found, (shot.scan.height, shot.scan.width)))
        if isinstance(found, Unfading):
            shown = {side: measured.picture(fade_name(place, side), lab) for side in sides(found)}
            sure = Sureness.model_validate_json(measured.picture(fade_name(place), lab)) if shown else None
            sheets.append(fading(found, sure, shown, lab.bench))
    return tuple(sheets)


def tallies(blemishes: Sequence[BlemishRow]) -> tuple[BlemishTally, ...]:
    """How many blemishes there are of each class, by what was done about them; most pixels first, those left last."""
    counts: Counter[tuple[str, str, str]] = Counter()
    areas: Counter[tuple[str, str, str]] = Counter()
    for row in blemishes:
        what = (row.kind, row.action, row.reason if row.action == "left" else "")
        counts[what] += 1
        areas[what] += row.area
    ordered = sorted(counts, key=lambda what: (what[1] == "left", -areas[what], -counts[what], what))
    return tuple(BlemishTally(*what, counts[what], areas[what]) for what in ordered)


def _weight(shots: Sequence[Shot], lab: Lab) -> str:
    layers = [layer for shot in shots for layer in shot.layers if RESTORERS[layer.kind].remedy is Mending]
    return str(weight(layers, shots, lab)) if layers else ""


def _mendings(shot: Shot, lab: Lab) -> list[Mending]:
    return [found for layer in shot.layers if isinstance(found := remedy(layer, lab), Mending)]


def _blemishes(shot: Shot, lab: Lab) -> list[BlemishRow]:
    return [row_of(blemish, shot) for found in _mendings(shot, lab) for blemish in found.blemishes]


def _mends(measured: Sequence[Measured], lab: Lab) -> tuple[Mend, ...]:
    """The largest mends of the reel, largest first."""
    largest = [
        (blemish, part, each)
        for each in measured
        for found in _mendings(each.shot, lab)
        for blemish, part in largest_mends(found)
    ]
    largest.sort(key=lambda one: (-one[1].area, one[1].frame, one[0].id))
    return tuple(
        Mend(row_of(blemish, each.shot), *(each.picture(name, lab) for name in mend_names(blemish)))
        for blemish, _, each in largest[:SHOWN]
    )


def row_of(blemish: Blemish, shot: Shot) -> BlemishRow:
    """A blemish of a shot as it is listed."""
    return BlemishRow(
        id=blemish.id,
        kind=blemish.kind,
        shot=shot.index,
        frame=blemish.first,
        last=blemish.last,
        box=blemish.box,
        action=blemish.action,
        reason=blemish.reason,
        donors=blemish.donors,
        area=blemish.area,
        confidence=blemish.confidence,
        left=blemish.parts_left / blemish.parts,
    )
