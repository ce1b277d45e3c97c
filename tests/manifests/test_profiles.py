"""A profile is kept by types: what it forbids is a mistake in the manifest, with its line."""

from pathlib import Path

import pytest

import manifests
from manifests.profiles import FaithfulEnhancement, FaithfulRepair, FidelityReel, ForensicReel
from manifests.reel import Ffv1Delivery, Reel
from restorers.profile import Profile

SCAN = """\
schema: 1
id: harbor-r2
title: Harbor survey
scan: {frames: "harbor/%07d.dpx", fps: 24, space: printing-density}
"""


def written(folder: Path, text: str) -> Path:
    file = folder / "reel.yaml"
    file.write_text(SCAN + text, encoding="utf-8")
    return file


def mistakes(folder: Path, text: str) -> list[str]:
    with pytest.raises(manifests.ManifestError) as caught:
        manifests.read(written(folder, text))
    return [f"{m.line}: {m.field}: {m.problem}" for m in caught.value.mistakes]


def test_a_manifest_that_names_no_profile_is_a_restoration(tmp_path: Path) -> None:
    reel = manifests.read(written(tmp_path, "treatments: [{kind: repair, fill: network}]\n"))
    assert type(reel) is Reel
    assert reel.profile is Profile.RESTORATION


def test_fidelity_sets_what_it_forbids_aside(tmp_path: Path) -> None:
    reel = manifests.read(
        written(tmp_path, "profile: fidelity\ntreatments: [{kind: repair}, {kind: enhancement, scale: 2}]\n")
    )
    assert isinstance(reel, FidelityReel)
    repair, enhancement = reel.treatments
    assert isinstance(repair, FaithfulRepair)
    assert repair.fill == "nothing"
    assert isinstance(enhancement, FaithfulEnhancement)
    assert (enhancement.profile, enhancement.grain, enhancement.scale) == ("fidelity", "keep", 2)


def test_what_fidelity_forbids_is_a_mistake_on_its_line(tmp_path: Path) -> None:
    text = """\
profile: fidelity
treatments:
  - kind: stabilization
    borders: fill
  - kind: repair
    fill: network
  - kind: enhancement
    grain: match
  - kind: enhancement
    profile: perceptual
"""
    assert mistakes(tmp_path, text) == [
        "8: treatments[0].borders: expected crop, found fill (in stabilization)",
        "10: treatments[1].fill: expected nothing, found network (in repair)",
        "12: treatments[2].grain: expected keep, found match (in enhancement)",
        "14: treatments[3].profile: expected one of fidelity, draft, linear, found perceptual (in enhancement)",
    ]


def test_forensic_takes_no_treatment_and_no_other_depth(tmp_path: Path) -> None:
    text = "profile: forensic\ntreatments:\n  - kind: deflicker\ndelivery:\n  - kind: ffv1\n    bit_depth: 16\n"
    assert mistakes(tmp_path, text) == [
        "6: treatments: a reel of the profile forensic is delivered as scanned: it takes no treatment",
        "10: delivery[0].bit_depth: expected nothing, found 16 (in ffv1)",
    ]
    reel = manifests.read(written(tmp_path, "profile: forensic\ntreatments: []\ndelivery: [{kind: ffv1}]\n"))
    assert isinstance(reel, ForensicReel)
    assert all(isinstance(delivery, Ffv1Delivery) for delivery in reel.delivery)


def test_an_unknown_profile_is_told(tmp_path: Path) -> None:
    found = mistakes(tmp_path, "profile: faithful\n")
    assert found == ["5: profile: expected one of restoration, fidelity, forensic, found faithful"]


@pytest.mark.parametrize("profile", ["fidelity", "forensic"])
def test_no_reel_of_a_profile_is_without_its_type(profile: str) -> None:
    scan = {"frames": "harbor/%07d.dpx", "fps": 24, "space": "printing-density"}
    values = {"schema": 1, "id": "harbor", "title": "Harbor", "profile": profile, "scan": scan}
    with pytest.raises(ValueError, match="has a type of its own"):
        Reel.model_validate(values)


@pytest.mark.parametrize("profile", ["restoration", "fidelity", "forensic"])
def test_what_is_dumped_is_read_again_as_the_same_reel(profile: str, tmp_path: Path) -> None:
    treatments = "" if profile == "forensic" else "treatments: [{kind: stabilization}, {kind: repair}]\n"
    reel = manifests.read(written(tmp_path, f"profile: {profile}\n{treatments}"))
    again = tmp_path / "again.yaml"
    again.write_text(manifests.dumped(reel), encoding="utf-8")
    assert manifests.read(again) == reel
    assert reel.profile.value == profile
