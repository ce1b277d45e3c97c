"""Restore a reel: from its manifest and its scan to masters, a report and a bill."""

import os
from pathlib import Path
from typing import Any, cast

from prefect import flow, unmapped
from prefect.futures import PrefectFuture
from prefect.task_runners import TaskRunner, ThreadPoolTaskRunner

from manifests import read
from tasks.budget import stay_within
from tasks.examine import check_edits, examine, groups, laid
from tasks.ingest import cut, ingest
from tasks.lab import Lab
from tasks.lease import leased
from tasks.measure import measure
from tasks.package import Delivered, package
from tasks.render import grade_deliveries, render

SHOTS_AT_ONCE = cast("TaskRunner[PrefectFuture[Any]]", ThreadPoolTaskRunner[Any](max_workers=os.cpu_count()))


@flow(name="restore-reel", flow_run_name="{manifest.stem}", task_runner=SHOTS_AT_ONCE)
def restore_reel(manifest: Path, lab: Lab) -> Delivered:
    """Restore one reel, as its manifest prescribes.

    Args:
        manifest: the reel's YAML file.
        lab: where the scan lies and the work is done.
    """
    reel = read(manifest)
    with leased(lab.leases, reel.id):
        scan = ingest.submit(reel, lab).result()
        shots = cut.submit(reel, scan, lab).result()
        check_edits(shots, reel.treatments)
        for treatment in reel.treatments:
            stay_within(reel, lab)
            layers = examine.map(groups(shots, treatment), unmapped(treatment), unmapped(lab)).result()
            shots = laid(shots, layers)
        stay_within(reel, lab)
        graded = grade_deliveries(reel, shots, lab)
        rendered = render.map(shots, unmapped(graded), unmapped(lab)).result()
        measured = measure.map(rendered, unmapped(lab)).result()
        return package.submit(manifest, reel, rendered, measured, lab).result()
