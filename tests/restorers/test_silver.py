"""Black-and-white film gone yellow and brown becomes gray again, if somebody says that it is silver."""

import pytest
import torch

from restorers.decay import DecayCorrection
from restorers.restorer import Bench, RestorationError
from restorers.unfading.references import Reference
from restorers.unfading.unfaded import Unfading
from tests.restorers.footage import clip_of, footage_of
from tests.restorers.reels import PATCH, SIZE, reel

BENCH = Bench()
OLD = reel()


def examined(treatment: DecayCorrection, frames: torch.Tensor) -> Unfading:
    return treatment.examine(footage_of(frames), BENCH)


def silver_reel(contrast: float = 1.0) -> tuple[torch.Tensor, torch.Tensor]:
    """Silver `(4, H, W)` and how it looks yellowed and browned, `(4, 3, H, W)`."""
    silver = OLD.unfaded.mean(1)
    silver[0, :PATCH, :PATCH], silver[0, :PATCH, PATCH : 2 * PATCH] = 0.0, 1.2
    rise, stain = (torch.tensor(v).view(3, 1, 1) for v in ((1.0, 1.06, 1.2), (0.02, 0.06, 0.2)))
    noise = 0.004 * torch.randn((4, 3, *SIZE), generator=torch.Generator().manual_seed(1))
    return silver, contrast * silver[:, None] * rise + stain + noise


def test_silver_gone_yellow_and_brown_becomes_gray_again() -> None:
    silver, tarnished = silver_reel()
    clear = Reference(frame=0, x=1, y=1, width=6, height=6, was="clear")
    remedy = examined(DecayCorrection(image="silver", references=(clear,), nodes=33), tarnished)
    made = remedy.apply(clip_of(tarnished), BENCH).frames
    assert float((made - silver[:, None]).abs().mean()) < 0.05
    assert float((made.amax(1) - made.amin(1)).max()) < 1e-4
    assert remedy.silver_stain == pytest.approx((0.02, 0.06, 0.2), abs=0.01)
    assert "contrast is left as found" in remedy.summary()


def test_without_clear_film_red_is_taken_to_have_no_stain_and_says_so() -> None:
    _, tarnished = silver_reel()
    remedy = examined(DecayCorrection(image="silver", nodes=33), tarnished)
    assert remedy.silver_stain[0] == 0
    assert remedy.silver_stain[2] == pytest.approx(0.18, abs=0.02)
    assert "red is taken to have no stain" in remedy.summary()


def test_contrast_that_silver_lost_comes_back_where_a_gray_tells_it() -> None:
    silver, weak = silver_reel(contrast=0.7)
    clear = Reference(frame=0, x=1, y=1, width=6, height=6, was="clear")
    gray = Reference(frame=0, x=PATCH + 1, y=1, width=6, height=6, was="gray", density=1.2)
    remedy = examined(DecayCorrection(image="silver", references=(clear, gray), nodes=33), weak)
    assert remedy.silver_contrast == pytest.approx(0.75, abs=0.06)  # told by what all channels gained
    made = remedy.apply(clip_of(weak), BENCH).frames
    assert float((made - silver[:, None]).abs().mean()) < 0.04


def test_a_picture_with_colors_is_no_silver() -> None:
    with pytest.raises(RestorationError, match="said to be silver, but its channels stray"):
        examined(DecayCorrection(image="silver"), OLD.seen)
