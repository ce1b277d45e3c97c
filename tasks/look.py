"""Looking at a shot before committing to it: pictures of what the lab has found out already, and no work done anew."""

from pathlib import Path

import numpy as np

from manifests.reel import Reel
from restorers.render import Footage
from tasks.footage import footage
from tasks.ingest import cutting, ingestion, scan_facts, shots_of
from tasks.lab import Lab
from tasks.pictures import Codes, Slice, codes, png, reduced, steep_band
from tasks.plan import layered
from tasks.progress import tell
from tasks.shot import Shot, key

STRIP_FRAMES = 8
STRIP_WIDTH = 240  # px of each frame
GAP = 4  # px


class NotThere(LookupError):
    """The lab has not found out yet what is to be looked at; says what is missing."""


def shots_so_far(reel: Reel, lab: Lab) -> tuple[Shot, ...]:
    """The shots of a reel with a layer for each treatment; layers that the lab has not made have no outputs.

    Raises:
        NotThere: the reel was not taken in or not cut yet.
    """
    taken_in = lab.store.recall(key(ingestion(reel, lab)))
    if taken_in is None:
        raise NotThere(f"{reel.id}: the lab at {lab.root} has not taken in this scan yet; `reelwright restore` does")
    scan = scan_facts(reel, taken_in, lab)
    listed = lab.store.recall(key(cutting(reel, scan)))
    if listed is None:
        raise NotThere(f"{reel.id}: the cuts have not been looked for yet; `reelwright restore` does")
    return layered(reel, shots_of(reel, scan, listed, lab), lab)


def shot_so_far(reel: Reel, number: int, lab: Lab) -> Shot:
    """A shot of a reel with the layers that the lab has made for it, as the manifest prescribes them now.

    Raises:
        NotThere: the reel was not taken in or not cut yet, or has no such shot.
    """
    shots = shots_so_far(reel, lab)
    if not 1 <= number <= len(shots):
        raise NotThere(f"{reel.id} has {len(shots)} shots; there is no shot {number}")
    shot = shots[number - 1]
    there = next((place for place, layer in enumerate(shot.layers) if not layer.outputs), len(shot.layers))
    return shot.model_copy(update={"layers": shot.layers[:there]})


def layers_to_show(reel: Reel, shot: Shot, kinds: tuple[str, ...]) -> dict[str, range]:
    """The layers of a shot to be looked at, by a name for each: those of some kinds one by one, or all there are.

    Raises:
        NotThere: the manifest does not prescribe one, or the lab has not made it yet.
    """
    prescribed = [treatment.kind for treatment in reel.treatments]
    there = len(shot.layers)
    for kind in kinds:
        if kind not in prescribed:
            raise NotThere(f"{reel.id} has no {kind}; its treatments are {', '.join(prescribed) or 'none'}")
    missing = [kind for kind in prescribed[there:] if kind in kinds or not there]
    if missing or not there:
        raise NotThere(
            f"{shot.name}: {', '.join(missing) or 'nothing'} has not been examined yet with these settings; there is "
            f"{', '.join(prescribed[:there]) or 'no layer'} so far; `reelwright restore` makes the rest"
        )
    if not kinds:
        return {f"scan-to-{prescribed[there - 1]}": range(there)}
    return {f"{place + 1}-{kind}": range(place, place + 1) for place, kind in enumerate(prescribed) if kind in kinds}


def looked_at(shot: Shot, layers: range, folder: Path, lab: Lab, *, name: str) -> tuple[Path, ...]:
    """Pictures of a shot without and with some layers that follow one another, as PNG files.

    The middle frame at full size, a strip of frames over the shot, and one column of the frame over time; in the last
    two the shot without them is above. Layers beneath lie on both sides.
    """
    sides = tuple(
        footage((shot.model_copy(update={"layers": shot.layers[:count]}),), lab)
        for count in (layers.start, layers.stop)
    )
    width = min(STRIP_WIDTH, *(side.size[1] for side in sides))
    folder.mkdir(parents=True, exist_ok=True)
    middle = (shot.first + shot.stop) // 2
    pictures = {
        f"frame-{middle}-before": codes(sides[0].clip(middle, middle + 1)),
        f"frame-{middle}-after": codes(sides[1].clip(middle, middle + 1)),
        "strip": _stacked(*(_strip(side, width) for side in sides)),
        "slice": _stacked(*_slices(shot, sides, middle)),
    }
    paths = []
    for what, picture in pictures.items():
        path = folder / f"{shot.reel}-shot-{shot.index:04d}-{name}-{what}.png"
        path.write_bytes(png(picture))
        paths.append(path)
    return tuple(paths)


def _strip(side: Footage, width: int) -> Codes:
    frames = [reduced(codes(clip), width) for clip in side.sample(STRIP_FRAMES)]
    gap = np.zeros((frames[0].shape[0], GAP, 3), np.uint8)
    return np.concatenate([piece for frame in frames for piece in (gap, frame)][1:], axis=1)


def _slices(shot: Shot, sides: tuple[Footage, ...], middle: int) -> list[Codes]:
    band = steep_band(sides[0].clip(middle, middle + 1))
    pictures = []
    for number, side in enumerate(sides):
        taken = Slice(band, len(side))
        for clip in side.frames():
            taken.add(clip)
            tell("look", shot.name, number * len(side) + clip.stop - shot.first, 2 * len(side))
        pictures.append(np.repeat(taken.codes, max(1, STRIP_WIDTH * STRIP_FRAMES // len(side) // 2), axis=1))
    return pictures


def _stacked(above: Codes, below: Codes) -> Codes:
    if above.shape[1] != below.shape[1]:
        raise ValueError(f"pictures {above.shape[1]} and {below.shape[1]} px wide do not go above one another")
    return np.concatenate((above, np.zeros((GAP, above.shape[1], 3), np.uint8), below))
