"""Fading is undone where there is evidence of it, and a print without it is left as found."""

from pathlib import Path

import colour
import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from skimage import data
from torch import Tensor

from restorers.clip import Clip, Origin
from restorers.colorspace import Space, converted
from restorers.decay import DecayCorrection, Patch, Unfading, agreement, mixed, monochrome, neutral, neutral_fit, tails
from restorers.restorer import Bench, RestorationError
from tests.restorers.footage import clip_of, footage_of

BENCH = Bench()
SHARE = (0.45, 0.9, 0.7)
STAIN = torch.tensor([0.0, 0.03, 0.12]).view(3, 1, 1)
# Kodak 5383 (1974): no stock that the generic dyes are made of.
DYES_5383 = neutral(((1.0, 0.04, 0.01), (0.15, 1.0, 0.06), (0.05, 0.24, 1.0)))
KODAK = Path(__file__).parents[3] / "shared" / "data" / "images" / "kodak24"


def photographed(picture: NDArray[np.uint8], height: int = 96, width: int = 128) -> Tensor:
    """A photograph `(3, H, W)` in density."""
    small = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    return converted(torch.from_numpy(small).permute(2, 0, 1)[None].contiguous(), Space.SRGB, Space.DENSITY)[0]


def photographs() -> Tensor:
    """A reel of four photographs, `(4, 3, 96, 128)` in density."""
    return torch.stack([photographed(p()) for p in (data.astronaut, data.coffee, data.chelsea, data.rocket)])


def bleached(frames: Tensor, share: tuple[float, float, float] = SHARE) -> Tensor:
    """Frames with a share of each dye left."""
    return mixed(frames, DYES_5383 @ np.diag(share) @ np.linalg.inv(DYES_5383), np.zeros(3))


def faded(frames: Tensor, seed: int = 0) -> Tensor:
    """The same reel decades later, scanned to 10-bit log with its grain."""
    noise = 0.004 * torch.randn(frames.shape, generator=torch.Generator().manual_seed(seed))
    return torch.round((bleached(frames) + STAIN + noise) * 300) / 300


def distance(a: Tensor, b: Tensor) -> float:
    """Mean CIEDE2000 between density frames as a display shows them."""
    lab = []
    for frames in (a, b):
        rgb = converted(frames, Space.DENSITY, Space.LINEAR).clamp(0, 1).permute(0, 2, 3, 1).double().numpy()
        xyz = colour.RGB_to_XYZ(rgb, "sRGB", apply_cctf_decoding=False)
        lab.append(colour.XYZ_to_Lab(xyz, colour.CCS_ILLUMINANTS["CIE 1931 2 Degree Standard Observer"]["D65"]))
    return float(np.mean(colour.delta_E(*lab, method="CIE 2000")))


def gray_world(frames: Tensor) -> Tensor:
    """White balance by the mean of the reel, in light: what a person does first."""
    light = converted(frames, Space.DENSITY, Space.LINEAR)
    means = light.mean(dim=(0, 2, 3), keepdim=True)
    return converted(light * means.mean() / means, Space.LINEAR, Space.DENSITY)


def auto_levels(frames: Tensor) -> Tensor:
    """Each channel's code values stretched over the reel: what editors call auto-levels."""
    codes = converted(frames, Space.DENSITY, Space.SRGB)
    channels = codes.transpose(0, 1).flatten(1).numpy()
    low, high = (torch.from_numpy(np.quantile(channels, q, axis=1)).float().view(3, 1, 1) for q in (0.005, 0.995))
    return converted(((codes - low) / (high - low)).clamp(0, 1), Space.SRGB, Space.DENSITY)


def with_patches(frames: Tensor) -> tuple[Tensor, dict[str, Patch]]:
    """The reel with clear film, a gray and a black on its first frame, and where they are."""
    frames = frames.clone()
    patches = {}
    for i, (name, density) in enumerate((("clear", 0.05), ("gray", 0.8), ("black", 1.8))):
        frames[0, :, 10:20, 20 * i : 20 * i + 15] = density
        patches[name] = Patch(frame=0, x=20 * i + 2, y=12, width=10, height=6)
    return frames, patches


@pytest.mark.parametrize("names", [("clear", "black"), ("clear", "gray"), ("clear", "gray", "black")])
def test_references_undo_the_fade(names: tuple[str, ...]) -> None:
    clean, patches = with_patches(photographs())
    old = faded(clean)
    restorer = DecayCorrection.model_validate({name: patches[name] for name in names})
    remedy = restorer.examine(footage_of(old), BENCH)
    assert remedy.confidence == 1
    assert remedy.share == pytest.approx((0.5, 1.0, 0.7 / 0.9), abs=0.05)  # the best layer stays as it is
    balanced = remedy.apply(clip_of(old), BENCH).frames
    as_the_best_layer = clean * 0.9 + 0.03
    assert distance(balanced, as_the_best_layer) < 0.2 * distance(old, as_the_best_layer)


