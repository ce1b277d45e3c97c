"""Real damaged scans of color film with the restorations that people made of them by hand, and where they worked.

Nothing lies before or after a still: what is mended here, space alone knows.
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
GOALS: Mapping[str, Mapping[str, Goal]] = {"damaged stills": {GAIN: Goal(2)}}
AWAY = 0.5  # share of a mask's pixel from which on it is masked, where the mask is resized


def trials(section: str, extent: Extent) -> Iterator[str]:
    """The stills."""
    yield from CASES[section][: 1 if extent.quick else extent.most]


def readings(name: str, extent: Extent) -> list[Reading]:
    """How close each contender comes to the restoration by hand, inside its mask, and what it alters outside."""
    found, wanted, mask = still(name)
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
            judged.append(Reading("damaged stills", name, method, metric, value, unit, higher))
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
