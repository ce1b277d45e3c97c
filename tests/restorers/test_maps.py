"""Maps that come with a scan: infrared light shows dirt whatever it hides, and what a person marked is mended."""

from dataclasses import dataclass, field, replace

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from restorers.cleaning.found import Found, Kind, joined
from restorers.cleaning.maps import Infrared, marked
from restorers.clip import Origin
from restorers.colorspace import Space
from restorers.render import Footage, Span
from restorers.repair import Repair
from restorers.restorer import Bench, RestorationError
from tests.restorers.footage import ArraySource, footage_of
from tests.restorers.scenes import scene
from tests.restorers.test_origin import shifted

Plane = NDArray[np.float32]
SIZE = (96, 128)
LENGTH = 8
FIRST = 40
GRAIN = 0.02


@dataclass
class Maps:
    """Maps by reel number."""

    planes: dict[int, Plane] = field(default_factory=dict)

    def read(self, number: int) -> Plane | None:
        return self.planes.get(number)


def film() -> Tensor:
    """A pan over photographs, without damage."""
    return scene(LENGTH, SIZE, camera="pan", grain=GRAIN, weave_px=0, object_share=0).aged


def specks(frames: Tensor, *, seen: float = 0.8, seed: int = 5) -> tuple[Tensor, dict[int, NDArray[np.bool_]]]:
    """Frames with two round specks each, `seen` denser than the picture, and where they lie, by reel number."""
    random, dirty, masks = np.random.default_rng(seed), frames.clone(), {}
    for t, frame in enumerate(dirty):
        mask = np.zeros(SIZE, np.uint8)
        for half in (0, 1):
            center = (int(random.integers(14, 52)) + 60 * half, int(random.integers(14, SIZE[0] - 14)))
            cv2.circle(mask, center, 3, 1, -1)
        frame[:, torch.from_numpy(mask > 0)] += seen
        masks[FIRST + t] = mask > 0
    return dirty, masks


def infrared(
    frames: Tensor, masks: dict[int, NDArray[np.bool_]], *, through: float = 0.0, passing: float = 0.2
) -> Maps:
    """What an infrared lamp shows of them: uneven light with noise, a share of the picture, and dirt."""
    random, light = np.random.default_rng(3), np.linspace(0.75, 0.95, SIZE[1], dtype=np.float32)
    planes = {}
    for t, frame in enumerate(frames):
        picture = 10.0 ** (-through * frame.mean(0).numpy())
        plane = light * picture * np.where(masks.get(FIRST + t, np.zeros(SIZE, bool)), passing, 1)
        planes[FIRST + t] = np.clip(plane + random.normal(0, 0.004, SIZE), 0, 1).astype(np.float32)
    return Maps(planes)


def footage(frames: Tensor, **maps: Maps) -> Footage:
    return replace(footage_of(frames, first=FIRST), **maps)


def hits(found: list[Found], truth: NDArray[np.bool_]) -> tuple[float, int]:
    """Share of the true pixels that were found, and how many finds lie on none of them."""
    seen, astray = np.zeros(SIZE, bool), 0
    for one in found:
        top, left, bottom, right = one.box
        seen[top:bottom, left:right] |= one.mask
        astray += not (truth[top:bottom, left:right] & one.mask).any()
    return float(seen[truth].mean()), astray


def grays(frames: Tensor) -> dict[int, Plane]:
    return {FIRST + t: np.ascontiguousarray(frame.mean(0).numpy()) for t, frame in enumerate(frames)}


SIGMA = np.full(SIZE, GRAIN, np.float32)


def shining(film: torch.Tensor, maps: Maps) -> Infrared:
    light = Infrared.of(footage(film, infrared=maps))
    if light is None:
        pytest.fail("repair was given infrared maps and did not take them")
    return light


@pytest.mark.parametrize("through", [0.0, 0.05])
def test_dirt_that_stops_infrared_is_found_and_the_picture_is_not(through: float) -> None:
    dirty, masks = specks(film())
    maps = infrared(dirty, masks, through=through)
    light = shining(dirty, maps)
    for number, gray in grays(dirty).items():
        found = light.found(maps.planes[number], gray, SIGMA, max_area=4000)
        recall, astray = hits(found, masks[number])
        assert recall == 1
        assert astray == 0
        assert {one.polarity for one in found} == {"dark"}


def test_a_clean_film_shows_no_dirt_in_infrared() -> None:
    clean = film()
    maps = infrared(clean, {}, through=0.05)
    light = shining(clean, maps)
    for number, gray in grays(clean).items():
        assert light.found(maps.planes[number], gray, SIGMA, max_area=4000) == []


def test_faint_dirt_counts_where_the_picture_shows_it_too() -> None:
    clean = film()
    dirty, masks = specks(clean, seen=0.3)
    maps = infrared(clean, masks, passing=0.88)
    light = shining(dirty, maps)
    number = FIRST + 3
    seen = light.found(maps.planes[number], grays(dirty)[number], SIGMA, max_area=4000)
    assert hits(seen, masks[number]) == (1.0, 0)
    assert {one.confidence for one in seen} == {0.9}
    flat = np.full(SIZE, 0.5, np.float32)
    assert light.found(maps.planes[number], flat, SIGMA, max_area=4000) == []


