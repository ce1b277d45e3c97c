"""Fading is undone by what is known of a reel, what is not known is said, and sound film is left as found."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from pydantic import ValidationError

from restorers.clip import Origin
from restorers.colorspace import Space, converted
from restorers.decay import DecayCorrection
from restorers.dyes import projection
from restorers.dyes.fade import Fade
from restorers.dyes.film import Film
from restorers.dyes.scanner import GENERIC, Scanner
from restorers.dyes.stocks import stock
from restorers.restorer import Bench, RestorationError
from restorers.unfading.optics import Reading
from restorers.unfading.references import Patch, Reference
from restorers.unfading.unfaded import Unfading
from tests.restorers.footage import clip_of, footage_of
from tests.restorers.reels import FADED, LEVELS, PATCH, SIZE, Reel, photographs, place, reel, tensor, told

BENCH = Bench()
FILMS = Path(__file__).parents[3] / "shared" / "data" / "film"
OLD = reel()
SOUND = reel(fade=Fade())
EVERYWHERE = [Patch(frame=0, x=0, y=0, width=SIZE[1], height=SIZE[0])]


def examined(treatment: DecayCorrection, frames: torch.Tensor) -> Unfading:
    return treatment.examine(footage_of(frames), BENCH)


def restored(treatment: DecayCorrection, frames: torch.Tensor) -> torch.Tensor:
    return examined(treatment, frames).apply(clip_of(frames), BENCH).frames


@pytest.mark.parametrize(
    ("names", "share"),
    [(("gray",), 0.3), (("clear", "gray"), 0.2), (("clear", "light", "gray", "black"), 0.15)],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_the_more_is_known_the_more_of_a_fade_is_undone(names: tuple[str, ...], share: float) -> None:
    assert OLD.error(restored(told(*names), OLD.seen)) < share * OLD.error(OLD.seen)


def test_with_its_stock_named_a_fade_is_found_as_it_is_and_undone() -> None:
    remedy = examined(told(*LEVELS, stock="kodak-5384"), OLD.seen)
    assert np.array(remedy.share) == pytest.approx(np.array(FADED.share), rel=0.05)
    assert remedy.stain == pytest.approx(FADED.stain, abs=0.03)
    assert remedy.references[2].was == "gray of 0.90 D"
    assert max(reference.left for reference in remedy.references) < 0.01
    assert OLD.error(remedy.apply(clip_of(OLD.seen), BENCH).frames) < 1.2  # 0.9 of it is the scan's noise
    assert "cyan 0.3" in remedy.summary()


def test_a_gray_of_which_nobody_knows_how_dense_it_was_still_undoes_half() -> None:
    unknown = place("gray", density=None)
    treatment = DecayCorrection(references=(place("clear"), unknown), nodes=33)
    assert OLD.error(restored(treatment, OLD.seen)) < 0.5 * OLD.error(OLD.seen)


def test_colors_of_a_copy_that_has_not_faded_undo_it() -> None:
    spots = [(1, 10, 10), (1, 40, 30), (2, 20, 30), (2, 50, 20), (3, 30, 10), (3, 60, 40)]
    references = tuple(
        Reference(frame=f, x=x, y=y, width=2, height=2, was="color", lab=_mean(OLD.wanted[f, y : y + 2, x : x + 2]))
        for f, x, y in spots
    )
    assert OLD.error(restored(DecayCorrection(references=references, nodes=33), OLD.seen)) < 0.3 * OLD.error(OLD.seen)


def test_what_an_instrument_of_eight_bands_reads_is_taken_as_it_is() -> None:
    lamps = tuple((float(peak), 25.0) for peak in (430, 460, 500, 540, 580, 620, 660, 700))
    film = Film(stock("kodak-5384"), Scanner.narrow("eight", *lamps))
    grays = projection.grays(film.stock, np.array([LEVELS["gray"]]))
    read = tuple(FADED.shown(film, grays)[0].tolist())
    elsewhere = place("black", was="gray", density=LEVELS["gray"], lamps=lamps, read=read)  # never looked at
    remedy = examined(DecayCorrection(references=(place("clear"), elsewhere), stock="kodak-5384", nodes=33), OLD.seen)
    assert np.array(remedy.share) == pytest.approx(np.array(FADED.share), rel=0.12)
    assert len(remedy.references[1].found) == 8
    assert OLD.error(remedy.apply(clip_of(OLD.seen), BENCH).frames) < 0.15 * OLD.error(OLD.seen)


@pytest.mark.parametrize("named", ["generic", "kodak-5384"])
def test_sound_film_is_left_as_it_is_to_the_bit(named: str) -> None:
    clip = clip_of(SOUND.seen)
    remedy = examined(told("clear", "gray", stock=named), SOUND.seen)
    assert remedy.identity
    assert remedy.apply(clip, BENCH) is clip
    assert "look as sound" in remedy.summary()
    assert len(remedy.references) == 2


def test_a_stock_that_is_named_tells_a_little_fading_that_generic_dyes_cannot() -> None:
    little = reel(fade=FADED.times(0.15))
    assert examined(told("clear", "gray"), little.seen).identity
    remedy = examined(told("clear", "gray", stock="kodak-5384"), little.seen)
    assert not remedy.identity
    assert little.error(remedy.apply(clip_of(little.seen), BENCH).frames) < 0.5 * little.error(little.seen)


@pytest.mark.parametrize("times", [1, 4])
def test_a_reel_of_too_few_scenes_is_left_as_found_however_long_they_are(times: int) -> None:
    remedy = examined(DecayCorrection(), OLD.seen.repeat(times, 1, 1, 1))
    assert remedy.identity
    assert f"4 scenes that differ, of {4 * times} frames looked at, are too few" in remedy.summary()


@pytest.mark.parametrize("tint", ["gray", "sepia", "blue"])
def test_monochrome_film_is_left_as_it_is_to_the_bit(tint: str) -> None:
    gray = OLD.unfaded.mean(dim=1, keepdim=True).expand(-1, 3, -1, -1)
    layers = {"gray": (1, 1, 1), "sepia": (0.8, 0.95, 1.3), "blue": (1.2, 1.0, 0.6)}[tint]
    base = {"gray": (0, 0, 0), "sepia": (0, 0.05, 0.2), "blue": (0.3, 0.2, 0.0)}[tint]
    toned = gray * torch.tensor(layers).view(3, 1, 1) + torch.tensor(base).view(3, 1, 1)
    clip = clip_of(toned + 0.006 * torch.randn(toned.shape, generator=torch.Generator().manual_seed(3)))
    remedy = examined(DecayCorrection(), clip.frames)
    assert remedy.found.startswith("the picture is monochrome")
    assert remedy.apply(clip, BENCH) is clip


def test_strength_leaves_as_found_or_goes_half_way_in_density() -> None:
    clip = clip_of(OLD.seen)
    whole, half, none = (examined(told("clear", "gray", strength=s), OLD.seen) for s in (1.0, 0.5, 0.0))
    assert none.apply(clip, BENCH) is clip
    middle = (clip.frames + whole.apply(clip, BENCH).frames) / 2
    torch.testing.assert_close(half.apply(clip, BENCH).frames, middle, atol=1e-4, rtol=0)


def test_pixels_are_marked_as_tone_and_those_of_a_dye_that_is_gone_as_not_known() -> None:
    clear = examined(told(*LEVELS), OLD.seen).apply(clip_of(OLD.seen, first=0), BENCH)
    assert bool((clear.origin == Origin.TONED).all())
    gone = reel(fade=Fade((0.05, 0.9, 0.7), stain=0.1))
    remedy = examined(told(*LEVELS, stock="kodak-5384"), gone.seen)
    marked = remedy.apply(clip_of(gone.seen), BENCH)
    unknown = marked.origin == Origin.UNCERTAIN
    assert 0.1 < float(unknown.float().mean()) < 1
    assert bool(((marked.origin == Origin.TONED) | unknown).all())
    colors, unsure = remedy.undone(clip_of(gone.seen), BENCH)
    assert torch.equal(unknown, unsure > remedy.unknown)
    assert torch.equal(colors, marked.frames)


def errors_said(old: Reel, treatment: DecayCorrection) -> tuple[np.ndarray, np.ndarray]:
    """How wrong each color is, and how wrong it is said to be, `(F, H, W)`, distances in CIE L*a*b*."""
    colors, unsure = examined(treatment, old.seen).undone(clip_of(old.seen), BENCH)
    light = 10 ** -colors.permute(0, 2, 3, 1).double().numpy()
    made = projection.lab(np.maximum(projection.of_rec709(light), 1e-6))
    return np.sqrt(((made - old.wanted) ** 2).sum(-1)), unsure.numpy()


def test_a_color_is_about_as_wrong_as_it_is_said_to_be() -> None:
    wrong, said = errors_said(OLD, told(*LEVELS))
    assert 0.4 < np.sqrt(np.mean(wrong**2)) / np.sqrt(np.mean(said**2)) < 1.5


def test_where_little_of_a_dye_is_left_colors_that_are_said_to_be_doubtful_are_more_wrong() -> None:
    wrong, said = errors_said(reel(fade=Fade((0.12, 0.9, 0.7), stain=0.1)), told(*LEVELS, stock="kodak-5384"))
    doubtful = said > np.quantile(said, 0.75)
    assert wrong[doubtful].mean() > 1.3 * wrong[~doubtful].mean()


def test_fading_that_drifts_is_followed_without_a_jump() -> None:
    severity = np.repeat(np.linspace(0.6, 1.3, 4), SIZE[0] * SIZE[1]).reshape(4, *SIZE)
    drifting = reel(severity=severity)
    amounts = drifting.amounts.copy()
    amounts[3, :PATCH] = amounts[0, :PATCH]
    last = FADED.times(1.3).shown(drifting.film, amounts[3:])
    frames = torch.cat([drifting.seen[:3], tensor(last)])
    references = tuple(place(name, frame) for name in ("clear", "gray", "black") for frame in (0, 3))
    treatment = DecayCorrection(references=references, drift=True, stock="kodak-5384", nodes=33)
    with pytest.raises(
        RestorationError, match="or, if the reel has faded more in one place than in another, set 'drift'"
    ):
        examined(treatment.model_copy(update={"drift": False}), frames)
    remedy = examined(treatment, frames)
    ratio = remedy.stations[1].severity / remedy.stations[0].severity
    assert ratio == pytest.approx(1.3 / 0.6, rel=0.1)
    one = treatment.model_copy(update={"drift": False, "references": references[1::2]})
    errors = [drifting.error(each.apply(clip_of(frames), BENCH).frames[:3]) for each in (remedy, examined(one, frames))]
    assert errors[0] < 0.5 * errors[1]
    steady = clip_of(drifting.seen[1:2].repeat(60, 1, 1, 1), first=100)
    far = remedy.model_copy(
        update={
            "stations": tuple(s.model_copy(update={"frame": 100 + 1000 * i}) for i, s in enumerate(remedy.stations))
        }
    )
    made = projection.lab(10 ** -far.apply(steady, BENCH).frames.permute(0, 2, 3, 1).double().numpy())
    jumps = np.sqrt((np.diff(made, axis=0) ** 2).sum(-1)).mean((1, 2))
    assert 0 < jumps.max() < 0.3


def test_fading_that_differs_over_the_frame_is_evened_by_a_place_that_was_even() -> None:
    x = np.linspace(-1, 1, SIZE[1])
    severity = np.broadcast_to(np.round(1 + 0.4 * x**2, 3), (4, *SIZE)).copy()
    uneven = reel(severity=severity)
    amounts = uneven.amounts.copy()
    amounts[3] = projection.grays(uneven.film.stock, np.array([1.0]))
    flat = np.stack(
        [[FADED.times(float(s)).shown(uneven.film, amounts[3, 0, 0]) for s in row] for row in severity[3, :1]]
    )
    frames = torch.cat([uneven.seen[:3], tensor(np.repeat(flat, SIZE[0], 0)[None])])
    middle = Reference(frame=3, x=28, y=20, width=8, height=8, was="gray", density=1.0)
    clear = place("clear", frame=0)
    treatment = DecayCorrection(references=(clear, middle), stock="kodak-5384", nodes=33)
    whole = Patch(frame=3, x=0, y=0, width=SIZE[1], height=SIZE[0])
    errors = []
    for each in (treatment, treatment.model_copy(update={"even": (whole,)})):
        remedy = examined(each, frames)
        errors.append(uneven.error(remedy.apply(clip_of(frames), BENCH).frames[:3]))
    assert errors[1] < 0.6 * errors[0]
    gray = remedy.apply(clip_of(frames), BENCH).frames[3]
    assert float((gray - gray.mean((1, 2), keepdim=True)).abs().max()) < 0.05


def _mean(lab: np.ndarray) -> tuple[float, float, float]:
    lightness, a, b = lab.reshape(-1, 3).mean(0).tolist()
    return lightness, a, b


def negative_reel() -> tuple[torch.Tensor, torch.Tensor]:
    """A negative's clip density, unfaded and faded, `(1, 3, H, W)`."""
    film = Film.above_base(stock("kodak-5207"), GENERIC)
    amounts = 1.2 * photographs()[1:2, ..., ::1] ** (1 / 2)
    amounts[0, :PATCH, :PATCH] = 0
    amounts[0, :PATCH, PATCH : 2 * PATCH] = projection.grays(film.stock, np.array([0.7]))
    faded = Fade((0.6, 0.9, 0.75), stain=0.08).shown(film, amounts)
    return tensor(Reading.NEGATIVE.clip(film.densities(amounts))), tensor(Reading.NEGATIVE.clip(faded))


