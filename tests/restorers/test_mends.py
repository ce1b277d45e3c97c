"""The record of what was mended, and edits of it: what is taken back is the scan, all else the same bytes."""

from dataclasses import replace
from functools import cache
from typing import Literal

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from restorers.cleaning.edits import Edits, Region, matched, place
from restorers.cleaning.found import Found, Kind, Polarity
from restorers.cleaning.mends import Mend, Mending
from restorers.cleaning.neighbors import Box
from restorers.clip import Clip, Origin
from restorers.colorspace import Space
from restorers.repair import Repair
from restorers.restorer import Bench, WrongEdit
from tests.restorers.footage import clip_of, footage_of
from tests.restorers.test_repair import SIZE, film, scratched, soiled

FRAME = (40, 60)
NOTHING = Edits((), (), None)


def found(
    box: Box, kind: Kind = "dust", *, track: str = "", polarity: Polarity = "dark", confidence: float = 0.9
) -> Found:
    mask = np.ones((box[2] - box[0], box[3] - box[1]), bool)
    mask[0, 0] = False
    return Found(box, mask, polarity, contrast=20.0, confidence=confidence, kind=kind, track=track)


def mend(number: int, one: Found, *, donor: int = 1) -> Mend:
    values = np.random.default_rng(number * 1000 + one.box[1]).random((one.area, 3)).astype(np.float32)
    return Mend(number, one, values, np.full(one.area, Origin.borrowed(donor), np.uint8))


def layer(*mends: Mend, size: tuple[int, int] = FRAME, first: int = 0, frames: int = 20) -> Mending:
    return Mending.of(mends, size, range(first, first + frames))


def scan(frames: int = 20) -> Clip:
    return Clip(torch.rand((frames, 3, *FRAME), generator=torch.Generator().manual_seed(1)), Space.DENSITY, 0)


def scratch(first: int, last: int, *, column: int = 30) -> list[Mend]:
    """One scratch through some frames, mended in two pieces on each."""
    return [
        mend(number, found(box, "scratch", track="s1"))
        for number in range(first, last + 1)
        for box in ((0, column, 20, column + 2), (20, column, 40, column + 2))
    ]


@cache
def dirty() -> torch.Tensor:
    return soiled(film("static"))[0]


@cache
def examined() -> Mending:
    return Repair().examine(footage_of(dirty()), Bench())


def test_an_id_is_a_place_and_outlives_another_class_and_polarity() -> None:
    one = layer(mend(3, found((10, 20, 14, 26), "dust"))).blemishes[0]
    other = layer(mend(3, found((10, 20, 14, 26), "dirt", polarity="bright"))).blemishes[0]
    assert one.id == other.id == "f000003-y0012-x0023"
    assert place(one.id) == (3, 12, 23)


def test_no_two_blemishes_share_an_id() -> None:
    same = [mend(3, found((10, 20, 14, 26), "dust", polarity=p)) for p in ("dark", "bright")]
    ids = [blemish.id for blemish in layer(*same, *scratch(3, 5)).blemishes]
    assert ids == ["f000003-y0020-x0031", "f000003-y0012-x0023", "f000003-y0012-x0023-2"]
    assert all(place(name)[0] == 3 for name in ids)


def test_the_record_does_not_depend_on_the_order_of_the_mends() -> None:
    mends = [mend(n, found((y, 5 * n, y + 4, 5 * n + 4))) for n in range(4) for y in (2, 20)] + scratch(1, 6)
    there, back = layer(*mends), layer(*reversed(mends))
    assert there.dumped()[0] == back.dumped()[0]
    assert np.array_equal(there.values, back.values)


def test_a_scratch_is_one_blemish_over_all_its_frames() -> None:
    record = layer(*scratch(4, 13), mend(4, found((2, 2, 5, 5))))
    assert [b.kind for b in record.blemishes] == ["scratch", "dust"]
    one = record.blemishes[0]
    assert (one.first, one.last, one.box, one.parts) == (4, 13, (0, 30, 40, 32), 20)
    assert one.area == 20 * 39
    assert {part.frame for part in record.pieces[0][1]} == set(range(4, 14))


