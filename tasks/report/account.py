"""The account of a reel: everything its report tells, gathered from the store, the ledger and the manifest."""

import os
import platform
from collections.abc import Sequence
from importlib.metadata import version

import torch

from manifests.reel import Reel
from restorers.cleaning.mends import Blemish, Mending
from restorers.deflicker import Evening
from restorers.restorer import Restorer
from restorers.steadiness.steadying import Steadying
from tasks.cost import bill
from tasks.evidence import largest_mends, mend_names, mesh_name
from tasks.footage import remedy
from tasks.lab import Lab
from tasks.measure import Measured, middle
from tasks.media.ffmpeg import fingerprint
from tasks.render import Rendered
from tasks.report.content import (
    BlemishRow,
    DeliveryRow,
    Fact,
    Finding,
    Mend,
    ReportContent,
    ShotSheet,
    TreatmentSheet,
)
from tasks.report.evenness import evenness
from tasks.report.layers import LayerSheet
from tasks.report.steadiness import steadiness, telling_frames
from tasks.shot import Shot

LISTED = 200
SHOWN = 24
LIBRARIES = ("reelwright", "torch", "opencv-contrib-python", "numpy", "prefect", "openimageio", "av", "colour-science")


def account(
    reel: Reel, rendered: Sequence[Rendered], measured: Sequence[Measured], files: Sequence[DeliveryRow], lab: Lab
) -> ReportContent:
    """What the report of a restored reel tells."""
    shots = [each.shot for each in rendered]
    blemishes = [row for shot in shots for row in _blemishes(shot, lab)]
    return ReportContent(
        reel=reel,
        scan=shots[0].scan,
        shots=tuple(_sheet(made, found, lab) for made, found in zip(rendered, measured, strict=True)),
        treatments=tuple(_treatment(i, restorer, shots) for i, restorer in enumerate(reel.treatments)),
        blemishes=tuple(blemishes[:LISTED]),
        blemish_count=len(blemishes),
        deliveries=tuple(files),
        bill=bill(lab.ledger.read(), shots[0].scan.fps, reel=reel.id),
        environment=environment(lab),
        mends=_mends(measured, lab),
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
    masters = [segment.facts(lab) for segment in rendered.of("ffv1")]
    frames = sum(facts.frames for facts in masters)
    names = masters[0].shares if masters else {}
    return ShotSheet(
        index=shot.index,
        first=shot.first,
        last=shot.stop - 1,
        pictured=middle(shot),
        before=measured.picture("before", lab),
        after=measured.picture("after", lab),
        measures=measured.measures(lab),
        quality=measured.quality(lab),
        shares={name: sum(facts.shares[name] * facts.frames for facts in masters) / frames for name in names},
        slices=(measured.picture("slice-before", lab), measured.picture("slice-after", lab)),
        layers=_layers(shot, measured, lab),
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
    return tuple(sheets)


def _mendings(shot: Shot, lab: Lab) -> list[Mending]:
    return [found for layer in shot.layers if isinstance(found := remedy(layer, lab), Mending)]


def _blemishes(shot: Shot, lab: Lab) -> list[BlemishRow]:
    return [_row(blemish, shot) for found in _mendings(shot, lab) for blemish in found.blemishes]


def _mends(measured: Sequence[Measured], lab: Lab) -> tuple[Mend, ...]:
    """The largest mends of the reel, largest first."""
    largest = [
        (blemish, each) for each in measured for found in _mendings(each.shot, lab) for blemish in largest_mends(found)
    ]
    largest.sort(key=lambda one: (-one[0].area, one[0].frame, one[0].id))
    return tuple(
        Mend(_row(blemish, each.shot), *(each.picture(name, lab) for name in mend_names(blemish)))
        for blemish, each in largest[:SHOWN]
    )


def _row(blemish: Blemish, shot: Shot) -> BlemishRow:
    return BlemishRow(
        id=blemish.id,
        kind=blemish.kind,
        shot=shot.index,
        frame=blemish.frame,
        box=blemish.box,
        action=blemish.action,
        reason=blemish.reason,
        donor=blemish.donors[0] if blemish.donors else 0,
        area=blemish.area,
    )
