"""What a restoration would do, and what of it is there already, found out without doing any of it."""

from collections.abc import Iterator
from typing import Literal

from pydantic import BaseModel, ConfigDict

from manifests.reel import Reel
from restorers.restorer import Restorer
from tasks.examine import check_edits, groups, laid, prescribed
from tasks.ingest import cutting, ingestion, scan_facts, scan_files, shots_of
from tasks.lab import Lab
from tasks.render import Graded, chunks, segment_recipe, toned
from tasks.shot import Layer, Shot, key


class Step(BaseModel):
    """One piece of work of a restoration."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    stage: str
    treatment: str | None = None
    subject: str
    frames: int
    megapixel_frames: float
    state: Literal["made before", "to do", "not known yet"]


def planned(reel: Reel, lab: Lab) -> list[Step]:
    """Every step of a reel's restoration, in order; reads records and file names, opens no frame.

    What follows the ingest is not known before the scan has been taken in once, and is said to be so.

    Raises:
        WrongEdit: a person edits frames that the reel has not.
    """
    later = [*(t.kind for t in reel.treatments), "render", "measure", "package"]
    taken_in = lab.store.recall(key(ingestion(reel, lab)))
    if taken_in is None:
        files = len(scan_files(reel.scan, lab))
        unknown = [_step(stage, reel.id, 0, 0.0, "not known yet") for stage in ("cut", *later)]
        return [_step("ingest", f"{reel.id}: {files} files", files, 0.0, "to do"), *unknown]
    scan = scan_facts(reel, taken_in, lab)
    frames = scan.stop - scan.first
    steps = [_step("ingest", reel.id, frames, 0.0, "made before")]
    listed = lab.store.recall(key(cutting(reel, scan)))
    if listed is None:
        unknown = [_step(stage, reel.id, 0, 0.0, "not known yet") for stage in later]
        return [*steps, _step("cut", reel.id, frames, frames * scan.height * scan.width / 1e6, "to do"), *unknown]
    shots = shots_of(reel, scan, listed, lab)
    steps.append(_step("cut", f"{reel.id}: {len(shots)} shots", frames, 0.0, "made before"))
    check_edits(shots, reel.treatments)
    for treatment in reel.treatments:
        steps += (step for group in groups(shots, treatment) for step in _examination(group, treatment, lab))
        shots = laid(shots, [_layer(group, treatment, lab) for group in groups(shots, treatment)])
    graded = []
    for delivery in reel.delivery:
        mastering = getattr(delivery, "mastering", None)
        grade = _layer(toned(shots), mastering, lab) if mastering else None
        if mastering:
            steps += _examination(toned(shots), mastering, lab)
        graded.append(Graded(delivery=delivery, profile=reel.profile, grade=grade))
    for shot in shots:
        for first, stop in chunks(shot):
            keys = [key(segment_recipe(shot, first, stop, delivery)) for delivery in graded]
            there = all(lab.store.recall(k) is not None for k in keys)
            size = (stop - first) * scan.height * scan.width / 1e6
            steps.append(
                _step(
                    "render", f"{shot.name} {first}-{stop - 1}", stop - first, size, "made before" if there else "to do"
                )
            )
    return steps


def layered(reel: Reel, shots: tuple[Shot, ...], lab: Lab) -> tuple[Shot, ...]:
    """The shots with a layer for each treatment of their reel; layers that the lab has not made have no outputs."""
    for treatment in reel.treatments:
        shots = laid(shots, [_layer(group, treatment, lab) for group in groups(shots, treatment)])
    return shots


def _layer(shots: tuple[Shot, ...], restorer: Restorer, lab: Lab) -> Layer:
    recipe_key = key(list(prescribed(shots, restorer, lab).values())[-1])
    record = lab.store.recall(recipe_key)
    return Layer(kind=restorer.kind, key=recipe_key, outputs=record.outputs if record else {})


def _examination(shots: tuple[Shot, ...], restorer: Restorer, lab: Lab) -> Iterator[Step]:
    """The examination, and the edit where a person edited what it finds."""
    frames = sum(shot.stop - shot.first for shot in shots)
    scan = shots[0].scan
    subject = shots[0].name if len(shots) == 1 else f"{shots[0].reel} whole reel"
    size = frames * scan.height * scan.width / 1e6
    for stage, recipe in prescribed(shots, restorer, lab).items():
        there = lab.store.recall(key(recipe)) is not None
        step = _step(stage, subject, frames, size, "made before" if there else "to do")
        yield step.model_copy(update={"treatment": restorer.kind})


def _step(
    stage: str,
    subject: str,
    frames: int,
    megapixel_frames: float,
    state: Literal["made before", "to do", "not known yet"],
) -> Step:
    return Step(stage=stage, subject=subject, frames=frames, megapixel_frames=megapixel_frames, state=state)
