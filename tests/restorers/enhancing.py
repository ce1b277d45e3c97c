"""Shots for tests of enhancement, grainy and clean, and what is measured of them."""

from typing import Literal

import numpy as np
import torch
from skimage import data
from torch import Tensor

from restorers.detail.grain import LEVELS, GrainModel
from restorers.enhancement import Enhancement
from restorers.enhancing.diagnosis import Diagnosis
from restorers.enhancing.drawing import density_of
from restorers.enhancing.scanning import scanned_again
from restorers.restorer import Bench
from tests.restorers.footage import clip_of, footage_of
from tests.restorers.scenes import scene

Photograph = Literal["astronaut", "coffee", "chelsea"]
PHOTOGRAPHS: tuple[Photograph, ...] = ("astronaut", "coffee", "chelsea")


def grainy(
    camera: Literal["static", "pan"] = "static", *, seed: int = 0, frames: int = 5, sigma: float = 0.05
) -> tuple[Tensor, Tensor]:
    """A shot as filmed, clean and with grain, by default of 0.05 D."""
    clean = scene(frames, (128, 160), camera=camera, weave_px=0, object_share=0.05).clean
    noise = torch.randn(clean.shape, generator=torch.Generator().manual_seed(seed))
    return clean, clean + sigma * noise


def treated(frames: Tensor, treatment: Enhancement) -> Tensor:
    return treatment.examine(footage_of(frames), Bench()).apply(clip_of(frames), Bench()).frames


def psnr(one: Tensor, two: Tensor) -> float:
    return float(-10 * torch.log10(((one - two) ** 2).mean() / 1.97**2))


def diagnosis(*, visible: float = 0.0, blur: float = 0.0, coding: float = 0.0, film: float = 1.0) -> Diagnosis:
    lone = np.zeros((25, 25), np.float32)
    lone[12, 12] = 1
    grain = GrainModel(
        sigma=np.full((3, len(LEVELS)), visible, np.float32),
        correlation=np.eye(3, dtype=np.float32),
        autocorrelation=lone,
        blocks=9,
        method="temporal",
    )
    return Diagnosis(grain=grain, visible=visible, film=film, kind="film", coding=coding, blur=blur)


def halved(photograph: Photograph, scale: int) -> tuple[Tensor, Tensor]:
    """A photograph as brightness, and a still shot of it made smaller, in density."""
    picture = getattr(data, photograph)()[:256, :384].astype(np.float32) / 255
    large = torch.from_numpy(picture).permute(2, 0, 1)
    small = torch.clamp(scanned_again(large, scale, 0.0), 0, 1)
    return large, density_of(small)[None].repeat(2, 1, 1, 1)