def test_a_negative_is_brought_back_to_what_its_scan_would_have_been() -> None:
    unfaded, faded = negative_reel()
    codes = converted(faded, Space.DENSITY, Space.PRINTING_DENSITY)
    references = (
        Reference(frame=0, x=1, y=1, width=6, height=6, was="clear"),
        Reference(frame=0, x=PATCH + 1, y=1, width=6, height=6, was="gray", density=0.7),
    )
    treatment = DecayCorrection(stock="kodak-5207", references=references, nodes=33)
    footage = footage_of(codes, space=Space.PRINTING_DENSITY)
    remedy = treatment.examine(replace(footage, space=Space.DENSITY), BENCH)
    assert remedy.colors == "scanned"
    made = remedy.apply(clip_of(faded), BENCH).frames
    assert float((made - unfaded).abs().mean()) < 0.25 * float((faded - unfaded).abs().mean())


def test_a_negative_that_was_not_scanned_to_printing_density_is_refused() -> None:
    with pytest.raises(RestorationError, match="a negative is scanned to printing-density, not to density"):
        examined(DecayCorrection(stock="generic-negative", references=(place("gray"),)), OLD.seen)


def test_video_of_a_print_is_read_as_light() -> None:
    codes = converted(OLD.seen, Space.DENSITY, Space.REC709)
    footage = replace(footage_of(codes, space=Space.REC709), space=Space.DENSITY)
    remedy = told(*LEVELS).examine(footage, BENCH)
    assert remedy.reading is Reading.LIGHT
    made = remedy.apply(footage.clip(0, 4), BENCH)
    light = converted(made.frames, Space.DENSITY, Space.LINEAR)
    assert OLD.error(-torch.log10(light.clamp(min=1e-4))) < 0.3 * OLD.error(OLD.seen)


