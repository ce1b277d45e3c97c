"""The schema files that editors read are those of the code, and the manifests in the tree follow them."""

import json
from pathlib import Path

import pytest

import manifests
from manifests.reel import Reel
from manifests.schema import FILES, schema, text

FOLDER = Path(manifests.__file__).parent
FILMS = sorted(FOLDER.glob("*/film.yaml"))


@pytest.mark.parametrize("name", sorted(FILES))
def test_the_schema_file_is_current(name: str) -> None:
    written = (FOLDER / name).read_text(encoding="utf-8")
    assert written == text(FILES[name]), f"manifests/{name} is out of date: run `python -m manifests`"


def test_every_setting_of_a_treatment_or_delivery_is_described_to_the_editor() -> None:
    body = schema(Reel)
    definitions = body["$defs"]
    assert isinstance(definitions, dict)
    mute = [
        f"{name}.{setting}"
        for name, definition in definitions.items()
        for setting, node in definition.get("properties", {}).items()
        if setting not in ("kind", "mastering") and "description" not in node and "$ref" not in node
    ]
    assert mute == []


def test_kind_is_asked_for_wherever_it_tells_treatments_apart() -> None:
    definitions = schema(Reel)["$defs"]
    assert isinstance(definitions, dict)
    for name in ("DecayCorrection", "Repair", "Ffv1Delivery", "Hdr10Delivery"):
        assert "kind" in definitions[name]["required"]


@pytest.mark.parametrize("film", FILMS, ids=lambda f: f.parent.name)
def test_the_manifests_of_real_films_are_read(film: Path) -> None:
    for file in manifests.read_film(film).manifests(film):
        reel = manifests.read(file)
        assert reel.id.startswith(film.parent.name)
        assert file.read_text(encoding="utf-8").startswith("# yaml-language-server: $schema=../reel.schema.json\n")


def test_there_are_four_real_films() -> None:
    assert [f.parent.name for f in FILMS] == [
        "great-train-robbery-1903",
        "market-street-1906",
        "san-francisco-earthquake-1906",
        "within-our-gates-1920",
    ]


@pytest.mark.footage
@pytest.mark.parametrize("film", FILMS, ids=lambda f: f.parent.name)
def test_the_frames_of_real_films_are_where_their_manifests_say(film: Path) -> None:
    vault = FOLDER.parent.parent / "shared" / "data"
    for file in manifests.read_film(film).manifests(film):
        scan = manifests.read(file).scan
        assert scan.frames is not None
        assert scan.first is not None
        assert scan.last is not None
        there = sorted((vault / scan.frames).parent.glob("*.png"))
        assert there == [vault / (scan.frames % n) for n in range(scan.first, scan.last + 1)]


def test_the_schema_is_a_json_schema_of_the_2020_draft() -> None:
    assert json.loads(text(Reel))["$schema"] == "https://json-schema.org/draft/2020-12/schema"