def test_black_alone_shows_loss_and_clear_film_alone_stain() -> None:
    clean, patches = with_patches(photographs())
    lost = DecayCorrection(black=patches["black"]).examine(footage_of(bleached(clean)), BENCH)
    assert lost.share == pytest.approx((0.5, 1.0, 0.7 / 0.9), abs=0.05)
    assert lost.stain == (0, 0, 0)
    stained = DecayCorrection(clear=patches["clear"]).examine(footage_of(clean + STAIN), BENCH)
    assert stained.share == (1, 1, 1)
    assert stained.stain == pytest.approx((0.0, 0.03, 0.12), abs=0.01)


def test_blacks_and_whites_of_a_reel_undo_more_than_half_of_its_fade() -> None:
    clean = photographs()
    old = faded(clean)
    remedy = DecayCorrection().examine(footage_of(old), BENCH)
    assert remedy.share == pytest.approx((0.5, 1.0, 0.7 / 0.9), abs=0.1)
    restored = distance(remedy.apply(clip_of(old), BENCH).frames, clean)
    assert restored < 0.5 * distance(old, clean)
    assert restored < min(distance(gray_world(old), clean), distance(auto_levels(old), clean))
    assert "blacks and whites of 4 frames" in remedy.summary()


def test_sound_photographs_are_left_as_they_are_to_the_bit() -> None:
    clip = clip_of(photographs())
    remedy = DecayCorrection().examine(footage_of(clip.frames), BENCH)
    assert remedy.identity
    assert remedy.apply(clip, BENCH) is clip
    assert "no fading to be seen" in remedy.summary()


@pytest.mark.parametrize("tint", ["gray", "sepia", "blue"])
def test_monochrome_film_is_left_as_it_is_to_the_bit(tint: str) -> None:
    gray = photographs().mean(dim=1, keepdim=True).expand(-1, 3, -1, -1)
    layers = {"gray": (1, 1, 1), "sepia": (0.8, 0.95, 1.3), "blue": (1.2, 1.0, 0.6)}[tint]
    base = {"gray": (0, 0, 0), "sepia": (0, 0.05, 0.2), "blue": (0.3, 0.2, 0.0)}[tint]
    toned = gray * torch.tensor(layers).view(3, 1, 1) + torch.tensor(base).view(3, 1, 1)
    grained = toned + 0.03 * torch.randn(toned.shape, generator=torch.Generator().manual_seed(3))
    clip = clip_of(grained)
    remedy = DecayCorrection().examine(footage_of(grained), BENCH)
    assert remedy.found == "the picture is monochrome"
    assert remedy.apply(clip, BENCH) is clip


def test_monochrome_is_told_even_where_references_are_given() -> None:
    gray = photographs().mean(dim=1, keepdim=True).expand(-1, 3, -1, -1).contiguous()
    patch = Patch(frame=0, x=0, y=0, width=4, height=4)
    assert DecayCorrection(black=patch).examine(footage_of(gray), BENCH).identity


def test_a_reel_of_few_frames_or_little_range_is_left_as_found() -> None:
    old = faded(photographs())
    few = DecayCorrection().examine(footage_of(old[:3]), BENCH)
    assert few.identity
    assert "3 frames are too few" in few.summary()
    flat = DecayCorrection().examine(footage_of(1 + 0.2 * old), BENCH)
    assert flat.identity
    assert "the evidence is weak" in flat.summary()


def test_a_reel_whose_halves_disagree_is_left_as_found() -> None:
    old = faded(photographs()).repeat(2, 1, 1, 1)
    old[::2] = old[::2].flip(1)  # every other frame faded otherwise
    remedy = DecayCorrection().examine(footage_of(old), BENCH)
    assert remedy.confidence < 0.4
    assert remedy.identity


def test_zero_strength_leaves_the_print_as_found() -> None:
    clip = clip_of(faded(photographs()))
    remedy = DecayCorrection(strength=0).examine(footage_of(clip.frames), BENCH)
    assert remedy.apply(clip, BENCH) is clip


def test_half_strength_lies_half_way_in_density() -> None:
    clip = clip_of(faded(photographs()))
    whole, half = (Unfading(share=(0.5, 1.0, 0.8), stain=(0.0, 0.1, 0.2), strength=s) for s in (1.0, 0.5))
    middle = (clip.frames + whole.apply(clip, BENCH).frames) / 2
    torch.testing.assert_close(half.apply(clip, BENCH).frames, middle, atol=1e-5, rtol=0)


def test_unfading_can_be_undone_and_is_marked_as_tone() -> None:
    clip = clip_of(faded(photographs()), first=7)
    remedy = Unfading(share=(0.3, 0.9, 0.6), stain=(0.0, 0.02, 0.2))
    restored = remedy.apply(clip, BENCH)
    assert restored.numbers == clip.numbers
    assert bool((restored.origin == Origin.TONED).all())
    torch.testing.assert_close(remedy.undone(restored).frames, clip.frames, atol=1e-5, rtol=0)