def test_windows_of_any_length_give_the_same_bytes() -> None:
    clip = clip_of(OLD.seen)
    remedy = examined(told("clear", "gray"), OLD.seen)
    whole = remedy.apply(clip, BENCH)
    singly = [remedy.apply(clip.between(n, n + 1), BENCH) for n in clip.numbers]
    assert torch.equal(whole.frames, torch.cat([each.frames for each in singly]))
    assert torch.equal(whole.origin, torch.cat([each.origin for each in singly]))
    assert torch.equal(whole.frames, remedy.apply(clip, Bench(workers=2)).frames)


def test_a_remedy_is_the_same_after_storing_and_when_found_again() -> None:
    remedy = examined(told("clear", "gray"), OLD.seen)
    stored = Unfading.loaded(*remedy.dumped())
    assert stored.model_dump(exclude={"lattices"}) == remedy.model_dump(exclude={"lattices"})
    assert np.array_equal(stored.lattices, remedy.lattices)
    assert np.array_equal(examined(told("clear", "gray"), OLD.seen).lattices, remedy.lattices)


def test_wrong_references_are_named_with_their_place() -> None:
    with pytest.raises(RestorationError, match=r"frame 0, x 60-79, y 0-3\) is not inside its frame, which is 64 x 48"):
        examined(DecayCorrection(references=(Reference(frame=0, x=60, y=0, width=20, height=4, was="gray"),)), OLD.seen)
    with pytest.raises(RestorationError, match="no frame 9 to look for a reference on, expected one of 0-3"):
        examined(DecayCorrection(references=(place("clear", frame=9),)), OLD.seen)
    crossed = OLD.seen.clone()
    crossed[0, :, :PATCH, :PATCH] = torch.tensor([0.9, 0.1, 0.2]).view(3, 1, 1)  # clear film is not cyan
    with pytest.raises(RestorationError, match=r"contradict one another.*frame 0, x 1-6, y 1-6, which was clear"):
        examined(told("clear", "gray"), crossed)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"stock": "kodak-9999"}, "no film stock 'kodak-9999' is known; there are: .*kodak-5384"),
        ({"even": EVERYWHERE}, "give 'references'"),
        ({"drift": True, "references": [place("gray")]}, "references on two frames at least"),
        ({"scanner": [(650, 25)]}, "at least 3 items"),
        ({"image": "silver", "references": [place("gray")], "even": EVERYWHERE}, "neither 'even' nor 'drift'"),
    ],
)  # fmt: skip
def test_settings_that_make_no_sense_say_so(settings: dict[str, object], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        DecayCorrection.model_validate(settings)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"was": "color"}, "'lab' belongs to a reference that was: color"),
        ({"was": "clear", "density": 1.0}, "'density' belongs to a reference that was: gray"),
        ({"was": "gray", "read": [0.1, 0.2, 0.3]}, "'read' has 3 densities and 'lamps' 0"),
    ],
)
def test_references_that_make_no_sense_say_so(more: dict[str, object], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Reference.model_validate({"frame": 0, "x": 0, "y": 0, "width": 4, "height": 4} | more)


@pytest.mark.footage
@pytest.mark.parametrize("film", ["within_our_gates", "the_great_train_robbery", "san_francisco_earthquake_and_fire"])
def test_black_and_white_film_is_left_as_it_is_to_the_bit(film: str) -> None:
    pictures = [cv2.imread(str(file))[..., ::-1] for file in sorted((FILMS / film).glob("*.png"))[::6]]
    assert len(pictures) >= 8
    codes = torch.stack([torch.from_numpy(p.astype(np.float32) / 255).permute(2, 0, 1) for p in pictures])
    clip = clip_of(converted(codes, Space.REC709, Space.DENSITY))
    remedy = examined(DecayCorrection(), clip.frames)
    assert remedy.found.startswith("the picture is monochrome")
    assert remedy.apply(clip, BENCH) is clip