def test_the_record_says_what_was_left_of_a_scratch_and_why() -> None:
    pieces = scratch(4, 8)
    pieces[3] = Mend(pieces[3].frame, pieces[3].found, reason="nothing fits")
    one = layer(*pieces).blemishes[0]
    assert (one.action, one.reason, one.parts_left, one.parts) == ("borrowed", "nothing fits", 1, 10)


def test_a_stored_layer_is_the_same_layer_in_fewer_bytes() -> None:
    record = examined()
    text, blobs = record.dumped()
    same = Mending.loaded(text, blobs)
    for name in ("parts", "places", "values", "marks"):
        ours, theirs = getattr(record, name), getattr(same, name)
        assert ours.dtype == theirs.dtype
        assert ours.tobytes() == theirs.tobytes()
        assert theirs.flags.writeable
    assert same.blemishes == record.blemishes
    plain = sum(getattr(record, name).nbytes for name in ("parts", "places", "values", "marks"))
    assert sum(blob.nbytes for blob in blobs.values()) < 0.7 * plain


@pytest.mark.parametrize("count", [0, 1])
def test_a_layer_of_next_to_nothing_survives_storage(count: int) -> None:
    speck = Found((3, 3, 4, 4), np.ones((1, 1), bool), "dark", 20.0, 0.9)
    record = layer(*[mend(2, speck)][:count])
    same = Mending.loaded(*record.dumped())
    clip = scan()
    assert torch.equal(same.apply(clip, Bench()).frames, record.apply(clip, Bench()).frames)
    assert np.array_equal(same.touched(2), record.touched(2))
    assert record.touched(2).sum() == count


def test_an_examination_does_not_look_at_edits() -> None:
    everywhere = Region(first=0, last=9)
    edited = Repair(reject=("f000003-y0012-x0023", everywhere), protect=(everywhere,), only=())
    again = edited.examine(footage_of(dirty()), Bench())
    assert again.dumped()[0] == examined().dumped()[0]
    assert again.values.tobytes() == examined().values.tobytes()


def test_a_rejected_mend_gives_the_scan_back_and_no_other_changes() -> None:
    before = examined()
    chosen = next(b for b in before.blemishes if b.action == "borrowed")
    after = Repair(reject=(chosen.id,)).edited(before)
    left = next(b for b in after.blemishes if b.id == chosen.id)
    assert (left.action, left.reason, left.area, left.donors) == ("left", "rejected", 0, ())
    clip = clip_of(dirty())
    restored, mended = (record.apply(clip, Bench()) for record in (after, before))
    own = torch.from_numpy(before.touched(chosen.first) & ~after.touched(chosen.first))
    assert int(own.sum()) == chosen.area
    assert torch.equal(restored[chosen.first][:, own], clip[chosen.first][:, own])
    assert not torch.equal(mended[chosen.first][:, own], clip[chosen.first][:, own])
    assert not restored.origin[chosen.first][own].any()
    changed = torch.zeros(mended.origin.shape, dtype=torch.bool)
    changed[chosen.first] = own
    assert torch.equal(restored.frames.movedim(1, -1)[~changed], mended.frames.movedim(1, -1)[~changed])
    assert torch.equal(restored.origin[~changed], mended.origin[~changed])


def test_without_edits_a_layer_stays_as_found() -> None:
    same = Repair().edited(examined())
    assert same.dumped()[0] == examined().dumped()[0]
    assert same.values.tobytes() == examined().values.tobytes()


@pytest.mark.parametrize(("dy", "dx"), [(1, -1), (-3, 2)])
def test_a_rejection_outlives_a_find_that_moved_a_little(dy: int, dx: int) -> None:
    name = layer(mend(3, found((10, 20, 14, 26)))).blemishes[0].id
    moved = mend(3, found((10 + dy, 20 + dx, 15 + dy, 26 + dx), "dirt"))
    bystander = mend(3, found((16, 30, 20, 36)))
    names, unmet = matched((name,), layer(moved, bystander))
    assert names == {layer(moved).blemishes[0].id}
    assert not unmet


