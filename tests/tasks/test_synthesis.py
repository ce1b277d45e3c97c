"""The proof beside a master: what its synthesis map says of each pixel holds against the scan."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

import manifests
from manifests.reel import Reel
from restorers.clip import Origin
from restorers.mastering import SdrMastering
from restorers.repair import Repair
from restorers.restorer import RestorationError, Restorer
from restorers.synthesis import Tally
from tasks.examine import examined
from tasks.ingest import ingested, shot_list
from tasks.lab import Lab
from tasks.masters import Facts
from tasks.media.playback import clips, marks
from tasks.render import Graded, Rendered, Segment, rendered_chunk
from tasks.shot import Shot
from tasks.synthesis import map_name, map_pictures, mapped_frames
from tests.flows.reels import scene, write_dpx

FRAMES = 8
SIZE = (96, 128)


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    for number in range(1, FRAMES + 1):
        write_dpx(tmp_path / "vault" / "reel" / f"{number:05d}.dpx", scene(number, height=SIZE[0], width=SIZE[1]))
    return Lab(root=tmp_path / "lab", vaults=(tmp_path / "vault",), out=tmp_path / "out", workers=1)


def prescribed(lab: Lab, text: str) -> Reel:
    manifest = lab.root.parent / "reel.yaml"
    scan = "scan: {frames: reel/%05d.dpx, fps: 24, space: printing-density}\n"
    manifest.write_text(f"schema: 1\nid: reel\ntitle: A small reel\n{scan}{text}", encoding="utf-8")
    return manifests.read(manifest)


def examined_shot(reel: Reel, lab: Lab, treatments: Sequence[Restorer]) -> Shot:
    facts, _ = ingested(reel, lab)
    (shot,), _ = shot_list(reel, facts, lab)
    for treatment in treatments:
        shot = shot.with_layer(examined((shot,), treatment, lab)[0])
    return shot


def rendered(shot: Shot, deliveries: Sequence[Graded], lab: Lab) -> Rendered:
    done = rendered_chunk(shot, shot.first, shot.stop, tuple(deliveries), lab)
    segments = (
        Segment(kind=kind, first=shot.first, stop=shot.stop, outputs=record.outputs)
        for kind, record in done.records.items()
    )
    return Rendered(shot=shot, segments=tuple(segments))


def delivered(reel: Reel, lab: Lab, treatments: Sequence[Restorer] | None = None) -> Rendered:
    """The master of a reel's only shot, with its own treatments or others."""
    shot = examined_shot(reel, lab, reel.treatments if treatments is None else treatments)
    return rendered(shot, [Graded(delivery=reel.delivery[0], profile=reel.profile)], lab)


def codes(made: Rendered, lab: Lab) -> NDArray[np.uint16]:
    """The master's codes `(T, H, W, 3)`."""
    path = lab.store.path(made.segments[0].outputs["segment"])
    frames = [np.rint(clip.frames[0].numpy() * 1023) for clip in clips(path, made.shot.scan.space, 1)]
    return np.stack(frames).transpose(0, 2, 3, 1).astype(np.uint16)


def origins(made: Rendered, lab: Lab) -> NDArray[np.uint8]:
    """The synthesis map, `(T, H, W)`."""
    return np.stack(list(marks(lab.store.path(made.segments[0].outputs["origin"]))))


def scanned() -> NDArray[np.uint16]:
    return np.stack([scene(number, height=SIZE[0], width=SIZE[1]) for number in range(1, FRAMES + 1)])


def facts(made: Rendered, lab: Lab) -> Facts:
    return made.segments[0].facts(lab)


def test_a_forensic_master_is_the_scan_code_for_code(lab: Lab) -> None:
    reel = prescribed(lab, "profile: forensic\n")
    made = delivered(reel, lab)
    assert np.array_equal(codes(made, lab), scanned())
    assert (origins(made, lab) == Origin.UNTOUCHED).all()
    pixels = FRAMES * SIZE[0] * SIZE[1]
    assert facts(made, lab).origins == Tally(marks={0: pixels})
    assert reel.profile.proof(facts(made, lab).origins) == f"forensic: 0 of {pixels:,} pixels differ from the scan"


