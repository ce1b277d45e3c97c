"""Measuring a restored shot against its scan, on the frames that were delivered."""

from collections.abc import Iterator

from prefect import runtime
from pydantic import BaseModel, ConfigDict

from restorers.clip import Clip
from restorers.metrics.measures import Measures
from restorers.metrics.measures import measure as measured_frames
from tasks.checkpoint import Piece, checkpointed, lab_task, state
from tasks.evidence import evidence
from tasks.footage import footage
from tasks.lab import Lab
from tasks.media.playback import clips
from tasks.pictures import Slice, codes, jpeg, reduced, steep_band
from tasks.progress import tell
from tasks.quality import Quality, quality
from tasks.render import Rendered
from tasks.shot import Shot
from tasks.store import Artifact
from tasks.synthesis import map_pictures

REVISION = 4
PICTURE_WIDTH = 960  # px, of the report's pictures


class Measured(BaseModel):
    """A shot's measures and its pictures before and after, at rest."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    shot: Shot
    outputs: dict[str, Artifact]

    def measures(self, lab: Lab) -> Measures:
        """What was measured frame by frame."""
        return Measures.model_validate_json(lab.store.path(self.outputs["measures"]).read_bytes())

    def quality(self, lab: Lab) -> Quality:
        """VMAF and LPIPS, or why they are not there."""
        return Quality.model_validate_json(lab.store.path(self.outputs["quality"]).read_bytes())

    def picture(self, name: str, lab: Lab) -> bytes:
        """A picture of the shot, the bytes of a JPEG file: `before`, `after`, `slice-before` ..., see `evidence`."""
        return lab.store.path(self.outputs[name]).read_bytes()


def _run_name() -> str:
    shot = runtime.task_run.parameters["rendered"].shot
    return f"measure {shot.reel} shot {shot.index}"


@lab_task("measure", _run_name)
def measure(rendered: Rendered, lab: Lab) -> Measured:
    """A shot before against after: `Measured`."""
    shot = rendered.shot
    masters = rendered.of("ffv1")
    size = shot.scan.height, shot.scan.width
    recipe = {
        "stage": "measure",
        "revision": REVISION,
        "shot": shot.recipe(),
        "masters": [segment.outputs["segment"].digest for segment in masters],
        "maps": [segment.outputs["origin"].digest for segment in masters if "origin" in segment.outputs],
        "trunks": Quality.trunk_digests(lab.trunks),
    }

    def make(_: frozenset[str]) -> dict[str, dict[str, bytes]]:
        scan = footage((shot.model_copy(update={"layers": ()}),), lab)
        number = middle(shot)
        found = scan.clip(number, number + 1)
        band = steep_band(found)
        slices = {side: Slice(band, shot.stop - shot.first) for side in ("before", "after")}
        measures = measured_frames(
            _sliced(_told(scan.frames(), shot), slices["before"]), _sliced(_delivered(rendered, lab), slices["after"])
        )
        after = next(clip for clip in _delivered(rendered, lab) if clip.first == number)
        pictures = {"before": found, "after": after}
        return {
            "shot": {
                "measures": measures.model_dump_json().encode(),
                "quality": quality(scan.frames(), _delivered(rendered, lab), lab).model_dump_json().encode(),
                **{name: jpeg(reduced(codes(clip), PICTURE_WIDTH)) for name, clip in pictures.items()},
                **{f"slice-{side}": jpeg(taken.codes, quality=88, fine_color=True) for side, taken in slices.items()},
                **evidence(shot, lab),
                **map_pictures(rendered, lab),
            }
        }

    piece = Piece("measure", shot.reel, shot=shot.index, frames=shot.stop - shot.first, size=size)
    done = checkpointed(lab, piece, {"shot": recipe}, make)
    return state(Measured(shot=shot, outputs=done.records["shot"].outputs), done)


def middle(shot: Shot) -> int:
    """Reel number of the frame that stands for a shot."""
    return (shot.first + shot.stop) // 2


def _delivered(rendered: Rendered, lab: Lab) -> Iterator[Clip]:
    masters = rendered.of("ffv1")
    if not masters:
        yield from footage((rendered.shot,), lab).frames()
    for segment in masters:
        yield from clips(lab.store.path(segment.outputs["segment"]), rendered.shot.scan.space, segment.first)


def _sliced(clips: Iterator[Clip], taken: Slice) -> Iterator[Clip]:
    for clip in clips:
        taken.add(clip)
        yield clip


def _told(clips: Iterator[Clip], shot: Shot) -> Iterator[Clip]:
    for clip in clips:
        yield clip
        tell("measure", shot.name, clip.stop - shot.first, shot.stop - shot.first)
