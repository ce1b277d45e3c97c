"""Mending told where a blemish lies: what other frames know goes into it, and it goes where the picture goes."""

from functools import cache

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from restorers.cleaning.found import Found, Kind
from restorers.cleaning.mending import mended
from restorers.cleaning.mends import Mend
from restorers.cleaning.shelf import Shelf
from restorers.clip import Origin
from restorers.detail import granularity
from restorers.detail.grain import Floats
from restorers.restorer import Bench
from tests.restorers.footage import clip_of, footage_of

SIZE = (96, 128)
SIGMA = 0.03
MIDDLE = 4


def picture(seed: int, size: tuple[int, int] = (160, 224)) -> Floats:
    """Something with detail of all sizes, density 0.3 to 1.3, `(3, h, w)`."""
    random = np.random.default_rng(seed)
    sheet = sum(
        cv2.resize(random.standard_normal((size[0] // s, size[1] // s, 3)).astype(np.float32), size[::-1]) * s**0.5
        for s in (4, 8, 16, 32)
    )
    return np.ascontiguousarray(0.8 + 0.5 * np.tanh(np.asarray(sheet) / 6)).transpose(2, 0, 1).astype(np.float32)


def moved(sheet: Floats, x: float, y: float, size: tuple[int, int] = SIZE) -> Floats:
    """What a frame shows of a sheet that lies x, y pixels to its right and below."""
    to = np.array([[1, 0, x], [0, 1, y]], float)
    planes = [
        cv2.warpAffine(plane, to, size[::-1], flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT) for plane in sheet
    ]
    return np.stack(planes)


@cache
def shot(speed: float = 1.7, thing: float = 0.0, length: int = 9) -> Tensor:
    """A picture that moves, and, if wanted, a square on it that moves by itself; without grain."""
    frames = []
    for time in range(length):
        frame = moved(picture(1), -40 + speed * (time - MIDDLE), -30)
        if thing:
            left = round(52 + thing * (time - MIDDLE))
            inside = np.s_[:, 34:66, max(left, 0) : max(left + 34, 0)]
            frame[inside] = moved(picture(2), left - 60, -20)[inside]
        frames.append(frame)
    return torch.from_numpy(np.stack(frames))


def grainy(clean: Tensor, sigma: float = SIGMA) -> Tensor:
    return clean + sigma * torch.randn(clean.shape, generator=torch.Generator().manual_seed(3))


def spot(y: int, x: int, radius: int = 4, kind: Kind = "dust") -> Found:
    disc = cv2.circle(np.zeros((2 * radius + 1,) * 2, np.uint8), (radius, radius), radius, 1, -1) > 0
    return Found((y - radius, x - radius, y + radius + 1, x + radius + 1), disc, "dark", 30.0, 0.9, kind)


def cut(frames: Tensor, number: int, found: Found) -> Floats:
    top, left, bottom, right = found.box
    return np.ascontiguousarray(frames[number, :, top:bottom, left:right].numpy()[:, found.mask].T)


def laid_on(frames: Tensor, dirt: dict[int, list[Found]], value: float = 1.8) -> Tensor:
    dirty = frames.clone()
    for number, founds in dirt.items():
        for found in founds:
            top, left, bottom, right = found.box
            dirty[number, :, top:bottom, left:right][:, torch.from_numpy(found.mask)] = value
    return dirty


def mend(clean: Tensor, dirt: dict[int, list[Found]], **settings: str) -> list[Mend]:
    """What is done about the dirt of the middle frame."""
    film = grainy(clean)
    shelf = Shelf(clip_of(laid_on(film, dirt)), granularity.measured(footage_of(film)), dirt)
    grain = "fresh" if settings.get("grain") == "fresh" else "own"
    return [mended(shelf, MIDDLE, found, Bench(), fill="nothing", grain=grain) for found in dirt[MIDDLE]]


def values_of(mend: Mend) -> Floats:
    assert mend.values is not None
    return mend.values


def marks_of(mend: Mend) -> NDArray[np.uint8]:
    assert mend.marks is not None
    return mend.marks


def off(mend: Mend, clean: Tensor) -> float:
    """How far a mend is from the film without grain, in sigmas of it."""
    return float(np.sqrt(np.square(values_of(mend) - cut(clean, MIDDLE, mend.found)).mean())) / SIGMA


def test_a_mend_shows_what_was_hidden() -> None:
    clean = shot()
    for done in mend(clean, {MIDDLE: [spot(30, 40), spot(60, 90, 6), spot(48, 20, 3)]}):
        assert off(done, clean) < 1.3


def test_a_hole_in_a_thing_that_moves_by_itself_follows_it() -> None:
    clean = shot(1.7, -7.0)
    (done,) = mend(clean, {MIDDLE: [spot(50, 69, 5)]})
    assert off(done, clean) < 1.6


def test_where_a_thing_came_the_side_without_it_is_believed() -> None:
    """The square covers the hole's place in all later frames and in none before."""
    clean = shot(0.0, -7.0)
    (done,) = mend(clean, {MIDDLE: [spot(50, 43, 3)]})
    assert off(done, clean) < 1.6
    assert (marks_of(done) < Origin.BORROWED).mean() > 0.9


def test_a_borrowed_pixel_has_the_grain_of_the_frame_it_is_marked_with() -> None:
    clean, found = shot(0.0), spot(40, 60, 6)
    film = grainy(clean)
    (done,) = mend(clean, {MIDDLE: [found]})
    grain = values_of(done) - cut(clean, MIDDLE, found)
    theirs = np.zeros_like(grain)
    for mark in np.unique(marks_of(done)):
        lent, number = marks_of(done) == mark, MIDDLE + int(mark) - Origin.BORROWED
        theirs[lent] = (cut(film, number, found) - cut(clean, number, found))[lent]
    assert np.corrcoef(grain.ravel(), theirs.ravel())[0, 1] > 0.8


def test_dirt_on_its_donors_is_stepped_around_pixel_by_pixel() -> None:
    clean = shot(0.0)
    found = spot(40, 60, 6)
    half = Found((34, 54, 47, 60), np.ones((13, 6), bool), "dark", 30.0, 0.9)
    other = Found((34, 62, 47, 67), np.ones((13, 5), bool), "dark", 30.0, 0.9)
    dirt = {MIDDLE: [found], **{n: [half] for n in (1, 2, 3)}, **{n: [other] for n in (5, 6, 7)}}
    (done,) = mend(clean, dirt)
    x = np.nonzero(found.mask)[1] + found.box[1]
    assert (marks_of(done)[x < 59] > Origin.BORROWED).all()
    assert (marks_of(done)[x > 61] < Origin.BORROWED).all()
    assert off(done, clean) < 1.3


def test_what_no_frame_knows_is_left_or_filled_in_as_is_allowed() -> None:
    film = grainy(torch.stack([torch.from_numpy(moved(picture(t), -40, -30)) for t in range(9)]))
    found, model = spot(40, 60), granularity.measured(footage_of(grainy(shot())))
    shelf = Shelf(clip_of(laid_on(film, {MIDDLE: [found]})), model, {MIDDLE: [found]})
    left = mended(shelf, MIDDLE, found, Bench(), fill="nothing")
    assert (left.action, left.reason, left.values) == ("left", "nothing fits", None)
    filled = mended(shelf, MIDDLE, found, Bench(), fill="telea")
    assert filled.action == "interpolated"
    assert (marks_of(filled) == Origin.INTERPOLATED).all()


def test_the_light_may_change_between_frames() -> None:
    clean = shot() * torch.linspace(0.9, 1.1, 9).view(-1, 1, 1, 1)
    (done,) = mend(clean, {MIDDLE: [spot(40, 60)]})
    assert off(done, clean) < 1.3


@pytest.mark.parametrize("grain", ["own", "fresh"])
def test_mends_have_the_films_grain(grain: str) -> None:
    clean = torch.full((9, 3, *SIZE), 0.7)
    spots = [spot(y, x, 5) for y in range(12, 90, 18) for x in range(12, 120, 18)]
    errors = np.concatenate([values_of(done) - 0.7 for done in mend(clean, {MIDDLE: spots}, grain=grain)])
    assert errors.std() == pytest.approx(SIGMA, rel=0.15)


def test_fresh_grain_is_on_no_other_frame() -> None:
    clean, found = shot(0.0), spot(40, 60, 9)
    film = grainy(clean)
    (own,) = mend(clean, {MIDDLE: [found]})
    (fresh,) = mend(clean, {MIDDLE: [found]}, grain="fresh")

    def most_alike(done: Mend) -> float:
        grain = (values_of(done) - cut(clean, MIDDLE, found)).ravel()
        others = [(cut(film, n, found) - cut(clean, n, found)).ravel() for n in range(9) if n != MIDDLE]
        return max(float(np.corrcoef(grain, other)[0, 1]) for other in others)

    assert most_alike(fresh) < 0.45 < most_alike(own)


def test_a_mend_depends_on_three_frames_to_each_side_alone() -> None:
    film, found = grainy(shot()), spot(40, 60)
    model = granularity.measured(footage_of(film))
    dirty = laid_on(film, {MIDDLE: [found]})
    whole = mended(Shelf(clip_of(dirty), model, {MIDDLE: [found]}), MIDDLE, found, Bench(), fill="nothing")
    part = Shelf(clip_of(dirty[1:8], first=1), model, {MIDDLE: [found]})
    again = mended(part, MIDDLE, found, Bench(), fill="nothing")
    assert np.array_equal(values_of(whole), values_of(again))
    assert np.array_equal(marks_of(whole), marks_of(again))


def veiled(film: Tensor, found: Found, opacity: float, density: float = 1.1) -> Tensor:
    """The film with a stain with soft edges under a mask of its middle frame."""
    top, left, bottom, right = found.box
    cover = cv2.GaussianBlur(np.pad(found.mask[4:-4, 4:-4], 4).astype(np.float32), (0, 0), 2.0) * found.mask
    dirty, part = film.clone(), torch.from_numpy(opacity * cover)
    under = dirty[MIDDLE, :, top:bottom, left:right]
    dirty[MIDDLE, :, top:bottom, left:right] = under * (1 - part) + density * part
    return dirty


def test_what_is_seen_through_a_stain_keeps_its_own_grain() -> None:
    clean, found = shot(), spot(46, 64, 18, "stain")
    film = grainy(clean)
    model = granularity.measured(footage_of(film))
    shelf = Shelf(clip_of(veiled(film, found, 0.25)), model, {MIDDLE: [found]})
    done = mended(shelf, MIDDLE, found, Bench(), fill="nothing")
    assert done.action == "corrected"
    seen = marks_of(done) == Origin.CORRECTED
    own = (cut(film, MIDDLE, found) - cut(clean, MIDDLE, found))[seen]
    assert np.corrcoef(own.ravel(), (values_of(done) - cut(clean, MIDDLE, found))[seen].ravel())[0, 1] > 0.85
    assert off(done, clean) < 1.3


def test_what_no_light_comes_through_is_replaced() -> None:
    clean, found = shot(), spot(46, 64, 18, "blotch")
    film = grainy(clean)
    model = granularity.measured(footage_of(film))
    shelf = Shelf(clip_of(veiled(film, found, 1.0)), model, {MIDDLE: [found]})
    done = mended(shelf, MIDDLE, found, Bench(), fill="nothing")
    assert (marks_of(done) != Origin.CORRECTED).all()
