"""Faded reels whose truth is known, by simulation: stocks, scanners and pictures that nothing was learned from.

A reel is twelve photographs printed on a stock, with a frame of clear film, grays and a chart before them, faded, and
scanned with its noise. What every method gives is compared with what the unfaded film would have projected.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import colour
import cv2
import numpy as np
import torch

from restorers.decay import DecayCorrection
from restorers.dyes import projection
from restorers.dyes.scanner import Scanner
from restorers.dyes.stocks import KEPT_BACK, WAVELENGTHS, Floats, stocks
from restorers.restorer import Bench
from restorers.training.fading import ALL, NONE, FadedReel, Trouble, drawn, printed, scanned
from restorers.unfading.references import Bands, Lamps, Reference
from tests.benchmarks.moves import FOOTAGE
from tests.restorers.footage import footage_of

PICTURES, SIZE = 12, (32, 48)
GRAY, GRAYS = (0.6, 1.2), (0.3, 0.9, 1.8)  # visual densities: of one gray from to, of three
PATCH = 8  # pixels
ROUNDS = 3  # fades of a stock in a scanner
LAMPS: Mapping[str, Lamps] = {
    "lamps 630 525 465": ((630, 20), (525, 35), (465, 22)),
    "lamps 680 545 435": ((680, 40), (545, 50), (435, 45)),
}
CASES: Mapping[str, Trouble] = {
    "plain": NONE,
    "dyes 10 nm off": Trouble(shift_nm=ALL.shift_nm),
    "bands 5 nm off": Trouble(sensitivity=ALL.sensitivity),
    "layers fade one another": Trouble(interlayer=ALL.interlayer),
    "uneven": Trouble(uneven=ALL.uneven),
    "grain": Trouble(grain=ALL.grain),
    "all of it": ALL,
}


@dataclass(frozen=True)
class Trial:
    """One reel of a case."""

    case: str
    stock: str
    scanner: str
    round: int
    sound: bool = False

    @property
    def seed(self) -> list[int]:
        """Of all that is random in it; the same for all cases."""
        return [sorted(KEPT_BACK).index(self.stock), sorted(scanners()).index(self.scanner), self.round]


@dataclass(frozen=True, eq=False)
class Simulated:
    """A reel as all methods get it, and the truth.

    Attributes:
        reel: what it is.
        bands: what is known of its scanner.
        level: visual density of the one gray.
        seen: densities `(F, H, W, 3)`, the first frame with the places that are known.
        unfaded: what a scan of it would have shown before it faded.
        wanted: XYZ it projected.
        chart: XYZ of the chart's fields.
    """

    reel: FadedReel
    bands: Lamps | Bands
    level: float
    seen: Floats
    unfaded: Floats
    wanted: Floats
    chart: Floats

    @property
    def places(self) -> dict[str, Reference]:
        """What a person may point at, by name."""
        grays = {f"gray {i}": (i + 2, level) for i, level in enumerate(GRAYS)}
        found = {"clear": _reference(0, was="clear"), "gray": _reference(1, was="gray", density=self.level)}
        found |= {name: _reference(at, was="gray", density=level) for name, (at, level) in grays.items()}
        labs = projection.lab(self.chart)
        return found | {
            f"chart {i}": _reference(5 + i, was="color", lab=tuple(float(v) for v in lab)) for i, lab in enumerate(labs)
        }

    def place(self, name: str, *, unfaded: bool = False) -> Floats:
        """Density `(3,)` of one of them, as seen or as it was."""
        at = self.places[name]
        frame = (self.unfaded if unfaded else self.seen)[0]
        return np.asarray(np.median(frame[at.y : at.y + at.height, at.x : at.x + at.width].reshape(-1, 3), axis=0))

    def worked(self, treatment: DecayCorrection) -> tuple[Floats, bool, Floats]:
        """What a treatment makes of its pictures, XYZ; whether it left them as found; and its densities."""
        frames = torch.from_numpy(self.seen).permute(0, 3, 1, 2).float().contiguous()
        footage = footage_of(frames)
        remedy = treatment.examine(footage, Bench())
        made = remedy.apply(footage.clip(1, len(frames)), Bench()).frames.permute(0, 2, 3, 1).double().numpy()
        return projection.of_rec709(10**-made), remedy.identity, made


def simulated(trial: Trial) -> Simulated:
    """The reel of a trial."""
    chance, trouble = np.random.default_rng(trial.seed), CASES[trial.case]
    scanner = scanners()[trial.scanner]
    reel = drawn(stocks()[trial.stock], scanner, chance, trouble, sound=trial.sound)
    chosen = chance.choice(24, PICTURES, replace=False)
    pictures = np.stack([_photograph(int(number)) for number in chosen]).astype(np.float64) / 255
    stock = reel.film.stock
    amounts = printed(stock, pictures.reshape(-1, 3), chance, trouble).reshape(pictures.shape)
    level = float(chance.uniform(*GRAY))
    grays = projection.grays(stock, np.array([level, *GRAYS]))
    chart = printed(stock, _chart(), chance)
    known = np.concatenate([np.zeros((1, 3)), grays, chart])
    leader = np.repeat(np.repeat(_page(known), PATCH, 0), PATCH, 1)[: SIZE[0], : SIZE[1]]
    whole = np.concatenate([leader[None], amounts]).reshape(-1, 3)
    severity = 1 + trouble.uneven * chance.uniform(-1, 1, len(whole))
    shape = (PICTURES + 1, *SIZE, 3)
    return Simulated(
        reel=reel,
        bands=LAMPS.get(trial.scanner) or curves(scanner),
        level=level,
        seen=scanned(reel.shown(whole, severity), chance).reshape(shape),
        unfaded=reel.film.densities(whole).reshape(shape),
        wanted=projection.shown(stock, amounts),
        chart=projection.shown(stock, chart),
    )


@cache
def scanners() -> dict[str, Scanner]:
    """Scanners to be judged by: two with lamps, and a camera under a white light."""
    shape = colour.SpectralShape(WAVELENGTHS[0], WAVELENGTHS[-1], WAVELENGTHS[1] - WAVELENGTHS[0])
    camera = colour.MSDS_CAMERA_SENSITIVITIES["Nikon 5100 (NPL)"].copy().align(shape).values.T
    light = colour.SDS_ILLUMINANTS["LED-B4"].copy().align(shape).values
    return {
        **{name: Scanner.narrow(name, *lamps) for name, lamps in LAMPS.items()},
        "camera, white light": Scanner.of("Nikon 5100 under LED-B4", np.asarray(light), np.asarray(camera)),
    }


def curves(scanner: Scanner) -> Bands:
    """What a maker can say of a scanner's bands."""
    red, green, blue = (tuple(band) for band in np.round(scanner.bands * 1000, 3).tolist())
    return Bands(first_nm=WAVELENGTHS[0], step_nm=WAVELENGTHS[1] - WAVELENGTHS[0], red=red, green=green, blue=blue)


def _reference(at: int, **what: object) -> Reference:
    across = SIZE[1] // PATCH
    corner = {"x": at % across * PATCH + 1, "y": at // across * PATCH + 1}
    return Reference.model_validate({"frame": 0, **corner, "width": PATCH - 2, "height": PATCH - 2, **what})


def _page(known: Floats) -> Floats:
    down, across = SIZE[0] // PATCH, SIZE[1] // PATCH
    page = np.zeros((down * across, 3))
    page[: len(known)] = known[: len(page)]
    return page.reshape(down, across, 3)


def _chart() -> Floats:
    """Colors of the chart, sRGB in [0, 1]: the first 18 of the ColorChecker, the colored ones."""
    checker = colour.CCS_COLOURCHECKERS["ColorChecker24 - After November 2014"]
    values = np.array(list(checker.data.values()))[:18]
    return np.clip(colour.XYZ_to_sRGB(colour.xyY_to_XYZ(values), checker.illuminant), 0, 1)


@cache
def _photograph(number: int) -> np.ndarray:
    path = FOOTAGE / "images" / "kodak24" / f"kodim{number + 1:02d}.png"
    picture = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
    return cv2.resize(picture, SIZE[::-1], interpolation=cv2.INTER_AREA)