def test_a_forensic_reel_refuses_a_layer_that_reached_it_all_the_same(lab: Lab) -> None:
    with pytest.raises(RestorationError, match=r"frame \d+, row \d+, column \d+: .* the profile forensic forbids"):
        delivered(prescribed(lab, "profile: forensic\n"), lab, [Repair()])


def test_where_the_map_says_untouched_the_master_is_the_scan(lab: Lab) -> None:
    made = delivered(prescribed(lab, "treatments: [{kind: repair}]\n"), lab)
    differs = (codes(made, lab) != scanned()).any(axis=3)
    found = origins(made, lab)
    assert differs.any()
    assert not (differs & (found == Origin.UNTOUCHED)).any()
    assert facts(made, lab).origins == Tally.of(torch.from_numpy(found))
    assert facts(made, lab).synthetic == tuple((found > Origin.GRAIN).sum(axis=(1, 2)).tolist())
    assert sum(facts(made, lab).origins.shares.values()) == pytest.approx(1, abs=1e-12)


def test_a_fidelity_reel_borrows_and_neither_interpolates_nor_generates(lab: Lab) -> None:
    text = "treatments: [{kind: stabilization}, {kind: deflicker}, {kind: repair}]\n"
    reel = prescribed(lab, f"profile: fidelity\n{text}")
    made = delivered(reel, lab)
    tally = facts(made, lab).origins
    assert tally.count(Origin.BORROWED) > 0
    assert tally.count(Origin.GRAIN, Origin.INTERPOLATED, Origin.GENERATED) == 0
    assert reel.profile.proof(tally).startswith(f"fidelity: 0 of {FRAMES * SIZE[0] * SIZE[1]:,} pixels")


def test_a_fidelity_reel_refuses_an_interpolated_pixel_that_reached_it_all_the_same(lab: Lab) -> None:
    free = prescribed(lab, "treatments: [{kind: stabilization}]\n")
    assert facts(delivered(free, lab), lab).origins.count(Origin.INTERPOLATED) > 0
    bound = prescribed(lab, "profile: fidelity\n")
    with pytest.raises(RestorationError, match=r"interpolated: filled in from around it, which the profile fidelity"):
        delivered(bound, lab, free.treatments)


def test_each_delivery_that_asks_for_it_has_its_map_and_counts_without_it(lab: Lab) -> None:
    delivery = "delivery: [{kind: ffv1, origin: false}, {kind: sdr, origin: true}]\n"
    reel = prescribed(lab, f"treatments: [{{kind: repair}}]\n{delivery}")
    shot = examined_shot(reel, lab, reel.treatments)
    grade = examined((shot,), SdrMastering(), lab)[0]
    master_, copy = reel.delivery
    deliveries = [Graded(delivery=master_, profile=reel.profile)]
    deliveries.append(Graded(delivery=copy, profile=reel.profile, grade=grade))
    made = rendered(shot, deliveries, lab)
    assert "origin" not in made.of("ffv1")[0].outputs
    plain, toned = made.tally("ffv1", lab), made.tally("sdr", lab)
    found = np.stack(list(marks(lab.store.path(made.of("sdr")[0].outputs["origin"]))))
    assert Tally.of(torch.from_numpy(found)) == toned
    assert toned.count(Origin.UNTOUCHED) == 0
    assert toned.count(Origin.TONED) == plain.count(Origin.UNTOUCHED, Origin.TONED)
    assert toned.count(Origin.BORROWED) == plain.count(Origin.BORROWED) > 0


def test_the_maps_that_are_shown_are_those_with_most_in_them(lab: Lab) -> None:
    made = delivered(prescribed(lab, "treatments: [{kind: repair}]\n"), lab)
    foreign = (origins(made, lab) > Origin.GRAIN).sum(axis=(1, 2))
    shown = mapped_frames(made, lab)
    assert 1 <= len(shown) <= 3
    assert min(shown.values()) * SIZE[0] * SIZE[1] >= np.sort(foreign)[-len(shown)] - 1e-6
    assert map_pictures(made, lab).keys() == {map_name(number) for number in shown}
