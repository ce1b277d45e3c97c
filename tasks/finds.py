"""What repair found in a reel, for a person to look through: listed, filtered, pictured, with their edits on it.

Nothing is worked out anew. Edits in the manifest show at once, before anything is restored with them.
"""

import csv
import io
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import get_args

import cv2
import numpy as np

from manifests.reel import Reel
from restorers.cleaning.found import Kind
from restorers.cleaning.mends import Action, Blemish, Mending, Part
from restorers.cleaning.neighbors import Box
from restorers.restorer import Restorer
from tasks.evidence import crop, cropped, telling_part
from tasks.examine import check_edits, prescribed, with_edits
from tasks.footage import footage
from tasks.lab import Lab
from tasks.look import NotThere, shots_so_far
from tasks.pictures import Codes, codes
from tasks.progress import tell
from tasks.report.account import row_of
from tasks.report.content import BlemishRow
from tasks.shot import Layer, Shot, key
from tasks.weight import Weight, weight

TILE = 144  # px: the side of a picture on a sheet
COLUMNS = 4  # pairs of pictures beside one another
LABEL = 36  # px: the height of what is written under a pair
GAP = 10  # px
SHOWN = 96  # pairs on a sheet
PAPER, INK, QUIET, MARK = 24, (235, 235, 235), (150, 150, 150), (255, 200, 0)


@dataclass(frozen=True, eq=False)
class Finds:
    """What a repair found in one shot.

    Attributes:
        shot: with the layers that lie beneath the repair.
        layer: the examination at rest.
        mending: what it found, with a person's edits.
    """

    shot: Shot
    layer: Layer
    mending: Mending


@dataclass(frozen=True, eq=False)
class Find:
    """One blemish of a reel."""

    finds: Finds
    blemish: Blemish
    parts: tuple[Part, ...]

    @property
    def row(self) -> BlemishRow:
        """The blemish as people read it."""
        return row_of(self.blemish, self.finds.shot)

    def line(self) -> dict[str, object]:
        """What is recorded of it, for a script."""
        return {"shot": self.finds.shot.index, **self.blemish.model_dump(mode="json")}


def finds_so_far(reel: Reel, lab: Lab) -> tuple[Finds, ...]:
    """What the lab has found in the shots of a reel, as the manifest prescribes and edits it now.

    Raises:
        NotThere: the manifest prescribes no repair, or no shot was examined with these settings.
        WrongEdit: an edit names frames or places that are not there.
    """
    repairs = [(place, each) for place, each in enumerate(reel.treatments) if type(each).remedy is Mending]
    if not repairs:
        raise NotThere(f"{reel.id} prescribes no repair, so nothing was looked for")
    shots = shots_so_far(reel, lab)
    check_edits(shots, reel.treatments)
    found = [one for place, repair in repairs for shot in shots for one in _finds(shot, place, repair, lab)]
    if not found:
        raise NotThere(f"{reel.id}: no shot was examined for repair with these settings; `reelwright restore` does")
    return tuple(found)


def chosen(
    found: Iterable[Finds],
    *,
    shot: int | None = None,
    frame: int | None = None,
    kinds: Collection[str] = (),
    actions: Collection[str] = (),
) -> list[Find]:
    """The blemishes of one shot, on one frame, of some classes, about which some things were done; all if not said.

    Raises:
        NotThere: there is no such class, or no such thing is done.
    """
    for asked, known in ((kinds, get_args(Kind)), (actions, get_args(Action))):
        if strange := sorted(set(asked) - set(known)):
            raise NotThere(f"no blemish is {', '.join(strange)}: they are {', '.join(known)}")
    return [
        Find(finds, blemish, parts)
        for finds in found
        for blemish, parts in finds.mending.pieces
        if shot in (None, finds.shot.index)
        and (frame is None or any(part.frame == frame for part in parts))
        and (not kinds or blemish.kind in kinds)
        and (not actions or blemish.action in actions)
    ]


def record(finds: Iterable[Find], found: Iterable[Finds]) -> dict[str, list[dict[str, object]]]:
    """Blemishes, and where a shot shows a frame twice or lacks one, each with its shot, for a script."""
    return {
        "blemishes": [find.line() for find in finds],
        "irregularities": [
            {"shot": one.shot.index, **irregularity.model_dump(mode="json")}
            for one in found
            for irregularity in one.mending.irregularities
        ],
    }


