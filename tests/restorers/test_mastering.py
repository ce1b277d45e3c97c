"""A grade puts a reel on a display: it keeps the order of tones, holds the peak, and measures what it made."""

import colour
import numpy as np
import pytest
import torch

from restorers.clip import Origin
from restorers.colorspace import REFERENCE_WHITE_NITS, Space, density, pq_decoded, pq_encoded
from restorers.mastering import (
    FLOOR,
    Grade,
    HdrMastering,
    SdrMastering,
    bent,
    content_light,
    expanded,
    light_levels,
)
from restorers.restorer import Bench
from tests.restorers.footage import clip_of, footage_of

BENCH = Bench()


def ramp(low: float, high: float, *, frames: int = 4, height: int = 40, width: int = 60) -> torch.Tensor:
    """Gray frames with densities spread evenly from `low` to `high`, scattered over the picture."""
    order = torch.randperm(height * width, generator=torch.Generator().manual_seed(0))
    values = torch.linspace(low, high, height * width)[order].view(height, width)
    return values.expand(frames, 3, height, width).contiguous()


def grade(display: Space = Space.PQ, **settings: float) -> Grade:
    values = {"white": 0.0, "contrast": 1.0, "brightest": 0.0, "darkest": FLOOR, "peak_nits": 1000.0, **settings}
    return Grade.model_validate({"display": display, **values})


def test_a_reel_that_fills_rec709_already_is_shown_as_it_is() -> None:
    signal = torch.linspace(0, 1, 64).view(1, 1, 8, 8).expand(1, 3, 8, 8).contiguous()
    clip = clip_of(signal, space=Space.REC709)
    made = grade(Space.REC709, peak_nits=100.0)
    shown = made.displayed(made.apply(clip.in_space(Space.DENSITY), BENCH))
    assert shown.space is Space.REC709
    torch.testing.assert_close(shown.frames, signal, atol=2e-4, rtol=0)


def test_white_and_black_of_a_thin_reel_are_placed_on_the_display() -> None:
    made = SdrMastering().examine(footage_of(ramp(0.2, 1.8)), BENCH)
    shown = made.apply(clip_of(ramp(0.2, 1.8)), BENCH).frames
    assert made.white == pytest.approx(0.2, abs=0.02)
    assert float(shown.min()) == pytest.approx(0, abs=0.02)
    assert float(shown.max()) == pytest.approx(1.94, abs=0.03)


def test_a_night_reel_is_not_pulled_up_to_day() -> None:
    made = SdrMastering().examine(footage_of(ramp(1.0, 1.9)), BENCH)
    assert made.white == pytest.approx(0.3)
    assert made.contrast <= 1.25


def test_white_and_black_set_by_hand_are_used_as_they_are() -> None:
    made = HdrMastering(white=0.5, black=1.9).examine(footage_of(ramp(0.0, 1.9)), BENCH)
    assert made.white == 0.5
    assert "set by hand" in made.summary()
    with pytest.raises(ValueError, match=r"black 0\.9 is not at least 0\.3 denser than white 0\.8"):
        SdrMastering(white=0.8, black=0.9)


def test_borders_of_the_gate_do_not_count() -> None:
    frames = ramp(0.2, 1.5, height=80, width=120)
    framed = frames.clone()
    framed[..., :3, :], framed[..., -3:, :] = 3.0, -0.5
    assert SdrMastering().examine(footage_of(framed), BENCH) == SdrMastering().examine(footage_of(frames), BENCH)


@pytest.mark.parametrize("restorer", [SdrMastering(), HdrMastering(), HdrMastering(peak_nits=400, expansion=3)])
def test_the_order_of_tones_is_kept_and_the_peak_held(restorer: SdrMastering | HdrMastering) -> None:
    negative = ramp(-1.1, 2.0)
    made = restorer.examine(footage_of(negative), BENCH)
    graded = made.apply(clip_of(torch.linspace(-1.1, 2.0, 4000).view(1, 1, 40, 100).expand(1, 3, 40, 100)), BENCH)
    tones = graded.frames[0, 0].flatten()
    inside = tones[:-400]  # the deepest shadows may meet the floor
    assert bool((tones.diff() >= -1e-6).all())
    assert bool((inside.diff()[200:] > 0).all())
    shown = made.displayed(graded).frames
    peak = 100.0 if made.display is Space.REC709 else made.peak_nits
    nits = 100 * shown**2.4 if made.display is Space.REC709 else pq_decoded(shown)
    assert float(nits.max()) == pytest.approx(peak, rel=2e-3)
    assert 0 <= float(shown.min()) <= float(shown.max()) <= 1


def test_diffuse_white_lies_at_203_nits_in_hdr_and_at_100_in_sdr() -> None:
    white = clip_of(torch.zeros(1, 3, 2, 2))
    hdr, sdr = grade(brightest=-0.3), grade(Space.REC709, peak_nits=100.0)
    assert float(pq_decoded(hdr.displayed(hdr.apply(white, BENCH)).frames).mean()) == pytest.approx(203, rel=1e-3)
    assert float(sdr.displayed(sdr.apply(white, BENCH)).frames.mean()) == pytest.approx(1)


