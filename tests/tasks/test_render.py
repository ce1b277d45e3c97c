"""Rendering holds few frames at once, and fewer the larger they are."""

from pathlib import Path

import numpy as np
import pytest

from restorers.detail.grain import LEVELS, GrainModel
from restorers.enhancing.diagnosis import Diagnosis
from restorers.enhancing.enlargement import Enlargement
from restorers.render import Span
from tasks.lab import Lab
from tasks.render import window


def enlargement(factor: int) -> Enlargement:
    lone = np.zeros((25, 25), np.float32)
    lone[12, 12] = 1
    sigma = np.zeros((3, len(LEVELS)), np.float32)
    grain = GrainModel(
        sigma=sigma, correlation=np.eye(3, dtype=np.float32), autocorrelation=lone, blocks=0, method="temporal"
    )
    found = Diagnosis(grain=grain, visible=0, film=None, kind=None, coding=0, blur=0)
    return Enlargement.model_validate(
        {
            "found": found,
            "factor": factor,
            "grain": "keep",
            "film": True,
            "laid": None,
            "amount": 1,
            "profile": "linear",
            "invention": 1.0,
            "precision": None,
            "brought": None,
            "device": "cpu",
            "ran": "",
        }
    )


@pytest.mark.parametrize(
    ("size", "factor", "frames"),
    [((480, 640), 1, 8), ((1080, 1920), 1, 8), ((1080, 1920), 2, 7), ((2160, 4096), 1, 7), ((2160, 4096), 4, 1)],
)
def test_a_window_holds_no_more_than_64_megapixels_but_one_frame(
    size: tuple[int, int], factor: int, frames: int, tmp_path: Path
) -> None:
    span = Span(0, 48, (enlargement(factor),))
    assert window(span, size, Lab(root=tmp_path)) == frames


def test_a_lab_may_ask_for_fewer_frames(tmp_path: Path) -> None:
    assert window(Span(0, 48), (480, 640), Lab(root=tmp_path, window=3)) == 3
    assert window(Span(0, 48), (1080, 1920), Lab(root=tmp_path, window_megapixels=5)) == 2
