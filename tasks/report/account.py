"""The account of a reel: everything its report tells, gathered from the store, the ledger and the manifest."""

import os
import platform
from collections.abc import Sequence
from importlib.metadata import version

import torch

from manifests.reel import Reel
from restorers.repair import Mending
from restorers.restorer import Restorer
from tasks.cost import bill
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
    ReportContent,
    ShotSheet,
    TreatmentSheet,
)
from tasks.shot import Shot

LISTED = 200
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
        before=lab.store.path(measured.outputs["before"]).read_bytes(),
        after=lab.store.path(measured.outputs["after"]).read_bytes(),
        measures=measured.measures(lab),
        quality=measured.quality(lab),
        shares={name: sum(facts.shares[name] * facts.frames for facts in masters) / frames for name in names},
    )


def _treatment(place: int, restorer: Restorer, shots: Sequence[Shot]) -> TreatmentSheet:
    layers = [(shot.index, shot.layers[place]) for shot in shots]
    if len(shots) > 1 and len({layer.key for _, layer in layers}) == 1:
        layers = [(0, layers[0][1])]
    findings = tuple(Finding(shot=index, summary=layer.summary) for index, layer in layers)
    return TreatmentSheet(restorer=restorer, findings=findings)


def _blemishes(shot: Shot, lab: Lab) -> list[BlemishRow]:
    rows = []
    for layer in shot.layers:
        found = remedy(layer, lab)
        if isinstance(found, Mending):
            rows += [
                BlemishRow(
                    id=blemish.id,
                    kind=blemish.kind,
                    shot=shot.index,
                    frame=blemish.frame,
                    box=blemish.box,
                    action=blemish.action,
                    reason=blemish.reason,
                    donor=blemish.donor,
                    area=blemish.area,
                )
                for blemish in found.blemishes
            ]
    return rows