@pytest.mark.parametrize(("detector", "off"), [("classical", 1), ("network", 2)])
def test_ids_outlive_another_examination_of_film_that_lies_some_pixels_off(
    detector: Literal["classical", "network"], off: int
) -> None:
    moved = torch.roll(dirty(), (off, -off), (2, 3))
    again = Repair(sensitivity=5, detector=detector).examine(footage_of(moved), Bench())
    first = Repair(detector=detector).examine(footage_of(dirty()), Bench())
    was = [blemish for blemish in first.blemishes if blemish.action != "left"]
    assert not {b.id for b in was} & {b.id for b in again.blemishes if b.action != "left"}
    now = {name: matched((name,), again)[0] for name in (b.id for b in was)}
    assert all(len(names) == 1 for names in now.values())
    assert len(set.union(*map(set, now.values()))) == len(was), "each is itself and no other"
    for name, (same,) in now.items():
        assert np.abs(np.subtract(place(name), place(same))).max() <= off + 1


def test_a_rejection_takes_the_nearest_and_none_that_is_far_or_in_another_frame() -> None:
    name = "f000003-y0012-x0023"
    near, nearer = mend(3, found((12, 20, 16, 26))), mend(3, found((11, 20, 15, 26)))
    assert matched((name,), layer(near, nearer))[0] == {layer(nearer).blemishes[0].id}
    for astray in (mend(3, found((20, 20, 24, 26))), mend(4, found((10, 20, 14, 26)))):
        assert matched((name,), layer(astray)) == (frozenset(), (name,))


def test_a_hair_may_grow_at_one_end_and_keeps_its_rejection() -> None:
    name = layer(mend(3, found((4, 4, 30, 12), "hair"))).blemishes[0].id
    longer = layer(mend(3, found((4, 4, 38, 14), "hair")))
    assert matched((name,), longer)[0] == {longer.blemishes[0].id}


def test_a_scratch_keeps_its_rejection_when_it_is_seen_sooner_or_later() -> None:
    name = layer(*scratch(4, 15)).blemishes[0].id
    for first, last, column in ((6, 15, 31), (2, 19, 29), (4, 9, 30)):
        again = layer(*scratch(first, last, column=column))
        after = replace(NOTHING, reject=(name,)).of(again)
        assert [b.reason for b in after.blemishes] == ["rejected"]
        assert not len(after.places)
        assert torch.equal(after.apply(scan(), Bench()).frames, scan().frames)
    assert matched((name,), layer(*scratch(4, 15, column=45)))[1] == (name,)


def test_an_id_nothing_is_near_is_reported() -> None:
    after = replace(NOTHING, reject=("f000003-y0001-x0001",)).of(layer(mend(3, found((10, 20, 14, 26)))))
    assert after.unmet == ("f000003-y0001-x0001",)
    assert "nothing was found to reject at f000003-y0001-x0001" in after.summary()
    assert after.blemishes[0].action == "borrowed"


def test_a_rejected_region_of_one_shot_that_holds_nothing_is_reported() -> None:
    record = layer(mend(3, found((10, 20, 14, 26))), frames=10)
    empty, full = Region(first=4, last=6), Region(first=3, last=3, kinds=("dust",))
    of_other_shots = Region(first=4, last=30)
    after = replace(NOTHING, reject=(empty, full, of_other_shots)).of(record)
    assert after.unmet == ("frames 4-6, rows 0-end, columns 0-end",)


def test_a_region_takes_back_what_meets_it_and_of_a_scratch_those_pieces_alone() -> None:
    record = layer(*scratch(4, 8), mend(5, found((2, 2, 5, 5))))
    after = replace(NOTHING, reject=(Region(first=5, last=6, bottom=20),)).of(record)
    line, speck = after.blemishes
    assert (line.action, line.reason, line.parts_left, line.parts) == ("borrowed", "rejected", 2, 10)
    assert (speck.action, speck.reason) == ("left", "rejected")
    touched = {n: np.argwhere(after.touched(n)) for n in range(20)}
    assert all(rows[:, 0].min() >= 20 for rows in (touched[5], touched[6]))
    assert all(rows[:, 0].min() == 0 for rows in (touched[4], touched[7]))


