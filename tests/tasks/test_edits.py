"""A person's edits of a repair are laid on what was found: nothing is examined again, and all else stays as it was."""

from collections import Counter
from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch

from manifests import read
from manifests.reel import Reel
from restorers.cleaning.exposures import Irregularity
from restorers.cleaning.mends import Mending
from restorers.restorer import WrongEdit
from tasks import finds
from tasks.examine import examined, groups, laid
from tasks.finds import chosen, finds_so_far, listed, record, sheet
from tasks.footage import footage, remedy
from tasks.ingest import ingested, shot_list
from tasks.lab import Lab
from tasks.look import NotThere
from tasks.plan import planned
from tasks.shot import Shot
from tasks.weight import Weight
from tests.flows.reels import Place, scene, write_dpx, write_manifest

SHOTS = "shots:\n  - {first: 1, last: 6}\n  - {first: 7, last: 12}\n"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """A reel of two shots of six frames; each frame has specks of its own."""
    root = tmp_path_factory.mktemp("edits")
    place = Place(root, root)
    for number in range(1, 13):
        still = scene(99, shot=number > 6).astype(np.int64)  # it holds still, so that specks are all that differs
        grain = np.random.default_rng(number).normal(0, 6, still.shape)
        codes = np.clip(np.rint(still + grain), 0, 1023).astype(np.uint16)
        for k in range(3):
            y, x = 8 + 28 * k + 7 * (number % 3), 8 + 41 * (number + 2 * k) % 110
            codes[y : y + 4, x : x + 3] = 1000
        write_dpx(place.vault / "reel" / f"{number:05d}.dpx", codes)
    return place


@pytest.fixture(scope="module")
def lab(place: Place) -> Lab:
    """A lab that has examined the reel as it is, without edits."""
    lab = Lab(root=place.lab, vaults=(place.vault,), out=place.out, workers=1)
    repaired(reel_of(place), lab)
    return lab


def reel_of(place: Place, edits: str = "") -> Reel:
    return read(write_manifest(place, f"  - kind: repair\n{edits}", more=SHOTS))


def repaired(reel: Reel, lab: Lab) -> tuple[Shot, ...]:
    facts, _ = ingested(reel, lab)
    shots, _ = shot_list(reel, facts, lab)
    for treatment in reel.treatments:
        shots = laid(shots, [examined(group, treatment, lab)[0] for group in groups(shots, treatment)])
    return shots


def frames(shot: Shot, lab: Lab) -> torch.Tensor:
    return footage((shot,), lab).clip(shot.first, shot.stop).frames


def mending(shot: Shot, lab: Lab) -> Mending:
    found = remedy(shot.layers[0], lab)
    assert isinstance(found, Mending)
    return found


def work(lab: Lab) -> Counter[tuple[str, bool]]:
    """How often each stage was done, and how often it was recalled."""
    return Counter((line.stage, line.cache_hit) for line in lab.ledger.read().lines)


def test_a_rejection_asks_for_no_new_examination_and_gives_the_scan_back(place: Place, lab: Lab) -> None:
    plain = repaired(reel_of(place), lab)
    find = next(f for f in chosen(finds_so_far(reel_of(place), lab), shot=2) if f.blemish.action == "borrowed")
    (part,) = find.parts
    before = work(lab)
    edited = repaired(reel_of(place, f"    reject: [{find.blemish.id}]\n"), lab)
    done = work(lab) - before
    assert (done["examine", False], done["examine", True]) == (0, 2)
    assert (done["edit", False], done["edit", True]) == (1, 0)

    was, now = mending(plain[1], lab), mending(edited[1], lab)
    own = torch.from_numpy(was.touched(part.frame) & ~now.touched(part.frame))
    assert int(own.sum()) == part.area > 0
    scan = frames(plain[1].model_copy(update={"layers": ()}), lab)
    whole, taken_back = frames(plain[1], lab), frames(edited[1], lab)
    place_in_shot = part.frame - plain[1].first
    assert torch.equal(taken_back[place_in_shot][:, own], scan[place_in_shot][:, own])
    assert not torch.equal(whole[place_in_shot][:, own], scan[place_in_shot][:, own])
    taken_back[place_in_shot][:, own] = whole[place_in_shot][:, own]
    assert torch.equal(taken_back, whole)

    assert edited[0].layers[0].key == plain[0].layers[0].key, "the other shot is the same work"
    assert edited[1].layers[0].key != plain[1].layers[0].key
    spent = {line.stage: line.cpu_s for line in lab.ledger.read().lines if not line.cache_hit}
    assert spent["edit"] < spent["examine"] / 3