def test_nothing_above_white_is_invented() -> None:
    flat = clip_of(torch.full((2, 3, 8, 8), 0.0))
    made = grade(expansion=3.0, brightest=-0.5)
    assert torch.equal(made.apply(flat, BENCH).frames, flat.frames)
    below = clip_of(ramp(0.05, 1.5, frames=1))
    torch.testing.assert_close(made.apply(below, BENCH).frames, below.frames, atol=2e-7, rtol=0)


def test_the_bend_is_the_spline_of_bt2390() -> None:
    # ITU-R BT.2390 section 5.4.1 in its own symbols, source peak 1.
    peak = 0.7
    knee = 1.5 * peak - 0.5
    e1 = np.linspace(0, 1, 101)
    t = (e1 - knee) / (1 - knee)
    p = (2 * t**3 - 3 * t**2 + 1) * knee + (t**3 - 2 * t**2 + t) * (1 - knee) + (-2 * t**3 + 3 * t**2) * peak
    e2 = np.where(e1 < knee, e1, p)
    mine = bent(torch.from_numpy(e1), extreme=1.0, limit=peak)
    np.testing.assert_allclose(mine.numpy(), e2, atol=1e-12)


def test_neither_bend_nor_expansion_has_a_corner() -> None:
    x = torch.linspace(-1, 1.2, 20_001, dtype=torch.float64)
    for y in (bent(x, extreme=1.2, limit=0.7), expanded(x, 2.5)):
        slopes = y.diff() / x.diff()
        assert float(slopes.diff().abs().max()) < 0.01
        assert float(slopes.min()) >= 0


def test_toned_pixels_are_marked_and_an_idle_grade_returns_the_same_clip() -> None:
    clip = clip_of(ramp(0.25, 1.5))
    assert grade().apply(clip, BENCH) is clip
    assert bool((grade(white=0.1).apply(clip, BENCH).origin == Origin.TONED).all())


@pytest.mark.parametrize("made", [grade(), grade(brightest=-0.3, white=0.1), HdrMastering(white=0.0, black=1.94)])
def test_a_flash_brighter_than_any_frame_looked_at_stays_under_the_peak(made: Grade | HdrMastering) -> None:
    if isinstance(made, HdrMastering):
        made = made.examine(footage_of(ramp(0.0, 1.94)), BENCH)
    flash = clip_of(torch.full((1, 3, 4, 4), -2.0))
    nits = pq_decoded(made.displayed(made.apply(flash, BENCH)).frames.double())
    assert float(nits.max()) <= 1000.1


def test_windows_of_any_length_give_the_same_bytes() -> None:
    torch.manual_seed(0)
    frames = torch.rand(5, 3, 13, 17) * 2.4 - 0.4
    made = HdrMastering().examine(footage_of(frames), BENCH)
    whole = made.displayed(made.apply(clip_of(frames), BENCH)).frames
    singly = torch.cat([made.displayed(made.apply(clip_of(f[None]), BENCH)).frames for f in frames])
    assert torch.equal(whole, singly)


def test_a_grade_is_the_same_after_storing() -> None:
    made = HdrMastering().examine(footage_of(ramp(0.1, 1.9)), BENCH)
    assert Grade.loaded(*made.dumped()) == made


@pytest.mark.parametrize(("nits", "signal"), [(100, 0.5081), (203, 0.5807), (1000, 0.7518), (10000, 1.0)])
def test_pq_has_its_published_values(nits: float, signal: float) -> None:
    assert float(pq_encoded(torch.tensor(float(nits)))) == pytest.approx(signal, abs=5e-5)


def test_pq_is_that_of_colour() -> None:
    nits = np.array([0.0, 0.005, 0.1, 1, 18, 100, 203, 1000, 4000, 10000])
    theirs = colour.models.eotf_inverse_ST2084(nits)
    np.testing.assert_allclose(pq_encoded(torch.from_numpy(nits)).numpy(), theirs, atol=1e-9)
    np.testing.assert_allclose(pq_decoded(torch.from_numpy(theirs)).numpy(), nits, rtol=1e-6, atol=1e-6)


def test_light_levels_are_of_the_brightest_channel_as_cta_861_asks() -> None:
    nits = torch.zeros(2, 3, 2, 2, dtype=torch.float64)
    nits[0, 2] = 400.0  # blue alone
    nits[1, 0, 0, 0], nits[1, 1, 0, 0] = 1000.0, 600.0
    brightest, means = light_levels(pq_encoded(nits))
    assert brightest == pytest.approx(1000, rel=1e-6)
    assert means == pytest.approx((400, 250), rel=1e-6)
    assert content_light([(brightest, means)]) == (1000, 400)


def test_content_light_covers_all_windows_and_rounds_up() -> None:
    assert content_light([(203.4, (80.2,)), (150.0, (90.6, 12.0))]) == (204, 91)
    with pytest.raises(ValueError, match="a master without frames has no light levels"):
        content_light([])


def test_hdr_in_pq_carries_bt2020_primaries() -> None:
    red = clip_of(density(torch.tensor([1.0, 0.0, 0.0])).view(1, 3, 1, 1))
    made = grade()
    nits = pq_decoded(made.displayed(red).frames.double()).flatten().numpy() / REFERENCE_WHITE_NITS
    theirs = colour.RGB_to_RGB([1.0, 0.0, 0.0], "ITU-R BT.709", "ITU-R BT.2020", chromatic_adaptation_transform=None)
    np.testing.assert_allclose(nits, theirs, atol=2e-3)
