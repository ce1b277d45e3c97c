"""The map of origins tells the truth: what is marked untouched is the scan, what is marked as tone is tone alone, and a
layer that changes a pixel without saying so is caught."""

from functools import cache

import numpy as np
import pytest
import torch
from torch import Tensor

from restorers.clip import Clip, Origin
from restorers.colorspace import Space
from restorers.deflicker import Deflicker
from restorers.dyes.fade import Fade
from restorers.dyes.film import Film
from restorers.dyes.scanner import GENERIC
from restorers.dyes.stocks import generic
from restorers.enhancement import Enhancement
from restorers.geometry.warp import AFFINE
from restorers.profile import Profile
from restorers.render import Footage, Span, opened
from restorers.repair import Repair
from restorers.restorer import Bench, Remedy, RestorationError, Restorer
from restorers.stabilization import Stabilization
from restorers.steadiness.steadying import Steadying
from restorers.synthesis import Tally, described, legend
from restorers.unfading.baking import Undoing
from restorers.unfading.optics import Reading
from restorers.unfading.unfaded import Unfading
from tests.restorers.footage import ArraySource, footage_of
from tests.restorers.scenes import scene

SIZE = (96, 128)
LENGTH = 8
FIRST = 40
SPACE = Space.PRINTING_DENSITY
WHITE = 1023.0


@cache
def scan() -> ArraySource:
    """A 10-bit scan of a shot that weaves and flickers, with grain and dust."""
    aged = scene(LENGTH, SIZE, grain=0.02, dust=5, flicker=0.05, object_share=0).aged
    clip = Clip(aged, Space.DENSITY, 0).in_space(SPACE)
    return ArraySource((clip.frames * WHITE).round().clamp(0, WHITE) / WHITE, SPACE, WHITE, FIRST)


@cache
def stack(*restorers: Restorer) -> tuple[Remedy, ...]:
    """The layers that restorers arrive at, each seeing the shot through those before it."""
    if not restorers:
        return ()
    beneath = stack(*restorers[:-1])
    footage = Footage(scan(), (Span(FIRST, FIRST + LENGTH, beneath),), restorers[-1].space)
    return (*beneath, restorers[-1].examine(footage, Bench()))


def restored(remedies: tuple[Remedy, ...], source: ArraySource | None = None) -> Clip:
    span = Span(FIRST, FIRST + LENGTH, remedies)
    return opened(source or scan(), span, FIRST, FIRST + LENGTH, Bench())


def differ(a: Clip, b: Clip) -> Tensor:
    """Where two clips differ, bool `(T, H, W)`."""
    return (a.frames != b.frames).any(dim=1)


FADE = Fade((0.9, 0.8, 0.7), stain=0.03)
UNDOING = Undoing(Film(generic(), GENERIC), Reading.DENSITY, "projected", strength=1.0, noise=0.0)
FADED = Unfading(
    severities=(1.0,), low=-0.5, high=2.5, lattices=UNDOING.baked(FADE, (), size=17, low=-0.5, high=2.5).values[None]
)
STEADY, EVEN, MENDED = Stabilization(), Deflicker(), Repair()


def test_what_repair_alone_did_is_marked_and_all_else_is_the_scan_code_for_code() -> None:
    out = restored(stack(MENDED))
    touched = out.origin != Origin.UNTOUCHED
    assert touched.any()
    assert not (differ(out, restored(())) & ~touched).any()
    assert (out.origin[touched] > Origin.GRAIN).all()


def test_a_pixel_marked_as_tone_is_what_the_tone_layers_alone_make_of_it() -> None:
    tone = (FADED, *stack(EVEN))
    toned, out = restored(tone), restored((*tone, *stack(MENDED)))
    assert (toned.origin == Origin.TONED).all()
    mended = out.origin > Origin.TONED
    assert mended.any()
    assert not (differ(out, toned) & ~mended).any()


def test_a_tone_layer_makes_each_pixel_of_itself_alone() -> None:
    tone = (FADED, *stack(EVEN))
    other = scan().frames.clone()
    other[3, :, 20, 30] = 1 - other[3, :, 20, 30]
    changed = differ(restored(tone), restored(tone, ArraySource(other, SPACE, WHITE, FIRST)))
    assert torch.nonzero(changed).tolist() == [[3, 20, 30]]