def test_an_edit_is_kept_and_recalled(place: Place, lab: Lab) -> None:
    reel = reel_of(place, "    protect: [{first: 2, last: 3}]\n")
    first, before = repaired(reel, lab), work(lab)
    again = repaired(reel, lab)
    assert again == first
    assert not any(made for (_, recalled), made in (work(lab) - before).items() if not recalled)
    assert (work(lab) - before)["edit", True] == 1


def test_the_plan_shows_the_edit_and_that_nothing_is_examined(place: Place, lab: Lab) -> None:
    steps = planned(reel_of(place, "    only: [{first: 7, last: 12}]\n"), lab)
    states = {(s.stage, s.subject.split()[2]): s.state for s in steps if s.treatment == "repair"}
    assert states == {
        ("examine", "1"): "made before",
        ("edit", "1"): "to do",
        ("examine", "2"): "made before",
        ("edit", "2"): "to do",
    }


def test_only_leaves_shots_it_does_not_name_as_scanned(place: Place, lab: Lab) -> None:
    first, second = repaired(reel_of(place, "    only: [{first: 7, last: 12}]\n"), lab)
    assert torch.equal(frames(first, lab), frames(first.model_copy(update={"layers": ()}), lab))
    assert any(mending(second, lab).touched(n).any() for n in range(7, 13))


def test_edits_that_make_no_sense_are_named_with_reel_shot_and_frame(place: Place, lab: Lab) -> None:
    with pytest.raises(WrongEdit, match=r"reel: .*f000099-y0001-x0001; frames 20-30.*shots are 1-6, 7-12"):
        planned(reel_of(place, "    reject: [f000099-y0001-x0001, {first: 20, last: 30}]\n"), lab)
    with pytest.raises(WrongEdit, match=r"reel shot 2 \(7-12\): frame 8, rows 0-96.* a frame has 96 rows"):
        repaired(reel_of(place, "    protect: [{first: 8, last: 8, bottom: 97}]\n"), lab)


def test_the_layer_is_told_with_its_size_against_the_scan(place: Place, lab: Lab) -> None:
    shot = repaired(reel_of(place), lab)[0]
    stored = sum(artifact.size for artifact in shot.layers[0].outputs.values())
    scanned = sum(path.stat().st_size for path in sorted((place.vault / "reel").iterdir())[:6])
    assert stored < 0.1 * scanned
    assert f"layer {stored / 1000:.1f} kB, scan {scanned / 1000:.1f} kB: " in shot.layers[0].summary


def test_finds_are_looked_through_with_edits_that_were_not_restored_yet(place: Place, lab: Lab) -> None:
    with pytest.raises(NotThere, match="has not taken in this scan yet"):
        finds_so_far(reel_of(place), lab.model_copy(update={"root": place.root / "another"}))
    before = work(lab)
    found = chosen(finds_so_far(reel_of(place), lab))
    one = found[0].blemish
    edits = f"    reject: [{one.id}]\n    protect: [{{first: 8, last: 8}}]\n"
    again = chosen(finds_so_far(reel_of(place, edits), lab))
    assert [f.blemish.id for f in again] == [f.blemish.id for f in found]
    assert again[0].blemish.reason == "rejected"
    assert {f.blemish.reason for f in again if f.blemish.first == 8} == {"protected"}
    assert work(lab) == before

    assert {f.finds.shot.index for f in chosen(finds_so_far(reel_of(place), lab), shot=2)} == {2}
    on_frame = chosen(finds_so_far(reel_of(place), lab), frame=one.first)
    assert {f.blemish.first for f in on_frame} == {one.first}
    left = chosen(finds_so_far(reel_of(place, edits), lab), actions=("left",))
    assert one.id in {f.blemish.id for f in left}
    assert not chosen(finds_so_far(reel_of(place), lab), kinds=("scratch",))
    with pytest.raises(NotThere, match="no blemish is dusty: they are dust, dirt"):
        chosen(finds_so_far(reel_of(place), lab), kinds=("dusty",))


