"""Clean pictures made larger again with likely texture: how alike they look, and what that costs in decibels.

LPIPS by VGG is what our network learned by; LPIPS by AlexNet it never saw, and DISTS looks through VGG otherwise.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import cast

import torch

from restorers.metrics.fidelity import gmsd
from restorers.metrics.perceptual import ALEX, VGG, PerceptualDistance, features
from restorers.networks.enhancer import Condition, drawn, luma_chroma, red_green_blue, told
from tests.benchmarks import closeness, crops, enlargers, esrgan, originals
from tests.benchmarks.degradations import LEVELS, degraded
from tests.benchmarks.enlargers import BICUBIC, FSRCNN, OURS, RFDN
from tests.benchmarks.enlarging import shrunk
from tests.benchmarks.footage import decoded
from tests.benchmarks.peers import Frames
from tests.benchmarks.readings import Extent, Goal, Reading

CLEAN = "clean"
MIDDLE = 320  # pixels a side of the middle of each picture, which is looked at: VGG is slow


@dataclass(frozen=True)
class Case:
    """What happened to pictures, and how many times larger they are made."""

    level: str
    scale: int


CASES: Mapping[str, Mapping[str, Case]] = {
    "looks": {"looks, clean x2": Case(CLEAN, 2), "looks, clean x4": Case(CLEAN, 4), "looks, faint x2": Case("faint", 2)}
}
PSNR, GMSD, DISTS = "PSNR", "GMSD", "DISTS"
LPIPS = {"LPIPS, AlexNet": ALEX, "LPIPS, VGG": VGG}
BELOW = "{} below {}"
FIDELITY, HALF, PERCEPTUAL = f"{OURS}, fidelity", f"{OURS}, perceptual 0.5", f"{OURS}, perceptual"
ESRGAN = "ESRGAN's recipe"
GOAL = Goal(20)
JUDGED = (*LPIPS, DISTS)
GOALS: Mapping[str, Mapping[str, Goal]] = {
    name: {BELOW.format(metric, other): GOAL for metric in JUDGED for other in ("fidelity", ESRGAN)}
    for name in CASES["looks"]
}


@dataclass(frozen=True)
class Trial:
    """One picture of a case."""

    name: str
    case: Case
    picture: str
    index: int


def trials(section: str, extent: Extent) -> Iterator[Trial]:
    """The pictures of a section."""
    for name, case in CASES[section].items():
        yield from (Trial(name, case, picture, index) for index, picture in enumerate(originals.stills(extent)))


def readings(trial: Trial, extent: Extent) -> list[Reading]:
    """How alike each contender's picture looks, and how close it is."""
    wanted, case = originals.original(trial.picture), trial.case
    clean = case.level == CLEAN
    found = shrunk(wanted, case.scale) if clean else degraded(wanted, LEVELS[case.level], 6000 + trial.index)
    told_so: dict[str, object] = {"scale": case.scale, "nature": "none" if clean else "film"}
    works = {
        FIDELITY: enlargers.worked(enlargers.ours(**told_so), found),
        HALF: enlargers.worked(enlargers.ours(profile="perceptual", invention=0.5, **told_so), found),
        PERCEPTUAL: enlargers.worked(enlargers.ours(profile="perceptual", **told_so), found),
    }
    peers = enlargers.enlargers(case.scale)
    taking_part = (BICUBIC, FSRCNN, RFDN) if extent.peers else (BICUBIC,)
    works |= {name: peers[name](found) for name in taking_part if name in peers}
    if extent.peers and clean:
        works[ESRGAN] = by_esrgan(found, case.scale)
    crops.write(extent.pictures, trial.name, trial.picture, {"as found": found, **works, "original": wanted})
    seen = {method: _seen(wanted, done) for method, done in works.items()}
    made = []
    for method, values in seen.items():
        made += [Reading(trial.name, trial.picture, method, metric, value, "") for metric, value in values.items()]
        for name, other in (("fidelity", FIDELITY), (ESRGAN, ESRGAN)):
            for metric in JUDGED if other in seen and other != method else ():
                below = 100 * (1 - values[metric] / seen[other][metric])
                made.append(Reading(trial.name, trial.picture, method, BELOW.format(metric, name), below, "%", True))
        close = closeness.psnr(wanted, works[method])
        made.append(Reading(trial.name, trial.picture, method, PSNR, close, "dB", True))
    return made


@torch.no_grad()
def by_esrgan(found: Frames, scale: int) -> Frames:
    """By the network that was trained by ESRGAN's recipe, told that nothing ails the picture."""
    network = esrgan.network()
    shown = luma_chroma(torch.from_numpy(found).permute(0, 3, 1, 2) / 255)
    picture = red_green_blue(drawn(shown, network(told(shown, Condition()), scale), scale))
    codes = torch.round(torch.clamp(picture, 0, 1) * 255).to(torch.uint8)
    return codes.permute(0, 2, 3, 1).numpy()


def _seen(wanted: Frames, done: Frames) -> dict[str, float]:
    one, other = (_middle(decoded(frames).frames[0]) for frames in (wanted, done))
    values = {metric: distance(one, other) for metric, distance in _distances().items()}
    return {**values, GMSD: gmsd(one, other)}


def _middle(frame: torch.Tensor) -> torch.Tensor:
    top, left = ((side - MIDDLE) // 2 for side in frame.shape[-2:])
    return frame[:, max(top, 0) :, max(left, 0) :][:, :MIDDLE, :MIDDLE]


@cache
def _distances() -> dict[str, Callable[[torch.Tensor, torch.Tensor], float]]:
    return {**{name: PerceptualDistance(None, trunk) for name, trunk in LPIPS.items()}, DISTS: _dists()}


def _dists() -> Callable[[torch.Tensor, torch.Tensor], float]:
    """DISTS by its authors (Ding, Ma, Wang, Simoncelli, TPAMI 44(5), 2022, doi:10.1109/TPAMI.2020.3045810).

    Raises:
        ModuleNotFoundError: the package is not there.
    """
    import torchvision

    made = torchvision.models.vgg16

    def trunk(**_: object) -> torch.nn.Module:
        network: torch.nn.Module = made()
        state = {name.removeprefix("features."): value for name, value in features(None, VGG).items()}
        cast("torch.nn.Module", network.features).load_state_dict(state)
        return network

    torchvision.models.vgg16 = trunk  # else it would fetch it
    try:
        from DISTS_pytorch import DISTS as authors  # noqa: N811  # a class named so
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError("DISTS takes part by its authors' package: pip install -e '.[bench]'") from error
    else:
        distance = authors()
    finally:
        torchvision.models.vgg16 = made
    return lambda one, other: float(distance(*(torch.clamp(each, 0, 1).float()[None] for each in (one, other))))
