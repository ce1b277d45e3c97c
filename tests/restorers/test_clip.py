import pytest
import torch

from restorers.clip import Clip, Origin
from restorers.colorspace import Space


def clip(frames: int = 4, first: int = 10) -> Clip:
    return Clip(torch.rand(frames, 3, 6, 8, generator=torch.Generator().manual_seed(1)), Space.DENSITY, first)


def test_a_frame_is_found_by_its_reel_number() -> None:
    shot = clip()
    assert torch.equal(shot[12], shot.frames[2])
    assert shot.numbers == range(10, 14)
    with pytest.raises(IndexError, match="frame 14 is not in the clip 10-13"):
        shot[14]


def test_a_part_keeps_its_numbers_and_cannot_reach_beyond() -> None:
    part = clip().between(11, 13)
    assert (part.first, part.stop) == (11, 13)
    with pytest.raises(IndexError):
        clip().between(9, 12)


def test_shares_of_origins_sum_to_one_and_name_each_class() -> None:
    marks = [Origin.UNTOUCHED, Origin.TONED, Origin.RESAMPLED, Origin.GRAIN, Origin.ESTIMATED]
    marks += [Origin.REGRAINED, Origin.CORRECTED, Origin.UNCERTAIN]
    marks += [Origin.borrowed(-31), Origin.borrowed(31)]
    origin = torch.tensor([*marks, Origin.INTERPOLATED, Origin.GENERATED + 3], dtype=torch.uint8)
    shares = Origin.shares(origin)
    assert sum(shares.values()) == pytest.approx(1.0)
    assert shares["borrowed"] == pytest.approx(2 / 12)
    assert all(share > 0 for share in shares.values())


@pytest.mark.parametrize("distance", [0, 32, -32])
def test_a_donor_is_another_frame_within_reach(distance: int) -> None:
    with pytest.raises(ValueError, match="1 to 31 frames away"):
        Origin.borrowed(distance)


def test_of_two_marks_on_a_pixel_the_one_farther_from_the_scan_stays() -> None:
    once = clip().marked(clip().frames, Origin.borrowed(1))
    assert (once.toned(once.frames).origin == Origin.borrowed(1)).all()
    assert (clip().toned(clip().frames).marked(clip().frames, Origin.GENERATED).origin == Origin.GENERATED).all()


def test_frames_that_are_no_clip_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\(T, 3, H, W\)"):
        Clip(torch.zeros(3, 6, 8), Space.DENSITY, 0)
