"""Motion: flow finds known movement."""

import cv2
import numpy as np
import pytest
import torch
from skimage import data

from restorers.geometry import motion


@pytest.fixture(scope="module")
def photograph() -> torch.Tensor:
    small = cv2.resize(data.astronaut(), (160, 120), interpolation=cv2.INTER_AREA)
    return torch.from_numpy(small.transpose(2, 0, 1).copy()).float() / 255


def shifted(frame: torch.Tensor, x: int, y: int) -> torch.Tensor:
    return torch.roll(frame, (y, x), (-2, -1))


def test_flow_leads_from_the_source_to_where_the_target_shows_it(photograph: torch.Tensor) -> None:
    source, target = motion.luma_for_flow(photograph), motion.luma_for_flow(shifted(photograph, 3, -2))
    assert motion.global_shift(motion.flow(source, target)) == pytest.approx((3, -2), abs=0.1)


def test_flow_is_the_same_on_one_thread_and_on_two(photograph: torch.Tensor) -> None:
    source, target = motion.luma_for_flow(photograph), motion.luma_for_flow(shifted(photograph, 2, 1))
    threads = cv2.getNumThreads()
    try:
        found = []
        for count in (1, 2):
            cv2.setNumThreads(count)
            found.append(motion.flow(source, target))
    finally:
        cv2.setNumThreads(threads)
    assert np.array_equal(*found)


def test_flicker_and_contrast_do_not_change_the_picture_for_flow(photograph: torch.Tensor) -> None:
    plain = motion.luma_for_flow(photograph).astype(int)
    flickering = motion.luma_for_flow(photograph * 1.2 + 0.1).astype(int)
    assert np.abs(plain - flickering).max() <= 1


def test_a_large_frame_gets_a_small_picture() -> None:
    frame = torch.rand(3, 96, 128, generator=torch.Generator().manual_seed(1))
    assert motion.luma_for_flow(frame, lines=48).shape == (48, 64)


def test_both_ways_agree_but_where_something_was_hidden(photograph: torch.Tensor) -> None:
    thing = photograph[:, 10:50, 60:100].flip(1, 2)
    source, target = photograph.clone(), photograph.clone()
    source[:, 60:100, 30:70] = thing
    target[:, 60:100, 46:86] = thing
    a, b = motion.luma_for_flow(source), motion.luma_for_flow(target)
    apart = motion.consistency(motion.flow(a, b), motion.flow(b, a))
    assert np.median(apart[:50]) < 0.2
    assert np.median(apart[64:96, 74:84]) > 1


def test_frame_shifts_follow_a_known_weave(photograph: torch.Tensor) -> None:
    places = [(0, 0), (2, 1), (-1, 1), (0, -2)]
    pictures = [motion.luma_for_flow(shifted(photograph, x, y)) for x, y in places]
    assert motion.frame_shifts(pictures) == pytest.approx(np.diff(np.array(places), axis=0), abs=0.15)


def test_a_fine_picture_is_a_whole_number_of_times_smaller_and_shows_the_same_place(photograph: torch.Tensor) -> None:
    large = photograph.repeat_interleave(4, -1).repeat_interleave(4, -2)
    assert motion.pixels_in_fine(480, lines=120) == 4
    assert motion.fine_luma(large, lines=120) == pytest.approx(motion.fine_luma(photograph, lines=120), abs=1e-4)


def test_flicker_does_not_change_the_fine_picture(photograph: torch.Tensor) -> None:
    plain, flickering = motion.fine_luma(photograph), motion.fine_luma(photograph * 1.2 + 0.1)
    assert flickering == pytest.approx(plain, abs=1e-3)