def test_a_region_may_be_about_some_classes() -> None:
    record = layer(*scratch(4, 8), mend(5, found((2, 2, 5, 5))))
    after = replace(NOTHING, protect=(Region(first=0, last=19, kinds=("scratch",)),)).of(record)
    assert [(b.action, b.reason) for b in after.blemishes] == [("left", "protected"), ("borrowed", "")]


def test_outside_of_only_no_pixel_differs_from_the_scan() -> None:
    window = Region(first=2, last=5, top=30, left=40, bottom=110, right=150)
    after = Repair(only=(window,)).edited(examined())
    changed = (after.apply(clip_of(dirty()), Bench()).origin != 0).numpy()
    inside = np.zeros_like(changed)
    inside[2:6, 30:110, 40:150] = True
    assert changed[inside].any()
    assert not changed[~inside].any()
    assert {b.reason for b in after.blemishes if b.action == "left" and b.first > 5} == {"not in only"}
    assert not len(Repair(only=()).edited(examined()).places)


def test_only_leaves_what_reaches_out_of_it() -> None:
    record = layer(mend(3, found((10, 20, 14, 26))))
    for region, action in (
        (Region(first=3, last=3, right=26), "borrowed"),
        (Region(first=3, last=3, right=25), "left"),
    ):
        assert replace(NOTHING, only=(region,)).of(record).blemishes[0].action == action


def test_a_scratch_that_was_found_is_one_row_and_is_taken_back_as_one() -> None:
    frames = scratched(film("pan", 10), 90)
    record = Repair().examine(footage_of(frames), Bench())
    (line,) = (b for b in record.blemishes if b.kind == "scratch")
    assert line.action != "left"
    assert line.last - line.first >= 7
    assert line.parts > line.last - line.first
    after = Repair(reject=(line.id,)).edited(record)
    assert [(b.reason, b.parts_left) for b in after.blemishes if b.id == line.id] == [("rejected", line.parts)]
    clip = clip_of(frames)
    assert not torch.equal(record.apply(clip, Bench()).frames[..., 90:92], frames[..., 90:92])
    assert torch.equal(after.apply(clip, Bench()).frames[..., 90:92], frames[..., 90:92])


def test_edits_are_told_apart_by_the_frames_they_concern() -> None:
    early, late = Region(first=2, last=3), Region(first=8, last=30)
    repair = Repair(reject=("f000003-y0001-x0001", "f000012-y0001-x0001"), protect=(early, late), only=(early,))
    assert repair.concerning(10, 20) == Repair(reject=("f000012-y0001-x0001",), protect=(late,), only=())
    assert Repair(protect=(early,)).concerning(10, 20) == Repair()


def test_edits_of_frames_that_are_not_there_are_refused_all_at_once() -> None:
    repair = Repair(reject=("f000003-y0001-x0001",), protect=(Region(first=40, last=50, top=3),))
    repair.check([range(0, 45)])
    with pytest.raises(WrongEdit, match=r"f000003-y0001-x0001; frames 40-50, rows 3-end.*shots are 10-19, 25-29"):
        repair.check([range(10, 20), range(25, 30)])


@pytest.mark.parametrize("beyond", [{"bottom": SIZE[0] + 1}, {"right": SIZE[1] + 1}, {"top": SIZE[0]}])
def test_a_region_beyond_the_frame_is_refused(beyond: dict[str, int]) -> None:
    with pytest.raises(WrongEdit, match=rf"frame 3, rows .* a frame has {SIZE[0]} rows and {SIZE[1]} columns"):
        Repair(protect=(Region(first=3, last=3, **beyond),)).edited(examined())


@pytest.mark.parametrize("ends", [{"last": 2}, {"top": 8, "bottom": 8}, {"left": 9, "right": 4}])
def test_an_empty_region_is_a_mistake(ends: dict[str, int]) -> None:
    with pytest.raises(ValidationError, match="nothing in it"):
        Region(**({"first": 3, "last": 3} | ends))


@pytest.mark.parametrize("name", ["dust-3-1-1-dark", "f3", "f000003-y0001-x0001-", " f000003-y0001-x0001", ""])
def test_what_is_no_id_is_told_how_ids_look(name: str) -> None:
    with pytest.raises(ValidationError, match="they look like f000123-y0456-x0789"):
        Repair(reject=(name,))
