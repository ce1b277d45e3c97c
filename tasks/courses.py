"""The networks that can be trained: what each learns, from what, and what its card says of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import cv2
import numpy as np

from restorers.metrics.perceptual import VGG, PerceptualDistance
from restorers.networks.card import Data
from restorers.networks.enhancer import Enhancer
from restorers.networks.weights import opened
from restorers.training.assessing import Assessing
from restorers.training.detection import Detection, detection
from restorers.training.enhancing import Enhancing
from restorers.training.imagining import Imagining
from restorers.training.loop import Lesson
from restorers.training.painting import Painting
from restorers.training.photographs import Photograph, parted
from restorers.training.pictures import LEAST, Pictures
from restorers.training.unfading import Unfading
from restorers.unfading.blind import SIGNS
from tasks.lab import Lab
from tasks.material import Material
from tasks.media.recode import recoded
from tasks.progress import tell

KEPT_BACK = 0.1  # share of the pictures


@dataclass(frozen=True)
class Course:
    """How a network is made, and what its card says of it."""

    purpose: str
    not_for: str
    architecture: str
    settings: Mapping[str, int]
    lesson: Callable[[Material, Mapping[str, int], Lab], Lesson[Any]]
    rate: float = 3e-3  # of learning, at its highest
    orthogonal: bool = False  # see `Recipe`
    begins: str = ""  # name of the network whose weights it begins with
    beside: tuple[Data, ...] = ()  # what else it learns from


def _painting(material: Material, settings: Mapping[str, int], _: Lab) -> Painting:
    kept_back = max(round(KEPT_BACK * len(material.photographs)), 1)
    return Painting(material.photographs, material.shapes, kept_back=kept_back, **settings)


def _detection(material: Material, settings: Mapping[str, int], _: Lab) -> Detection:
    gray = [cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.uint8) for picture in material.photographs]
    shapes = [shape.astype(np.float32) for shape in material.shapes]
    return detection(
        gray,
        material.films,
        shapes,
        kept_back=KEPT_BACK,
        settings=settings,
        tell=partial(tell, "prepare", "detector"),
    )


def _pictures(material: Material, learner: str) -> tuple[Pictures, list[Photograph]]:
    kept_back = max(round(KEPT_BACK * len(material.photographs)), 1)
    shown, others = parted(material.photographs, kept_back, least=LEAST, learner=learner)
    return Pictures(shown, coder=recoded), others


def _enhancing(material: Material, settings: Mapping[str, int], _: Lab) -> Enhancing:
    pictures, others = _pictures(material, "an enhancer")
    return Enhancing(pictures, others, **settings)


def _assessing(material: Material, settings: Mapping[str, int], _: Lab) -> Assessing:
    pictures, others = _pictures(material, "an assessor")
    return Assessing(pictures, Pictures(others, coder=recoded), **settings)


def _imagining(material: Material, settings: Mapping[str, int], lab: Lab) -> Imagining:
    begin = opened("enhancer", Enhancer, lab.bench)
    return Imagining(_enhancing(material, settings, lab), begin, PerceptualDistance(lab.trunks, VGG))


def _unfading(material: Material, settings: Mapping[str, int], _: Lab) -> Unfading:
    kept_back = max(round(KEPT_BACK * len(material.photographs)), 1)
    return Unfading(material.photographs, kept_back=kept_back, tell=partial(tell, "prepare", "unfader"), **settings)


_ENHANCER = Course(
    purpose="frees pictures of noise, blur and coding and draws them larger, by what their own pixels tell",
    not_for="making up detail: it is trained by pixels alone and shows what is likeliest; not evidence of fine print",
    architecture="enhancer.Enhancer",
    settings={"width": 64, "depth": 5},
    lesson=_enhancing,
    rate=1e-3,
    orthogonal=True,
)

COURSES: Mapping[str, Course] = {
    "assessor": Course(
        purpose="tells how noisy a single picture was before it was coded, and how much coding changed it",
        not_for="more than what a network is told of a picture: grain is measured in time, where there is time",
        architecture="assessor.Assessor",
        settings={"width": 32},
        lesson=_assessing,
    ),
    "detector": Course(
        purpose="tells dirt that lies on one frame from what moves, by the two frames beside it",
        not_for="damage that stays for many frames, or evidence that something was not there",
        architecture="detector.Detector",
        settings={"planes": 11, "width": 24},
        lesson=_detection,
    ),
    "draft": replace(_ENHANCER, settings={"width": 32, "depth": 3}),
    "enhancer": _ENHANCER,
    "imaginer": Course(
        purpose="draws pictures larger with likely texture, from what the enhancer knows of them",
        not_for="showing as evidence what nobody saw: texture is likely, not known; never in fidelity profile",
        architecture=_ENHANCER.architecture,
        settings=_ENHANCER.settings,
        lesson=_imagining,
        rate=2e-4,
        begins="enhancer",
        beside=(
            Data(
                name="VGG 16, as in LPIPS 0.1",
                licence="BSD-3-Clause (torchvision), BSD-2-Clause (LPIPS); learned from ImageNet, for research",
                used="how different pictures look",
            ),
        ),
    ),
    "painter": Course(
        purpose="fills holes of up to some 40 pixels in pictures, from what is around them",
        not_for="showing as evidence what nobody saw: what it paints is likely, not known; never in fidelity profile",
        architecture="painter.Painter",
        settings={"width": 16, "depth": 64},
        lesson=_painting,
    ),
    "unfader": Course(
        purpose="guesses how far the dyes of a reel have faded, and how sure that is, from the colors of its pictures",
        not_for="single frames, negatives, or telling what a film looked like: it learned from simulated fading alone",
        architecture="unfader.Unfader",
        settings={"signs": SIGNS, "width": 256},
        lesson=_unfading,
        beside=(
            Data(
                name="dye curves of film stocks, restorers/dyes/stocks.json",
                licence="MIT (digitized by J. Lohse, spectral_film_lut)",
                used="7 prints and reversal films; four more are kept back to judge by",
            ),
        ),
    ),
}
