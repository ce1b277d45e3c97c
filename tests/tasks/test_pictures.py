"""A slice over time shows what weave and flicker do, and nothing else."""

import cv2
import numpy as np
import pytest
import torch

from restorers.clip import Clip
from restorers.colorspace import Space
from tasks.pictures import MOST_COLUMNS, ROWS, Band, Slice, codes, jpeg, png, reduced, steep_band

HEIGHT, WIDTH = 120, 160
WHOLE = Band(0.4, 0.45, 0.0, 1.0)


def clip(rows: np.ndarray, *, first: int = 0) -> Clip:
    """Frames `(T, H)` of level lines."""
    frames = torch.from_numpy(np.repeat(rows[:, None, :, None], 3, axis=1).repeat(WIDTH, axis=3).astype(np.float32))
    return Clip(frames, Space.SRGB, first)


def lines(shift: float = 0.0) -> np.ndarray:
    return 0.5 + 0.4 * np.sin((np.arange(HEIGHT) - shift) * 2 * np.pi / 12)


def sliced(shot: Clip, *, band: Band = WHOLE, length: int = 1) -> np.ndarray:
    taken = Slice(band, len(shot))
    for start in range(shot.first, shot.stop, length):
        taken.add(shot.between(start, min(start + length, shot.stop)))
    return taken.codes


def test_a_steady_even_shot_draws_level_lines_and_a_weaving_or_flickering_one_does_not() -> None:
    steady = sliced(clip(np.stack([lines()] * 6)))
    assert steady.shape == (HEIGHT, 6, 3)
    assert (steady == steady[:, :1]).all()
    weaving = sliced(clip(np.stack([lines(shift) for shift in (0, 2, 1, 3, 0, 2)])))
    assert (weaving[:, 0] == weaving[:, 4]).all()
    assert np.abs(weaving[:, 0].astype(int) - weaving[:, 1]).max() > 60
    flickering = sliced(clip(np.stack([lines() * gain for gain in (1.0, 0.9, 1.0, 0.9)])))
    assert flickering[:, 1].mean() < 0.95 * flickering[:, 0].mean()


def test_a_slice_is_the_same_however_the_clips_are_cut() -> None:
    shot = clip(np.stack([lines(shift) for shift in range(10)]), first=100)
    assert (sliced(shot) == sliced(shot, length=4)).all()


def test_an_enlarged_picture_gives_the_same_column() -> None:
    shot = clip(np.stack([lines(shift) for shift in range(4)]))
    large = torch.nn.functional.interpolate(shot.frames, scale_factor=3, mode="bicubic", antialias=False)
    there = sliced(Clip(large.clamp(0, 1), shot.space, 0))
    assert there.shape[0] == ROWS
    here = cv2.resize(sliced(shot), there.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    assert np.abs(here.astype(int) - there).mean() < 4


def test_a_long_shot_is_thinned_and_keeps_its_length_in_proportion() -> None:
    taken = Slice(WHOLE, 2 * MOST_COLUMNS + 1)
    rows = np.full((2 * MOST_COLUMNS + 1, HEIGHT), 0.25)
    rows[MOST_COLUMNS:] = 0.75
    whole = clip(rows[:, :8])
    for number in whole.numbers:
        taken.add(whole.between(number, number + 1))
    assert taken.codes.shape[1] == -(-(2 * MOST_COLUMNS + 1) // 3)
    change = int(np.argmax(taken.codes[0, :, 0] > 128)) / taken.codes.shape[1]
    assert change == pytest.approx(0.5, abs=0.01)


def test_the_band_lies_where_level_edges_are_and_not_on_the_frame_s_own_edge() -> None:
    picture = np.full((HEIGHT, WIDTH), 0.3, np.float32)
    picture[:3] = 1.0  # the edge of the gate
    picture[60:64, 90:110] = 0.9
    frames = torch.from_numpy(picture)[None, None].repeat(1, 3, 1, 1)
    band = steep_band(Clip(frames, Space.SRGB, 0))
    assert 88 <= band.left * WIDTH <= 111
    assert band.top * HEIGHT <= 60
    assert band.bottom * HEIGHT >= 64
    assert band.top * HEIGHT > 3


def test_files_hold_the_picture() -> None:
    picture = codes(clip(np.stack([lines()])))
    back = cv2.imdecode(np.frombuffer(png(picture), np.uint8), cv2.IMREAD_COLOR)[:, :, ::-1]
    assert (back == picture).all()
    back = cv2.imdecode(np.frombuffer(jpeg(picture, fine_color=True), np.uint8), cv2.IMREAD_COLOR)[:, :, ::-1]
    assert np.abs(back.astype(int) - picture).mean() < 3
    assert reduced(picture, 80).shape == (60, 80, 3)
    assert reduced(picture, 500) is picture