def test_a_pixel_marked_as_moved_is_what_geometry_and_tone_alone_make_of_it() -> None:
    declared = stack(STEADY, EVEN)
    moved, out = restored(declared), restored(stack(STEADY, EVEN, MENDED))
    foreign = out.origin > Origin.GRAIN
    assert (foreign & (moved.origin <= Origin.GRAIN)).any()
    assert not (differ(out, moved) & ~foreign).any()
    still = out.origin <= Origin.TONED
    assert not (differ(out, restored(stack(EVEN))) & still).any()


def test_every_pixel_of_the_whole_stack_that_differs_from_the_scan_is_marked() -> None:
    out = restored(stack(STEADY, EVEN, MENDED, Enhancement()))
    assert not (differ(out, restored(())) & (out.origin == Origin.UNTOUCHED)).any()
    assert sum(Tally.of(out.origin).shares.values()) == pytest.approx(1, abs=1e-12)


def shifted(dx: float, dy: float) -> Steadying:
    """A layer that moves every frame by a part of a pixel."""
    path = np.zeros((LENGTH, 2, len(AFFINE)), np.float32)
    path[:, 0, 0], path[:, 1, 0] = dx, dy
    return Steadying(
        first=FIRST, size=SIZE, static=True, steady=False, warp=False, path=path, course=path * 0, correction=path,
        error=path[0] * 0, agreement=np.ones(LENGTH, np.float32), period=None,
    )  # fmt: skip


class Speck(Remedy):
    """Some pixels of each frame are made by model 3."""

    mark: int = Origin.GENERATED + 3

    def apply(self, clip: Clip, bench: Bench) -> Clip:
        frames, marks = clip.frames.clone(), torch.zeros_like(clip.origin)
        frames[..., 40:44, 60:63] += 0.5
        marks[..., 40:44, 60:63] = self.mark
        return clip.marked(frames, marks)


def test_marks_move_with_their_pixels() -> None:
    move = shifted(3.4, -5.7)
    plain, out = restored((move,)), restored((Speck(), move))
    changed, generated = differ(plain, out), out.origin == Origin.GENERATED + 3
    assert changed.any()
    assert not (changed & ~generated).any()
    y, x = torch.nonzero(generated[0], as_tuple=True)
    assert (float(y.float().mean()), float(x.float().mean())) == pytest.approx((41.5 + 5.7, 61 - 3.4), abs=0.6)
    assert int(generated[0].sum()) <= (4 + 9) * (3 + 9)


class MadeUp(Remedy):
    """Says of a part of all frames but one that it was filled in from around."""

    but: int

    def apply(self, clip: Clip, bench: Bench) -> Clip:
        marks = torch.zeros_like(clip.origin)
        for number in clip.numbers:
            if number != self.but:
                marks[number - clip.first, 30:66, 40:76] = Origin.INTERPOLATED
        return clip.marked(clip.frames, marks)


@pytest.mark.parametrize("made_up", [False, True])
def test_what_is_made_up_on_a_frame_is_not_lent_to_another(made_up: bool) -> None:
    frames = scene(LENGTH, SIZE, grain=0.02, weave_px=0, object_share=0).aged
    frames[4, :, 46:50, 56:60] += 0.8
    beneath: tuple[Remedy, ...] = (MadeUp(but=FIRST + 4),) if made_up else ()
    remedy = Repair().examine(footage_of(frames, first=FIRST, remedies=beneath), Bench())
    (blemish,) = [b for b in remedy.blemishes if b.first == FIRST + 4 and b.box[0] < 48 < b.box[2]]
    assert blemish.action == ("generated" if made_up else "borrowed")


class Silent(Remedy):
    """Changes a pixel of one frame and does not say so."""

    number: int = FIRST + 2

    def apply(self, clip: Clip, bench: Bench) -> Clip:
        frames = clip.frames.clone()
        if self.number in clip.numbers:
            frames[self.number - clip.first, 1, 7, 9] += 1e-6
        return clip.marked(frames, torch.zeros_like(clip.origin))


class Overwriting(Remedy):
    """Writes into the clip it was given."""

    def apply(self, clip: Clip, bench: Bench) -> Clip:
        clip.frames[:, :, 5, 5] = 0.5
        return clip


@pytest.mark.parametrize("beneath", [(), (FADED,), (shifted(0.4, 0.3),), (Speck(),)], ids=lambda r: str(len(r)))
def test_a_layer_that_changes_a_pixel_without_a_mark_is_caught(beneath: tuple[Remedy, ...]) -> None:
    with pytest.raises(RestorationError, match=r"Silent changed 1 pixels of frame 42 without a mark.* row 7, col"):
        restored((*beneath, Silent()))
    with pytest.raises(RestorationError, match="layer Overwriting wrote into the frames"):
        restored((*beneath, Overwriting()))


