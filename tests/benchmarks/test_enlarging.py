"""What small and worn pictures are made from, and what judges how they were enlarged, is what it says."""

import cv2
import numpy as np
import pytest

from tests.benchmarks import artifacts, changes, closeness, enlargers, originals, overshoot, resizing, rfdn
from tests.benchmarks.degradations import LEVELS, Degradation, degraded, grained
from tests.benchmarks.enlarging import shrunk
from tests.benchmarks.h264 import compressed
from tests.benchmarks.overshoot import Edge


def picture(height: int = 64, width: int = 96) -> np.ndarray:
    y, x = np.mgrid[:height, :width]
    waves = [128 + 60 * np.sin(x / a) * np.cos(y / b) for a, b in ((5, 7), (9, 4), (6, 11))]
    return resizing.rounded(np.stack(waves, axis=-1))


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_a_flat_picture_stays_flat_and_a_ramp_stays_a_ramp(scale: int) -> None:
    np.testing.assert_allclose(resizing.shrunk(np.full((24, 48), 77.0), scale), 77, atol=1e-9)
    np.testing.assert_allclose(resizing.enlarged(np.full((24, 48), 77.0), scale), 77, atol=1e-9)
    ramp = np.tile(np.arange(96.0), (24, 1))
    there = (np.arange(96 // scale) + 0.5) * scale - 0.5
    inner = np.s_[:, 4:-4]
    np.testing.assert_allclose(resizing.shrunk(ramp, scale)[inner], np.tile(there, (24 // scale, 1))[inner], atol=1e-9)


def test_halving_takes_eight_pixels_by_keys_kernel() -> None:
    """At distances of 0.25, 0.75, 1.25 and 1.75 Keys' kernel is 111, 29, -9 and -3 of 256 parts, halved."""
    row = resizing.weights(32, 16)[8]
    np.testing.assert_allclose(row[13:21] * 256, [-3, -9, 29, 111, 111, 29, -9, -3], atol=1e-9)
    assert np.count_nonzero(row) == 8


def test_doubling_is_the_same_kernel_unstretched() -> None:
    row = resizing.weights(16, 32)[16]
    np.testing.assert_allclose(row[6:10] * 128, [-3, 29, 111, -9], atol=1e-9)


def test_beyond_the_edge_lies_the_picture_in_a_mirror() -> None:
    wide = np.random.default_rng(1).normal(size=(16, 32))
    mirrored = np.pad(wide, ((8, 8), (8, 8)), "symmetric")
    np.testing.assert_allclose(resizing.shrunk(wide, 4), resizing.shrunk(mirrored, 4)[2:-2, 2:-2], atol=1e-9)


def test_what_repeats_every_other_pixel_does_not_alias() -> None:
    stripes = np.tile([0.0, 200.0], (32, 32))
    assert np.ptp(resizing.shrunk(stripes, 4)[:, 4:-4]) < 0.5


def test_sides_that_do_not_divide_are_refused() -> None:
    with pytest.raises(ValueError, match="does not shrink 4 times"):
        resizing.shrunk(np.zeros((30, 32)), 4)


def test_luma_is_of_studio_range() -> None:
    ends = closeness.luma(np.array([[[0, 0, 0], [255, 255, 255]]], np.uint8))
    np.testing.assert_allclose(ends, [[16, 235]], atol=1e-9)


def test_an_edge_as_it_is_does_not_overshoot_and_is_as_steep_as_it_is() -> None:
    for angle in overshoot.ANGLES:
        edge = Edge((40.0, 200.0), angle, 0.8)
        assert overshoot.overshoot(edge.drawn(4), edge) == 0
        assert overshoot.rise(edge.drawn(4), edge) == pytest.approx(1, abs=0.04)


def test_a_sharpened_edge_overshoots_by_what_was_added() -> None:
    edge = Edge((50.0, 150.0), 0.0, 0.8)
    beyond = edge.drawn(2).astype(float)
    beyond[0, :, 68] = 160
    assert overshoot.overshoot(resizing.rounded(beyond), edge) == pytest.approx(9.5, abs=0.1)


def test_lines_on_the_codec_s_grid_are_blockiness_and_others_are_none() -> None:
    flat = np.full((1, 64, 96, 3), 120, np.uint8)
    on, off = flat.copy(), flat.copy()
    for start in (0, 16, 32, 48, 64, 80):
        on[:, :, start : start + 8] += 4
        off[:, :, start + 3 : start + 11] += 4
    assert artifacts.blockiness(flat, 8) == 0
    assert artifacts.blockiness(on, 8) == pytest.approx(4 * 219 / 255 / 2, rel=0.05)
    assert artifacts.blockiness(off, 8) <= 0


def test_rings_are_looked_for_beside_strong_edges() -> None:
    clean = np.full((1, 96, 96, 3), 60, np.uint8)
    clean[:, :, 48:] = 190
    rung = clean.astype(float)
    x = np.arange(96)
    rung += (3 * np.sin(np.pi * x) + 3 * np.cos(np.pi * x))[None, None, :, None] * (np.abs(x - 48) < 12)[:, None]
    assert artifacts.ringing(clean, clean) == pytest.approx(0, abs=1e-6)
    assert artifacts.ringing(resizing.rounded(rung), clean) == pytest.approx((3 * 219 / 255) ** 2, rel=0.1)
    assert artifacts.ringing(clean * 0 + 60, clean * 0 + 60) is None


def test_grain_that_is_fresh_in_every_frame_is_change_and_a_still_shot_has_none() -> None:
    still = np.repeat(picture()[None], 3, axis=0)
    course = changes.Course.of(still)
    assert changes.unsteadiness(course.changes(still)) < 0.05
    found = grained(still, 6.0, 3)
    assert changes.unsteadiness(course.changes(found)) == pytest.approx(6 * 2**0.5, rel=0.1)


def test_grain_is_as_strong_as_asked_and_lost_in_no_other_way() -> None:
    clean = picture()[None]
    assert float((grained(clean, 10.0, 3).astype(float) - clean).std()) == pytest.approx(10, rel=0.05)
    np.testing.assert_array_equal(grained(clean, 0, 3), clean)


def test_worn_levels_grow_worse_and_are_the_same_again() -> None:
    clean = picture()[None]
    by_level = [degraded(clean, level, 3) for level in LEVELS.values()]
    levels = [closeness.psnr(np.repeat(np.repeat(f, 2, 1), 2, 2), clean) for f in by_level]
    assert levels == sorted(levels, reverse=True)
    np.testing.assert_array_equal(by_level[-1], degraded(clean, LEVELS["heavy"], 3))


def test_a_clip_comes_back_from_h264_nearly_as_it_was() -> None:
    clip = np.repeat(picture(96, 96)[None], 4, axis=0)
    assert closeness.psnr(clip, compressed(clip, 5)) > 28  # color is halved, and nothing else is lost
    luma = [closeness.luma(frames) for frames in (clip, compressed(clip, 5))]
    assert closeness.luma_psnr(luma[0][1], luma[1][1], 8) > 38
    assert closeness.psnr(clip, compressed(clip, 40)) < closeness.psnr(clip, compressed(clip, 20))
    assert degraded(clip, Degradation(0.5, 5, crf=30), 3).shape == (4, 48, 48, 3)


def test_ours_gives_frames_of_the_size_asked_for() -> None:
    found = picture(48, 64)[None]
    assert enlargers.worked(enlargers.ours(scale=2), found).shape == (1, 96, 128, 3)


@pytest.mark.footage
def test_rfdn_is_as_good_as_its_authors_say() -> None:
    """They report 1.6 dB over bicubic on B100 and 2.6 dB on Set14."""
    gains = []
    for name in ("kodim05", "kodim08", "kodim23"):
        clean = originals.original(name)
        found, wanted = shrunk(clean, 4), closeness.luma(clean[0])
        book = resizing.rounded(resizing.enlarged(found[0], 4))
        levels = [closeness.luma_psnr(wanted, closeness.luma(done), 4) for done in (rfdn.enlarged(found)[0], book)]
        gains.append(levels[0] - levels[1])
    assert min(gains) > 1.6
    assert np.mean(gains) == pytest.approx(2.1, abs=0.5)


@pytest.mark.footage
def test_networks_of_opencv_are_the_size_they_say_and_better_than_bicubic_when_doubling() -> None:
    clean = originals.original("kodim23")
    found, wanted = shrunk(clean, 2), closeness.luma(clean[0])
    peers = enlargers.enlargers(2)
    levels = {name: closeness.luma_psnr(wanted, closeness.luma(peer(found)[0]), 2) for name, peer in peers.items()}
    assert levels["FSRCNN"] > levels["ESPCN"] > levels["bicubic"] > levels["bicubic, a = -0.5"]


def test_cv2_is_not_the_literature_s_bicubic() -> None:
    small = picture(32, 32)
    by_cv2 = cv2.resize(small.astype(np.float64), None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
    assert 0.1 < np.abs(by_cv2 - resizing.enlarged(small, 2))[8:-8, 8:-8].max() < 12