@pytest.mark.parametrize("through", [1.0, 0.4])
def test_film_that_is_opaque_to_infrared_is_refused(through: float) -> None:
    dirty, masks = specks(film())
    with pytest.raises(RestorationError, match=r"frames 40-47 show the picture itself \(correlation .*silver"):
        Infrared.of(footage(dirty, infrared=infrared(dirty, masks, through=through)))


def test_a_frame_without_its_infrared_map_is_an_error() -> None:
    dirty, masks = specks(film())
    maps = infrared(dirty, masks)
    del maps.planes[FIRST + 2]
    with pytest.raises(RestorationError, match="frame 42 has no infrared map"):
        Repair().examine(footage(dirty, infrared=maps), Bench())


def test_repair_mends_what_infrared_shows_and_only_what_is_on_the_map() -> None:
    dirty, masks = specks(film(), seen=0.09)
    plain = Repair().examine(footage(dirty), Bench())
    found = Repair().examine(footage(dirty, infrared=infrared(dirty, masks)), Bench())
    assert len({b.id for b in found.blemishes} - {b.id for b in plain.blemishes}) >= LENGTH
    for number in range(FIRST + 1, FIRST + LENGTH - 1):
        here = [b for b in found.blemishes if b.first == number and b.confidence >= 0.9]
        centers = [((b.box[0] + b.box[2]) // 2, (b.box[1] + b.box[3]) // 2) for b in here]
        assert sum(bool(masks[number][center]) for center in centers) == 2


def test_what_a_person_marked_is_mended_whatever_it_looks_like() -> None:
    clean = film()
    mask = np.zeros(SIZE, np.float32)
    mask[40:46, 50:58] = 1
    remedy = Repair().examine(footage(clean, masks=Maps({FIRST + 4: mask})), Bench())
    (blemish,) = [b for b in remedy.blemishes if b.kind == "marked"]
    assert (blemish.first, blemish.box, blemish.confidence, blemish.action) == (
        FIRST + 4,
        (40, 50, 46, 58),
        1,
        "borrowed",
    )
    mended = replace(footage_of(clean, first=FIRST), spans=(Span(FIRST, FIRST + LENGTH, (remedy,)),))
    out = mended.clip(FIRST + 4, FIRST + 5)
    assert (out.origin[0].numpy()[mask > 0] != Origin.UNTOUCHED).all()
    apart = (out.frames[0] - clean[4]).abs().mean(0).numpy()
    assert apart[mask > 0].mean() < 2 * GRAIN


def test_a_frame_whose_mask_is_missing_has_nothing_marked() -> None:
    clean = film()
    plain = Repair().examine(footage(clean), Bench())
    assert Repair().examine(footage(clean, masks=Maps()), Bench()).blemishes == plain.blemishes


def test_maps_are_carried_along_with_the_picture() -> None:
    plane = np.zeros(SIZE, np.float32)
    plane[40:43, 60:64] = 1
    picture = torch.from_numpy(plane).expand(LENGTH, 3, *SIZE)
    shots = (Span(FIRST, FIRST + LENGTH, (shifted(3.0, -5.0), shifted(0.5, 1.25))),)
    moved = Footage(ArraySource(picture, Space.DENSITY, first=FIRST), shots, Space.DENSITY)
    carried, shown = moved.beside(Maps({FIRST: plane}), FIRST), moved.clip(FIRST, FIRST + 1).frames[0, 0].numpy()
    assert np.allclose(np.asarray(carried, np.float32), shown, rtol=0, atol=0.25)
    assert np.array_equal(np.asarray(carried) >= 0.5, shown >= 0.5)
    assert moved.beside(Maps(), FIRST) is None


def speck(box: tuple[int, int, int, int], kind: Kind = "dust", confidence: float = 0.5) -> Found:
    mask = np.ones((box[2] - box[0], box[3] - box[1]), bool)
    return Found(box, mask, "dark", 9.0, confidence, kind)


def test_finds_that_share_pixels_become_one_and_stay_marked() -> None:
    one = joined([speck((0, 0, 4, 4)), speck((20, 20, 22, 22))], [speck((3, 3, 8, 6), "marked", 1.0)])
    assert [(f.box, f.kind, f.confidence) for f in one] == [
        ((0, 0, 8, 6), "marked", 1.0),
        ((20, 20, 22, 22), "dust", 0.5),
    ]
    assert one[0].area == 16 + 15 - 1
    assert joined([speck((0, 0, 4, 4))], [speck((4, 4, 6, 6))])[0].box == (0, 0, 4, 4)


def test_marks_are_pieces_of_the_mask() -> None:
    plane = np.zeros(SIZE, np.float32)
    plane[10:12, 10:20], plane[50:60, 5:6], plane[70, 70] = 1, 0.6, 0.4
    found = marked(plane, np.full(SIZE, 0.5, np.float32), SIGMA)
    assert [(one.box, one.kind) for one in found] == [((10, 10, 12, 20), "marked"), ((50, 5, 60, 6), "marked")]