def test_the_layers_beneath_keep_their_marks() -> None:
    out = restored((Speck(), FADED, Speck(mark=Origin.borrowed(-1))))
    assert (out.origin[:, 40:44, 60:63] == Origin.GENERATED + 3).all()
    assert Tally.of(out.origin).marks == {1: LENGTH * (96 * 128 - 12), 131: LENGTH * 12}


def test_marks_do_not_depend_on_the_window() -> None:
    remedies = (Speck(), *stack(STEADY, EVEN, MENDED))
    whole, span = restored(remedies), Span(FIRST, FIRST + LENGTH, remedies)
    parts = [opened(scan(), span, n, n + 1, Bench()) for n in range(FIRST, FIRST + LENGTH)]
    assert torch.equal(torch.cat([part.origin for part in parts]), whole.origin)


def marked(mark: int) -> Clip:
    clip = Clip(torch.zeros(2, 3, 6, 8), Space.DENSITY, 10)
    clip.origin[1, 3, 5] = mark
    return clip


@pytest.mark.parametrize(
    ("mark", "fidelity", "forensic"),
    [
        (int(Origin.UNTOUCHED), True, True),
        (int(Origin.TONED), True, False),
        (int(Origin.RESAMPLED), True, False),
        (int(Origin.GRAIN), False, False),
        (int(Origin.CORRECTED), True, False),
        (Origin.borrowed(-31), True, False),
        (Origin.borrowed(31), True, False),
        (int(Origin.INTERPOLATED), False, False),
        (int(Origin.GENERATED), False, False),
        (255, False, False),
    ],
)
def test_a_profile_lets_through_what_it_promises_and_nothing_else(mark: int, fidelity: bool, forensic: bool) -> None:
    Profile.RESTORATION.check(marked(mark))
    for profile, passes in ((Profile.FIDELITY, fidelity), (Profile.FORENSIC, forensic)):
        if passes:
            profile.check(marked(mark))
        else:
            with pytest.raises(RestorationError, match=f"frame 11, row 3, column 5: .*profile {profile.value} forbids"):
                profile.check(marked(mark))


def test_the_proof_counts_every_pixel_that_breaks_the_promise() -> None:
    tally = Tally(marks={0: 900, 1: 50, 3: 20, 65: 10, 112: 7, 130: 3})
    assert Profile.RESTORATION.proof(tally) == "restoration: 10 of 990 pixels generated or interpolated"
    assert Profile.FIDELITY.proof(tally) == "fidelity: 30 of 990 pixels generated, interpolated or of another grain"
    assert Profile.FORENSIC.proof(tally) == "forensic: 90 of 990 pixels differ from the scan"


def test_a_tally_knows_each_donor_and_each_model() -> None:
    tally = Tally.total((Tally(marks={0: 5, 65: 2}), Tally(marks={63: 1, 65: 1, 129: 1})))
    assert tally.marks == {0: 5, 63: 1, 65: 3, 129: 1}
    assert tally.donors == {-1: 0.1, 1: 0.3}
    assert tally.models == {1: 0.1}
    assert sum(tally.shares.values()) == pytest.approx(1)
    assert Tally.model_validate_json(tally.model_dump_json()) == tally


@pytest.mark.parametrize("mark", [8, 32, 64, 96, 111, 113, 127])
def test_a_mark_that_means_nothing_is_refused(mark: int) -> None:
    with pytest.raises(ValueError, match=f"{mark} is no mark"):
        Tally.of(torch.tensor([0, mark], dtype=torch.uint8))
    with pytest.raises(ValueError, match=f"{mark} is no mark"):
        Origin.shares(torch.tensor([0, mark], dtype=torch.uint8))
    assert mark not in legend()


def test_every_mark_that_a_pixel_may_bear_is_in_the_legend() -> None:
    said = {mark for mark in range(256) if mark in legend()}
    assert said == {*range(8), *range(33, 64), *range(65, 96), 112, *range(128, 256)}
    assert described(Origin.borrowed(-2)) == "borrowed from the frame 2 earlier"
    assert described(Origin.GENERATED + 1) == "generated by model 1, painter"
    assert described(Origin.GENERATED + 100) == "generated by model 100"