def test_a_list_of_finds_has_a_line_for_each_and_one_of_names(place: Place, lab: Lab) -> None:
    found = chosen(finds_so_far(reel_of(place), lab))
    names, *rows = (line.split(",") for line in listed(found).splitlines())
    assert len(rows) == len(found)
    row = dict(zip(names, rows[0], strict=True))
    box = tuple(int(row[edge]) for edge in ("top", "left", "bottom", "right"))
    assert (row["id"], row["shot"], box) == (found[0].blemish.id, "1", found[0].blemish.box)
    assert listed([]).startswith("shot,id,kind")


def test_a_record_tells_frames_that_are_there_twice_too(place: Place, lab: Lab) -> None:
    first, second = finds_so_far(reel_of(place), lab)
    twice = Irregularity(kind="repeated", frame=9, last=9, count=1, confidence=0.9)
    told = replace(second, mending=second.mending.model_copy(update={"irregularities": (twice,)}))
    mends = chosen((first, second), actions=("borrowed",))
    kept = record(mends, (first, told))
    assert [one["id"] for one in kept["blemishes"]] == [find.blemish.id for find in mends]
    assert kept["irregularities"] == [{"shot": 2, **twice.model_dump()}]


def test_a_sheet_pictures_each_find_as_found_and_as_mended(
    place: Place, lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = [f for f in chosen(finds_so_far(reel_of(place), lab)) if f.blemish.action == "borrowed"]
    central = next(f for f in found if 24 < f.blemish.box[0] < 60 and 24 < f.blemish.box[1] < 90)
    one = sheet([central], lab)
    tile, gap = finds.TILE, finds.GAP
    sides = [one[gap : gap + tile, gap + x : gap + x + tile].astype(float) for x in (0, tile + 2)]
    speck = slice(tile // 2 - 4, tile // 2 + 4)
    assert abs(sides[0][speck, speck].mean() - sides[1][speck, speck].mean()) > 20, "the speck is gone on the right"
    assert np.median(np.abs(sides[0] - sides[1])) == 0, "all around it is the same"
    label = one[gap + tile : gap + tile + finds.LABEL]
    assert (label.max(axis=2) > 200).any(), "its id is written below"
    monkeypatch.setattr(finds, "SHOWN", 5)
    many = sheet(found, lab)
    assert many.shape == (gap + 2 * (tile + finds.LABEL + gap), gap + 4 * (2 * tile + 2 + gap), 3)
    assert cv2.cvtColor(many, cv2.COLOR_RGB2GRAY)[-finds.LABEL :, -tile:].max() <= finds.PAPER
    with pytest.raises(NotThere, match="no such blemish"):
        sheet([], lab)


@pytest.mark.parametrize(
    ("weight", "said"),
    [
        (Weight(layer=1_200_000, scan=812_000_000), "layer 1.2 MB, scan 812.0 MB: 0.15 %"),
        (Weight(layer=480, scan=8_000_000_000_000), "layer 480 bytes, scan 8.0 TB: 0.000000006 %"),
        (Weight(layer=0, scan=0), "layer 0 bytes, scan 0 bytes: 0 %"),
    ],
)
def test_a_weight_is_said_in_words(weight: Weight, said: str) -> None:
    assert str(weight) == said
