"""Four films of 1903 to 1920, repaired: no truth is known, so what was found is shown, and counted where things move.

Dirt falls on a film without regard to what it shows. Where flow cannot follow the picture (hands, smoke, traffic), as
much of it should be found as elsewhere, or less; much more means that the picture itself was taken for dirt.
"""

from collections import Counter
from collections.abc import Iterator, Mapping

import cv2
import numpy as np

from restorers.cleaning.mends import Blemish
from restorers.cleaning.neighbors import Box
from restorers.deflicker import Deflicker
from restorers.restorer import Bench
from restorers.stabilization import Stabilization
from tests.benchmarks import films, repairers, spoilt
from tests.benchmarks.films import FILMS
from tests.benchmarks.footage import restored
from tests.benchmarks.peers import Frames
from tests.benchmarks.readings import Extent, Goal, Reading

CASES: Mapping[str, tuple[str, ...]] = {"films": tuple(FILMS)}
GOALS: Mapping[str, Mapping[str, Goal]] = {}
COLORS = {"dust": (255, 220, 0), "dirt": (255, 140, 0), "hair": (0, 255, 120), "blotch": (255, 0, 160)}
OTHER = (0, 200, 255)
SHOWN = 3  # frames
ENLARGED = 2


def trials(section: str, extent: Extent) -> Iterator[str]:
    """The films."""
    yield from CASES[section][: 1 if extent.quick else extent.most]


def readings(name: str, extent: Extent) -> list[Reading]:
    """What was found on a film, steadied and evened before; its pictures are written on the way."""
    found = films.film(name)[: films.QUICK_FRAMES if extent.quick else None]
    bench = Bench()
    even = restored(Deflicker(), restored(Stabilization(), found, bench), bench)
    done = repairers.ours(even)
    moving = spoilt.hard(done.done)  # of the frames as found every piece of dirt would seem to move
    mended = [blemish for blemish in done.remedy.blemishes if blemish.action != "left"]
    still = float(done.mended[~moving].mean())
    kinds = Counter(blemish.kind for blemish in mended)
    values = {
        ("pixels mended", "%"): 100 * float(done.mended.mean()),
        ("where things move", "times elsewhere"): float(done.mended[moving].mean()) / max(still, 1e-9),
        ("left", "a frame"): (len(done.remedy.blemishes) - len(mended)) / len(found),
        **{(kind, "a frame"): kinds[kind] / len(found) for kind in ("dust", "dirt", "hair", "blotch", "scratch")},
    }
    if extent.pictures:
        pictures(FILMS[name], even, done, extent)
    return [Reading(name, name, "reelwright", metric, value, unit) for (metric, unit), value in values.items()]


def pictures(name: str, even: Frames, done: repairers.Repaired, extent: Extent) -> None:
    """Write three frames in a row with what was found on them outlined, and mended beneath."""
    if extent.pictures is None:
        return
    middle = len(even) // 2
    rows = [[], []]
    for number in range(middle, min(middle + SHOWN, len(even))):
        large = [np.repeat(np.repeat(f[number], ENLARGED, 0), ENLARGED, 1) for f in (even, done.done)]
        for blemish, parts in done.remedy.pieces:
            for part in parts:
                if part.frame == number:
                    _outline(large[0], blemish, part.box)
        for row, picture in zip(rows, large, strict=True):
            row.append(picture)
    strip = np.concatenate([np.concatenate(row, axis=1) for row in rows])
    cv2.imwrite(str(extent.pictures / f"{name}-repaired.png"), strip[..., ::-1])


def _outline(picture: Frames, blemish: Blemish, box: Box) -> None:
    top, left, bottom, right = (ENLARGED * n for n in box)
    color = COLORS.get(blemish.kind, OTHER) if blemish.action != "left" else (255, 0, 0)
    cv2.rectangle(picture, (left - 4, top - 4), (right + 3, bottom + 3), color, 1)
