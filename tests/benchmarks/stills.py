"""Real damaged scans of color film with the restorations that people made of them by hand, and where they worked.

Nothing lies before or after a still: what is mended here, space alone knows. The masks that came with them were found
by a machine and hold lettering that nobody mended; so a second case has only those parts of them that the hand altered.
"""

from collections.abc import Iterator, Mapping

import cv2
import numpy as np

from restorers.metrics.fidelity import gmsd
from tests.benchmarks import repairers
from tests.benchmarks.footage import decoded
from tests.benchmarks.moves import FOOTAGE
from tests.benchmarks.peers import Frames
from tests.benchmarks.readings import Extent, Goal, Reading
from tests.benchmarks.spoilt import Mask

STILLS = ("cinestill50d_half_1", "velvia50")
CASES: Mapping[str, tuple[str, ...]] = {"stills": STILLS}
GAIN = "PSNR over the damaged"
DRAWN, WORKED = "damaged stills, masks as they came", "damaged stills, where the hand worked"
GOALS: Mapping[str, Mapping[str, Goal]] = {DRAWN: {GAIN: Goal(2)}, WORKED: {GAIN: Goal(2)}}
ALTERED = 8  # levels by which the hand altered a pixel
AWAY = 0.5  # share of a mask's pixel from which on it is masked, where the mask is resized


def trials(section: str, extent: Extent) -> Iterator[tuple[str, str]]:
    """The cases and their stills."""
    for case in (DRAWN, WORKED):
        yield from ((case, name) for name in CASES[section][: 1 if extent.quick else extent.most])


def readings(trial: tuple[str, str], extent: Extent) -> list[Reading]:
    """How close each contender comes to the restoration by hand, inside the mask, and what it alters outside."""
    case, name = trial
    found, wanted, mask = still(name)
    if case == WORKED:
        altered = np.abs(found.astype(int) - wanted).max(-1) > ALTERED
        mask = repairers.grown(mask & repairers.grown(altered))
    works = {"as found": found, "reelwright": repairers.ours_told(found, mask).done}
    if extent.peers:
        works |= {method: peer(found, mask) for method, peer in repairers.FILLERS.items() if "median" not in method}
    least = _psnr(wanted, found, mask)
    judged = []
    for method, done in works.items():
        altered = 100 * float((done != found).any(-1)[~mask].mean())
        alike = gmsd(decoded(wanted).frames[0], decoded(done).frames[0])
        for metric, value, unit, higher in (
            ("PSNR in the mask", _psnr(wanted, done, mask), "dB", True),
            (GAIN, _psnr(wanted, done, mask) - least, "dB", True),
            ("GMSD of the frame", alike, "", False),
            ("altered outside", altered, "%", False),
        ):
            judged.append(Reading(case, name, method, metric, value, unit, higher))
    return judged


def still(name: str) -> tuple[Frames, Frames, Mask]:
    """A damaged still, its restoration, each `(1, H, W, 3)`, and the mask of it, `(1, H, W)`."""
    folder = FOOTAGE / "film" / "damaged_stills"
    found, wanted = (np.asarray(cv2.imread(str(folder / f"{kind}_{name}.jpg"))) for kind in ("input", "target"))
    drawn = np.asarray(cv2.imread(str(folder / f"{name}_mask.png"))).max(-1)
    mask = cv2.resize(drawn, found.shape[1::-1], interpolation=cv2.INTER_AREA) > 255 * AWAY
    return found[None, ..., ::-1].copy(), wanted[None, ..., ::-1].copy(), np.asarray(mask)[None]


def _psnr(wanted: Frames, done: Frames, mask: Mask) -> float:
    error = ((wanted.astype(np.float32) - done) / 255)[mask]
    return float(-10 * np.log10((error**2).mean()))
