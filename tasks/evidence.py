"""Pictures that let the report show what single layers did: frames moved, colors brought back, the largest mends."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from restorers.cleaning.mends import Blemish, Mending, Part
from restorers.cleaning.neighbors import Box
from restorers.clip import Clip
from restorers.render import Footage
from restorers.restorer import Bench
from restorers.steadiness.steadying import Steadying
from restorers.unfading.unfaded import Unfading
from tasks.footage import footage, remedy
from tasks.lab import Lab
from tasks.pictures import Codes, codes, jpeg, reduced
from tasks.report.fading import Side, Sureness, heated, sides
from tasks.report.steadiness import telling_frames
from tasks.shot import Shot

MESH_WIDTH = 480  # px
LOOKED_AT = 5  # frames of a shot, of which the one with the widest range shows what became of its colors
RANGE = (0.005, 0.995)  # of the densities of a frame
MENDS = 6  # of a shot
CROP_SHARE = 4  # of a frame's height: the most that is shown around a mend
LEAST_CROP = 48  # px
CROP_WIDTH = 96  # px


def evidence(shot: Shot, lab: Lab) -> dict[str, bytes]:
    """Pictures of a shot's layers as JPEG files, by name.

    `mesh-<place of the layer>-<frame>` is a frame as a stabilization layer found it, `mend-<id>-found` and `-mended`
    the place of one of the largest mends; `fade-<place of the layer>-found` and `-undone` a frame without a decay layer
    and with it, `-unsure` how unsure its colors are, and the same without an ending the numbers of that, as JSON.
    """
    files: dict[str, bytes] = {}
    for place, layer in enumerate(shot.layers):
        found = remedy(layer, lab)
        beneath = footage((shot.model_copy(update={"layers": shot.layers[:place]}),), lab, space=found.space)
        if isinstance(found, Steadying):
            files |= {mesh_name(place, number): _frame(beneath, number) for number in telling_frames(found)}
        if isinstance(found, Mending):
            files |= _mends(found, beneath, lab.bench)
        if isinstance(found, Unfading):
            files |= _fade(place, found, beneath, lab.bench)
    return files


def mesh_name(place: int, number: int) -> str:
    """Name of the picture of a frame as the layer at a place in the stack found it."""
    return f"mesh-{place}-{number}"


def mend_names(blemish: Blemish) -> tuple[str, str]:
    """Names of the pictures of a blemish as found, and mended."""
    return f"mend-{blemish.id}-found", f"mend-{blemish.id}-mended"


def fade_name(place: int, side: Side | None = None) -> str:
    """Name of a picture of what the decay layer at a place in the stack did to a frame, or of the numbers of it."""
    return f"fade-{place}-{side}" if side else f"fade-{place}"


def largest_mends(found: Mending) -> tuple[tuple[Blemish, Part], ...]:
    """The mends of a shot that are shown: those that replaced most pixels, largest first, each by its largest part."""
    mended = [(blemish, telling_part(parts)) for blemish, parts in found.pieces if blemish.action != "left"]
    return tuple(sorted(mended, key=lambda one: (-one[1].area, one[1].frame, one[0].id))[:MENDS])


def telling_part(parts: Sequence[Part]) -> Part:
    """The part of a blemish that shows most of what was done: the one that replaced most, or else the largest."""
    return max(parts, key=lambda p: (p.area, (p.box[2] - p.box[0]) * (p.box[3] - p.box[1]), -p.frame))


def crop(box: Box, clip: Clip) -> Box:
    """The place of a blemish with as much around it, a square within the frame: top, left, bottom, right."""
    height, width = clip.size
    top, left, bottom, right = box
    side = min(max(2 * (bottom - top), 2 * (right - left), LEAST_CROP), max(height // CROP_SHARE, LEAST_CROP))
    side = min(side, height, width)
    y = min(max((top + bottom - side) // 2, 0), height - side)
    x = min(max((left + right - side) // 2, 0), width - side)
    return y, x, y + side, x + side


def cropped(box: Box, clip: Clip) -> Clip:
    """What a clip shows within a box."""
    top, left, bottom, right = box
    cut = (slice(top, bottom), slice(left, right))
    return replace(clip, frames=clip.frames[:, :, *cut], origin=clip.origin[:, *cut])


def _frame(beneath: Footage, number: int) -> bytes:
    return jpeg(reduced(codes(beneath.clip(number, number + 1)), MESH_WIDTH), quality=80)


def _fade(place: int, found: Unfading, beneath: Footage, bench: Bench) -> dict[str, bytes]:
    if not sides(found):
        return {}
    before = max(beneath.sample(LOOKED_AT), key=_range)
    colors, unsure = found.undone(before, bench)
    pictures: dict[Side, Codes] = {
        "found": reduced(codes(before), MESH_WIDTH),
        "undone": reduced(codes(before.toned(colors)), MESH_WIDTH),
        "unsure": heated(unsure[0].cpu().numpy(), found.unknown, MESH_WIDTH),
    }
    numbers = Sureness.of(before, unsure, found).model_dump_json().encode()
    shown = {fade_name(place, side): jpeg(pictures[side], quality=80, fine_color=True) for side in sides(found)}
    return {fade_name(place): numbers, **shown}


def _range(clip: Clip) -> float:
    low, high = np.quantile(clip.frames[:, :, ::2, ::2].cpu().numpy(), RANGE)
    return float(high - low)


def _mends(found: Mending, beneath: Footage, bench: Bench) -> dict[str, bytes]:
    by_frame: dict[int, list[tuple[Blemish, Part]]] = defaultdict(list)
    for blemish, part in largest_mends(found):
        by_frame[part.frame].append((blemish, part))
    files = {}
    for number, mends in by_frame.items():
        before = beneath.clip(number, number + 1)
        after = found.apply(before, bench)
        for blemish, part in mends:
            for name, clip in zip(mend_names(blemish), (before, after), strict=True):
                shown = codes(cropped(crop(part.box, clip), clip))
                files[name] = jpeg(reduced(shown, CROP_WIDTH), quality=85)
    return files