def test_windows_of_any_length_give_the_same_bytes() -> None:
    clip = clip_of(torch.rand(5, 3, 13, 17, generator=torch.Generator().manual_seed(1)))
    remedy = Unfading(share=(0.3, 0.9, 0.6), stain=(0.0, 0.02, 0.2))
    whole = remedy.apply(clip, BENCH).frames
    singly = [remedy.apply(clip.between(n, n + 1), BENCH).frames for n in clip.numbers]
    assert torch.equal(whole, torch.cat(singly))


def test_a_remedy_is_the_same_after_storing() -> None:
    remedy = DecayCorrection().examine(footage_of(faded(photographs())), BENCH)
    assert Unfading.loaded(*remedy.dumped()) == remedy


def test_wrong_references_are_named_with_their_place() -> None:
    old, patches = with_patches(photographs())
    footage = footage_of(old)
    outside = Patch(frame=0, x=120, y=0, width=20, height=4)
    with pytest.raises(RestorationError, match=r"gray \(x 120-140, y 0-4\) is not inside frame 0, which is 128 x 96"):
        DecayCorrection(gray=outside).examine(footage, BENCH)
    elsewhere = Patch(frame=9, x=0, y=0, width=4, height=4)
    with pytest.raises(RestorationError, match="clear is on frame 9, expected one of 0-3"):
        DecayCorrection(clear=elsewhere).examine(footage, BENCH)
    crossed = old.clone()
    crossed[0, 0, 10:20, 40:55] = 0.01  # a black that has no red density at all
    with pytest.raises(RestorationError, match="point at places that were neutral"):
        DecayCorrection(clear=patches["clear"], black=patches["black"]).examine(footage_of(crossed), BENCH)


def test_a_line_through_neutral_places_is_that_of_least_squares() -> None:
    points = np.array([[0.1, 0.2, 0.1], [0.5, 0.9, 0.6], [0.9, 1.7, 1.3]])
    share, stain = neutral_fit(points)
    for channel in (0, 2):
        slope, level = np.linalg.lstsq(np.stack([points[:, 1], np.ones(3)], 1), points[:, channel], rcond=None)[0]
        assert (share[channel], stain[channel]) == pytest.approx((slope, level))
    assert (share[1], stain[1]) == (1, 0)


def test_agreement_is_nothing_without_range_and_near_one_for_neutral_ends() -> None:
    gray = np.linspace(0, 1.9, 4000).reshape(40, 100, 1).repeat(3, axis=2)
    frames = [gray] * 4
    assert agreement(frames, tails(frames)) > 0.95
    thin = [frame * 0.2 for frame in frames]
    assert agreement(thin, tails(thin)) == 0
    assert monochrome(gray.reshape(-1, 3))
    assert not monochrome(photographs()[1].flatten(1).T.double().numpy())


@pytest.mark.footage
def test_blind_unfading_beats_gray_world_and_auto_levels_on_kodak_photographs() -> None:
    pictures = [cv2.imread(str(file))[..., ::-1] for file in sorted(KODAK.glob("*.png"))]
    scores: dict[str, list[float]] = {name: [] for name in ("faded", "gray world", "auto-levels", "unfaded")}
    for start in range(3):
        clean = torch.stack([photographed(p, 160, 240) for p in pictures[start::3]])
        old = faded(clean, start)
        remedy = DecayCorrection().examine(footage_of(old), BENCH)
        treated = remedy.apply(Clip(old, Space.DENSITY, 0), BENCH).frames
        for name, frames in (
            ("faded", old),
            ("gray world", gray_world(old)),
            ("auto-levels", auto_levels(old)),
            ("unfaded", treated),
        ):
            scores[name].append(distance(frames, clean))
    means = {name: float(np.mean(values)) for name, values in scores.items()}
    print("mean dE2000", {name: round(mean, 2) for name, mean in means.items()})
    assert means["unfaded"] < 0.75 * min(means["gray world"], means["auto-levels"])


@pytest.mark.footage
@pytest.mark.parametrize("film", ["within_our_gates", "the_great_train_robbery", "san_francisco_earthquake_and_fire"])
def test_black_and_white_film_is_left_as_it_is_to_the_bit(film: str) -> None:
    folder = KODAK.parents[1] / "film" / film
    pictures = [cv2.imread(str(file))[..., ::-1] for file in sorted(folder.glob("*.png"))[::6]]
    assert len(pictures) >= 8
    codes = torch.stack([torch.from_numpy(p.astype(np.float32) / 255).permute(2, 0, 1) for p in pictures])
    clip = clip_of(converted(codes, Space.REC709, Space.DENSITY))
    remedy = DecayCorrection().examine(footage_of(clip.frames), BENCH)
    assert remedy.found == "the picture is monochrome"
    assert remedy.apply(clip, BENCH) is clip