def listed(finds: Iterable[Find]) -> str:
    """Blemishes as CSV, one a line under a line of names."""
    rows = [_flat(find.line()) for find in finds]
    names = list(rows[0]) if rows else ["shot", *Blemish.model_fields]
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def sheet(finds: Sequence[Find], lab: Lab) -> Codes:
    """A picture of at most 96 blemishes, those that replaced most first, each as found and as mended with its id below.

    Raises:
        NotThere: there is none to show.
    """
    if not finds:
        raise NotThere("there is no such blemish to picture")
    ordered = sorted(finds, key=lambda find: (-find.blemish.area, find.blemish.first, find.blemish.id))[:SHOWN]
    pairs = dict(_pairs(ordered, lab))
    tiles = [_labeled(pairs[place], find) for place, find in enumerate(ordered)]
    tiles += [np.full_like(tiles[0], PAPER)] * (-len(tiles) % min(COLUMNS, len(tiles)))
    columns = min(COLUMNS, len(ordered))
    rows = [np.concatenate(tiles[i : i + columns], axis=1) for i in range(0, len(tiles), columns)]
    return np.pad(np.concatenate(rows), ((GAP, 0), (GAP, 0), (0, 0)), constant_values=PAPER)


def weight_of(found: Sequence[Finds], lab: Lab) -> Weight:
    """What is kept of the mends, as they were found, against the scan they lie on."""
    return weight([one.layer for one in found], list({one.shot.index: one.shot for one in found}.values()), lab)


def _finds(shot: Shot, place: int, repair: Restorer, lab: Lab) -> Iterator[Finds]:
    beneath = shot.model_copy(update={"layers": shot.layers[:place]})
    if not all(layer.outputs for layer in beneath.layers):
        return
    recipe = key(prescribed((beneath,), repair, lab)["examine"])
    record = lab.store.recall(recipe)
    if record is not None:
        layer = Layer(kind=repair.kind, key=recipe, outputs=record.outputs)
        found = with_edits(layer, (beneath,), repair, lab)
        if isinstance(found, Mending):
            yield Finds(beneath, layer, found)


def _flat(line: dict[str, object]) -> dict[str, object]:
    flat: dict[str, object] = {}
    for name, value in line.items():
        if name == "box" and isinstance(value, list):
            flat |= dict(zip(("top", "left", "bottom", "right"), value, strict=True))
        else:
            flat[name] = " ".join(map(str, value)) if isinstance(value, list) else value
    return flat


def _pairs(ordered: Sequence[Find], lab: Lab) -> Iterator[tuple[int, tuple[Codes, Codes]]]:
    """Blemishes as found and as mended, by their place in the order; each frame is opened once."""
    by_frame: dict[tuple[Finds, int], list[tuple[int, Part]]] = defaultdict(list)
    for place, find in enumerate(ordered):
        part = telling_part(find.parts)
        by_frame[find.finds, part.frame].append((place, part))
    for done, ((finds, number), here) in enumerate(by_frame.items(), start=1):
        before = footage((finds.shot,), lab, space=finds.mending.space).clip(number, number + 1)
        after = finds.mending.apply(before, lab.bench)
        for place, part in here:
            box = crop(part.box, before)
            sides = [codes(cropped(box, clip)) for clip in (before, after)]
            yield place, (_framed(sides[0], part, box), _tile(sides[1]))
        tell("sheet", "frames", done, len(by_frame))


def _framed(picture: Codes, part: Part, box: Box) -> Codes:
    """A picture as a tile, with a frame around the blemish."""
    scale = TILE / max(picture.shape[:2])
    top, left, bottom, right = (round((edge - box[i % 2]) * scale) for i, edge in enumerate(part.box))
    return np.asarray(cv2.rectangle(_tile(picture), (left - 2, top - 2), (right + 1, bottom + 1), MARK, 1), np.uint8)


def _tile(picture: Codes) -> Codes:
    larger = picture.shape[0] < TILE
    how = cv2.INTER_NEAREST if larger else cv2.INTER_AREA
    return np.ascontiguousarray(cv2.resize(picture, (TILE, TILE), interpolation=how), np.uint8)


def _labeled(pair: tuple[Codes, Codes], find: Find) -> Codes:
    """Two tiles side by side, and under them which blemish it is and what was done about it."""
    blemish = find.blemish
    tile = np.full((TILE + LABEL + GAP, 2 * TILE + 2 + GAP, 3), PAPER, np.uint8)
    tile[:TILE, :TILE], tile[:TILE, TILE + 2 : 2 * TILE + 2] = pair
    done = f"{blemish.kind} {blemish.action}" + (f": {blemish.reason}" if blemish.reason else "")
    for text, line, color in ((blemish.id, 14, INK), (done, 30, QUIET)):
        cv2.putText(tile, text, (0, TILE + line), cv2.FONT_HERSHEY_SIMPLEX, 0.42, color, 1, cv2.LINE_AA)
    return tile
