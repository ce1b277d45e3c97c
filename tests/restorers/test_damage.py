"""Damage is what it says it is, and is the same whatever the window."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch

from restorers.clip import Clip
from restorers.colorspace import Space
from restorers.damage import (
    Aging,
    Breaking,
    Fading,
    Flickering,
    Graining,
    Shaking,
    Soiling,
    aged,
    crack,
    fade,
    flicker,
    grain,
    shake,
    soil,
)
from restorers.damage.chance import wander
from restorers.damage.shaking import gate_motion
from restorers.damage.soiling import drop
from restorers.dyes import projection
from restorers.dyes.fade import Fade
from restorers.dyes.film import Film
from restorers.dyes.scanner import GENERIC
from restorers.dyes.stocks import generic
from restorers.restorer import Bench

BENCH = Bench(seed=7)


def picture(height: int = 96, width: int = 128, frames: int = 4, first: int = 60) -> Clip:
    """A smooth but detailed still, 0.2 to 1.4 in density, the same in every frame."""
    chance = np.random.default_rng(3)
    layers = [cv2.GaussianBlur(chance.standard_normal((height, width)), (0, 0), s) * s for s in (1.5, 3, 8)]
    still = np.sum(layers, axis=0)
    still = 0.2 + 1.2 * (still - still.min()) / np.ptp(still)
    stack = torch.from_numpy(np.stack([still, 0.9 * still, 0.8 * still]).astype(np.float32))
    return Clip(stack.expand(frames, -1, -1, -1).clone(), Space.DENSITY, first)


def flat(density: float, *, frames: int = 2, size: int = 192) -> Clip:
    return Clip(torch.full((frames, 3, size, size), density), Space.DENSITY, 0)


def test_a_frame_is_damaged_the_same_in_a_window_of_any_length() -> None:
    clip = picture(64, 80, frames=10)
    whole = aged(clip, Aging.typical(240), BENCH)
    for first, stop in ((60, 61), (61, 64), (64, 70)):
        part = aged(clip.between(first, stop), Aging.typical(240), BENCH)
        assert torch.equal(part.clip.frames, whole.clip.between(first, stop).frames)
        assert torch.equal(part.soiled(), whole.soiled()[first - 60 : stop - 60])


def test_threads_give_the_same_frames_as_one() -> None:
    clip = picture(64, 80)
    alone, together = (aged(clip, Aging.typical(240), replace(BENCH, workers=n)).clip.frames for n in (1, 2))
    assert torch.equal(alone, together)


def test_another_seed_is_another_film() -> None:
    clip = picture(64, 80)
    ours, theirs = (aged(clip, Aging.typical(240), Bench(seed=s)).clip.frames for s in (1, 2))
    assert not torch.allclose(ours, theirs, atol=0.05)


def test_a_film_nothing_happens_to_stays_as_it_is() -> None:
    clip = picture()
    assert torch.equal(aged(clip, Aging(), BENCH).clip.frames, clip.frames)
    still = Shaking(horizontal=0, vertical=0, rotation=0, breathing=0, warp=0)
    steady = Flickering(exposure=0, contrast=0, pumping=0, local=0)
    clean = Soiling(dust=0, hairs=0, blotches=0, scratches=0)
    nothing = Aging(
        graining=Graining(sigma=0),
        fading=Fading(shares=(1, 1, 1), stain=0),
        soiling=clean,
        shaking=still,
        flickering=steady,
    )
    assert torch.equal(aged(clip, nothing, BENCH).clip.frames, clip.frames)


def test_damage_comes_back_in_the_space_it_was_given() -> None:
    scan = picture().in_space(Space.PRINTING_DENSITY)
    damaged = aged(scan, Aging.typical(), BENCH).clip
    direct = aged(picture(), Aging.typical(), BENCH).clip
    assert damaged.space is Space.PRINTING_DENSITY
    torch.testing.assert_close(damaged.in_space(Space.DENSITY).frames, direct.frames, atol=1e-4, rtol=0)


def test_a_gray_shows_what_is_left_of_its_dyes_and_the_stain() -> None:
    fading = Fading(shares=(0.5, 0.9, 0.75), stain=0.125)
    film = Film.above_base(generic(), GENERIC)
    left = projection.grays(film.stock, np.array([1.0])) * fading.shares
    shown = Fade(stain=0.125).shown(film, left)[0]
    assert fade(flat(1.0), fading).frames[0, :, 0, 0].numpy() == pytest.approx(shown, abs=5e-3)
    clear = fade(flat(0.0), fading).frames[0, :, 0, 0]
    assert clear[2] > 0.05 > clear[0] > -0.01  # the stain is yellow


def test_chance_has_unit_variance_and_the_memory_asked_for() -> None:
    for memory in (0.0, 0.2, 0.9):
        path = wander(BENCH, "test", range(1000, 9000), 4, memory=memory)
        assert path.var() == pytest.approx(1, abs=0.12)
        assert np.mean(path[1:] * path[:-1]) == pytest.approx(memory, abs=0.06)


def test_grain_at_density_one_has_the_sigma_asked_for_and_its_variance_grows_with_density() -> None:
    graining = Graining(sigma=0.03, radius=0.7)
    spread = {d: float(grain(flat(d), graining, BENCH)[1].std()) for d in (0.2, 1.0, 1.6)}
    assert spread[1.0] == pytest.approx(0.03, rel=0.02)
    assert (spread[1.6] / spread[0.2]) ** 2 == pytest.approx(1.65 / 0.25, rel=0.05)


def test_grain_is_correlated_as_a_gaussian_clump_is() -> None:
    _, laid = grain(flat(1.0), Graining(radius=0.9, common=0.4), BENCH)
    red, green = laid[0, 0], laid[0, 1]
    power = red.var()
    assert float((red[:, 1:] * red[:, :-1]).mean() / power) == pytest.approx(np.exp(-1 / (4 * 0.9**2)), abs=0.02)
    assert float((red * green).mean() / power) == pytest.approx(0.4, abs=0.03)
    assert abs(float((laid[0, 0] * laid[1, 0]).mean() / power)) < 0.03


def test_the_gate_moves_the_film_by_what_the_truth_says() -> None:
    clip = picture(192, 256)
    shaking = Shaking(horizontal=2.0, vertical=2.0, rotation=0, breathing=0, warp=0)
    shaken, motion = shake(clip, shaking, BENCH)
    for number in clip.numbers:
        seen, film = shaken[number][0].numpy(), clip[number][0].numpy()
        start = np.eye(2, 3, dtype=np.float32)
        _, found = cv2.findTransformECC(seen, film, start, cv2.MOTION_TRANSLATION, (3, 100, 1e-7))
        np.testing.assert_allclose(found[:, 2], motion.shift[number - clip.first], atol=0.03)


def test_the_warp_is_as_strong_as_asked_and_moves_pixels_as_its_displacement_says() -> None:
    bent = Shaking(horizontal=0, vertical=0, rotation=0, breathing=0, warp=0.8)
    motion = gate_motion(range(400), bent, BENCH)
    power = [np.mean(motion.displacement(n, (24, 32)) ** 2) for n in range(400)]
    assert np.sqrt(np.mean(power)) == pytest.approx(0.8, rel=0.05)

    ramp = torch.arange(128.0).expand(96, 128)
    clip = Clip(torch.stack([ramp, torch.arange(96.0)[:, None].expand(96, 128), ramp])[None], Space.DENSITY, 5)
    shaken, motion = shake(clip, bent, BENCH)
    inner = (slice(8, -8), slice(8, -8))
    moved = (shaken.frames[0, :2] - clip.frames[0, :2]).numpy()
    for axis in (0, 1):
        np.testing.assert_allclose(moved[axis][inner], motion.displacement(5, (96, 128))[axis][inner], atol=0.02)


def test_flicker_is_undone_by_its_truth() -> None:
    clip = picture()
    lit, truth = flicker(clip, Flickering(), BENCH)
    assert float((lit.frames - clip.frames).abs().mean()) > 0.01
    for index, number in enumerate(clip.numbers):
        light = torch.tensor(truth.offset[index]).view(3, 1, 1) + torch.from_numpy(truth.field(number, clip.size))
        steady = (lit[number] - light) / truth.contrast[index]
        torch.testing.assert_close(steady.float(), clip[number], atol=1e-5, rtol=0)


def test_flicker_has_the_strength_asked_for() -> None:
    clip = flat(0.0, frames=600, size=8)
    only = Flickering(exposure=0.05, contrast=0, pumping=0, local=0, color=0)
    assert float(flicker(clip, only, BENCH)[0].frames.mean(dim=(1, 2, 3)).std()) == pytest.approx(0.05, rel=0.1)


def test_dirt_changes_only_what_lies_under_it() -> None:
    clip = picture(192, 256)
    soiled, truth = soil(clip, Soiling(scratches=0, blotches=0), BENCH)
    changed = (soiled.frames != clip.frames).any(dim=1)
    assert bool((changed >= truth.mask).all())
    assert 0.0005 < float(truth.mask.float().mean()) < 0.05
    assert float(changed.float().mean()) < 0.1


def test_dark_dirt_adds_density_and_bright_dirt_takes_it_away() -> None:
    dark, bright = (soil(flat(0.8), Soiling(bright=share), BENCH)[1].change for share in (0, 1))
    assert dark.min() >= 0 < dark.max() <= 0.9 + 1e-6
    assert bright.max() <= 0 and bright.min() >= -0.8 - 1e-6  # noqa: PT018


def test_dust_lies_on_one_frame_and_a_scratch_runs_through_many() -> None:
    def stays(soiling: Soiling) -> float:
        mask = soil(flat(0.8, frames=24), soiling, BENCH)[1].mask.float()
        columns = mask.amax(dim=1)
        return float((columns[1:] * columns[:-1]).sum() / columns.sum())

    nothing = Soiling(dust=0, hairs=0, blotches=0, scratches=0)
    assert stays(nothing.model_copy(update={"scratches": 3.0})) > 0.6
    assert stays(nothing.model_copy(update={"dust": 3.0})) < 0.2


def test_a_scratch_leaves_a_frame_where_it_enters_the_next() -> None:
    change = soil(flat(0.8, frames=40), Soiling(dust=0, hairs=0, blotches=0, scratches=1.0), BENCH)[1].change.abs()
    joined = torch.cat([change[:-1, -1], change[1:, 0]]).amax(dim=1) > 0
    assert joined.any()
    torch.testing.assert_close(change[:-1, -1], change[1:, 0], atol=0.06, rtol=0)


def test_as_many_scratches_run_through_a_frame_as_asked() -> None:
    clip = flat(0.8, frames=1, size=16)
    from restorers.damage.soiling import _scratches

    counts = [len(_scratches(n, 16, Soiling(scratches=2.0, scratch_frames=12), BENCH)) for n in range(0, 3000, 5)]
    assert len(clip) == 1
    assert np.mean(counts) == pytest.approx(2.0 * 13 / 12, rel=0.15)


def test_scratches_are_told_from_dust() -> None:
    both = soil(flat(0.8), Soiling(dust=40, scratches=4), BENCH)[1]
    only = soil(flat(0.8), Soiling(dust=0, hairs=0, blotches=0, scratches=4), BENCH)[1]
    assert torch.equal(only.scratched, only.mask)
    assert float((both.scratched & only.mask).sum() / both.scratched.sum()) > 0.98
    assert float((both.mask & ~both.scratched).float().mean()) > 0.001


def test_the_mask_of_dirt_moves_with_the_film() -> None:
    dirty = aged(flat(0.8), Aging(soiling=Soiling(), shaking=Shaking(horizontal=3, vertical=3)), BENCH)
    still = Clip(torch.full_like(dirty.clip.frames, 0.8), Space.DENSITY, 0)
    seen = (dirty.clip.frames - still.frames).mean(dim=1).abs() >= 0.05
    overlap = (seen & dirty.soiled()).sum() / (seen | dirty.soiled()).sum()
    assert float(overlap) > 0.95
    assert dirty.soil is not None
    assert not torch.equal(dirty.soil.mask, dirty.soiled())


def test_a_break_is_the_same_in_a_window_of_any_length_and_is_where_it_says() -> None:
    clip, breaking = picture(96, 128, frames=16), Breaking(splices=0.2, tears=0.2, slip=0)
    whole, truth = crack(clip, breaking, BENCH)
    part, _ = crack(clip.between(66, 69), breaking, BENCH)
    assert torch.equal(part.frames, whole.between(66, 69).frames)
    assert truth.mask.any()
    apart = (whole.frames - clip.frames).mean(1)
    assert torch.allclose(apart, truth.change, atol=1e-5)
    assert float(truth.mask.float().mean()) < 0.2


def test_what_slips_beside_a_tear_lies_beneath_it_alone() -> None:
    clip = picture(96, 128, frames=16)
    whole, slipped = (crack(clip, Breaking(splices=0, tears=0.2, slip=s), BENCH)[0].frames for s in (0.0, 0.03))
    moved = (whole - slipped).abs().amax((1, 2, 3)) > 0.01
    torn = (whole - clip.frames).abs().amax((1, 2, 3)) > 0.01
    assert moved.any()
    assert not (moved & ~torn).all()
    assert float(((whole - slipped).abs().amax(1) > 0.01)[moved].float().mean()) < 0.5


def test_a_dried_drop_is_deepest_near_its_rim_and_soft() -> None:
    for seed in range(8):
        cover = drop(np.random.default_rng(seed), 30.0)
        depth = cv2.distanceTransform((cover > 0.3).astype(np.uint8), cv2.DIST_L2, 5)
        assert float(cover.max()) == pytest.approx(1)
        assert float(cover[(depth > 2) & (depth < 9)].mean()) > float(cover[depth > 18].mean())
        assert float(np.abs(np.diff(cover, axis=0)).max()) < 0.35


def test_stains_lie_where_the_soil_says() -> None:
    nothing = Soiling(dust=0, hairs=0, blotches=0, scratches=0)
    soiled, truth = soil(flat(0.6), nothing.model_copy(update={"stains": 2.0}), BENCH)
    assert truth.mask.any()
    assert torch.equal(soiled.frames[:, 0] != 0.6, truth.change != 0)
