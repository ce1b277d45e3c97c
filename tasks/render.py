"""Rendering: the scan is decoded once, the whole stack laid on it, and every delivery encoded in the same pass.

A shot is rendered in chunks of fixed length. A finished chunk is a checkpoint: a killed run loses the one it was in.
"""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from math import prod
from typing import Any

from prefect import runtime
from pydantic import BaseModel, ConfigDict

from manifests.reel import Delivery, Reel
from restorers import RESTORERS
from restorers.mastering import Grade
from restorers.profile import Profile
from restorers.render import Span, opened
from restorers.synthesis import Tally
from tasks.checkpoint import Done, Piece, Recipe, checkpointed, lab_task, state
from tasks.examine import examine
from tasks.footage import remedy, source
from tasks.lab import Lab
from tasks.masters import Facts, Master, master
from tasks.media.ffmpeg import fingerprint
from tasks.progress import tell
from tasks.shot import Layer, Shot
from tasks.store import Artifact

CHUNK = 48
REVISION = 3


class Segment(BaseModel):
    """One delivery of one chunk, at rest."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: str
    first: int
    stop: int
    outputs: dict[str, Artifact]

    def facts(self, lab: Lab) -> Facts:
        """What was counted while it was encoded."""
        return Facts.model_validate_json(lab.store.path(self.outputs["facts"]).read_bytes())


class Rendered(BaseModel):
    """A shot with its segments, in the order of frames, delivery by delivery."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    shot: Shot
    segments: tuple[Segment, ...]

    def of(self, kind: str) -> tuple[Segment, ...]:
        """The segments of one kind of delivery."""
        return tuple(segment for segment in self.segments if segment.kind == kind)

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of delivery, the lossless master first where there is one."""
        return tuple(sorted({segment.kind for segment in self.segments}, key=lambda kind: (kind != "ffv1", kind)))

    def tally(self, kind: str, lab: Lab) -> Tally:
        """Where the pixels of one kind of delivery come from."""
        return Tally.total(segment.facts(lab).origins for segment in self.of(kind))


class Graded(BaseModel):
    """A delivery, the profile it keeps to, and its grade; none for the lossless master, which is not graded."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    delivery: Delivery
    profile: Profile
    grade: Layer | None = None


def _run_name() -> str:
    shot = runtime.task_run.parameters["shot"]
    return f"render {shot.reel} shot {shot.index}"


@lab_task("render", _run_name)
def render(shot: Shot, deliveries: tuple[Graded, ...], lab: Lab) -> Rendered:
    """Every delivery of one shot: `Rendered`."""
    segments: list[Segment] = []
    made: frozenset[str] = frozenset()
    for first, stop in chunks(shot):
        done = rendered_chunk(shot, first, stop, deliveries, lab)
        made |= done.made
        segments += (
            Segment(kind=kind, first=first, stop=stop, outputs=record.outputs) for kind, record in done.records.items()
        )
        tell("render", shot.name, stop - shot.first, shot.stop - shot.first)
    return state(Rendered(shot=shot, segments=tuple(segments)), Done({}, made))


def grade_deliveries(reel: Reel, shots: tuple[Shot, ...], lab: Lab) -> tuple[Graded, ...]:
    """The reel's deliveries, those for a display with the grade found for the reel as a whole."""
    graded = [(delivery, getattr(delivery, "mastering", None)) for delivery in reel.delivery]
    found = {m.kind: examine.submit(toned(shots), m, lab) for _, m in graded if m is not None}
    return tuple(
        Graded(delivery=d, profile=reel.profile, grade=found[m.kind].result() if m is not None else None)
        for d, m in graded
    )


def toned(shots: Iterable[Shot]) -> tuple[Shot, ...]:
    """The shots as a grade is found for them: without layers that are dense and leave tone alone."""
    return tuple(
        shot.model_copy(update={"layers": tuple(layer for layer in shot.layers if not RESTORERS[layer.kind].dense)})
        for shot in shots
    )


def chunks(shot: Shot) -> Iterator[tuple[int, int]]:
    """First and stop of each chunk of a shot."""
    for first in range(shot.first, shot.stop, CHUNK):
        yield first, min(first + CHUNK, shot.stop)


def rendered_chunk(shot: Shot, first: int, stop: int, deliveries: tuple[Graded, ...], lab: Lab) -> Done:
    """The records of all deliveries of one chunk, by kind."""
    by_kind: dict[str, Graded] = {graded.delivery.kind: graded for graded in deliveries}
    size = shot.scan.height, shot.scan.width
    piece = Piece("render", shot.reel, shot=shot.index, frames=stop - first, size=size)

    def make(missing: frozenset[str]) -> dict[str, Any]:
        span = Span(shot.first, shot.stop, tuple(remedy(layer, lab) for layer in shot.layers))
        scan = source(shot.scan, lab)
        masters: dict[str, Master] = {}
        length = window(span, size, lab)
        with ExitStack() as writing:
            for start in range(first, stop, length):
                clip = opened(scan, span, start, min(start + length, stop), lab.bench)
                for kind in sorted(missing):
                    if kind not in masters:
                        graded = by_kind[kind]
                        made = master(
                            graded.delivery, _grade(graded, lab), shot, clip.size, lab, profile=graded.profile
                        )
                        masters[kind] = writing.enter_context(made)
                    masters[kind].write(clip)
                tell("render", shot.name, clip.stop - shot.first, shot.stop - shot.first)
        return {kind: made.files() for kind, made in masters.items()}

    recipes: dict[str, Recipe] = {kind: segment_recipe(shot, first, stop, graded) for kind, graded in by_kind.items()}
    return checkpointed(lab, piece, recipes, make)


def window(span: Span, size: tuple[int, int], lab: Lab) -> int:
    """How many frames scanned at a size (height, width) are restored at once; their pixels do not depend on it."""
    pixels = size[0] * size[1] * prod(layer.scale for layer in span.remedies) ** 2
    return max(1, min(lab.window, lab.window_megapixels * 1_000_000 // pixels))


def segment_recipe(shot: Shot, first: int, stop: int, graded: Graded) -> dict[str, object]:
    """The recipe of one delivery of one chunk: the pixels, their grade, and the encoder's own identity."""
    return {
        "stage": "render",
        "revision": REVISION,
        "shot": shot.recipe(),
        "chunk": [first, stop],
        "fps": str(shot.scan.fps),
        "delivery": graded.delivery.model_dump(mode="json", exclude={"mastering"}),
        "profile": graded.profile.value,
        "grade": graded.grade.key if graded.grade else None,
        "ffmpeg": fingerprint(),
    }


def _grade(graded: Graded, lab: Lab) -> Grade | None:
    if graded.grade is None:
        return None
    found = remedy(graded.grade, lab)
    assert isinstance(found, Grade)
    return found
