"""A film is its reels: reading it reads them all."""

from pathlib import Path

import pytest

import manifests
from manifests import ManifestError

REEL = """\
schema: 1
id: {id}
title: A reel
scan: {{frames: "{id}/%05d.png", fps: 18, space: rec709}}
"""


def film(folder: Path, reels: str) -> Path:
    file = folder / "film.yaml"
    file.write_text(f"schema: 1\nid: harbor\ntitle: Harbor\nreels: {reels}\n", encoding="utf-8")
    return file


def reel(folder: Path, name: str, identity: str) -> None:
    (folder / name).write_text(REEL.format(id=identity), encoding="utf-8")


def mistakes(file: Path) -> list[str]:
    with pytest.raises(ManifestError) as caught:
        manifests.read_film(file)
    return [str(m).replace(f"{file.parent}/", "") for m in caught.value.mistakes]


def test_a_film_lists_its_reels_in_the_order_of_projection(tmp_path: Path) -> None:
    reel(tmp_path, "b.yaml", "r1")
    reel(tmp_path, "a.yaml", "r2")
    file = film(tmp_path, "[b.yaml, a.yaml]")
    read = manifests.read_film(file)
    assert [manifests.read(m).id for m in read.manifests(file)] == ["r1", "r2"]


def test_mistakes_of_all_reels_are_told_at_once(tmp_path: Path) -> None:
    reel(tmp_path, "a.yaml", "r1")
    reel(tmp_path, "b.yaml", "r1")
    (tmp_path / "c.yaml").write_text(REEL.format(id="r3") + "stok: x\n", encoding="utf-8")
    told = mistakes(film(tmp_path, "[a.yaml, b.yaml, c.yaml, d.yaml]"))
    assert told == [
        "c.yaml:5: stok: unknown field; did you mean 'stock'?",
        "film.yaml:4: reels[1]: b.yaml has the id 'r1', and so has a.yaml",
        "film.yaml:4: reels[3]: d.yaml is not there",
    ]


@pytest.mark.parametrize("name", ["../a.yaml", "/a.yaml", "s3://bucket/a.yaml", "a.json", "a"])
def test_a_reel_lies_beside_its_film_or_below(tmp_path: Path, name: str) -> None:
    (told,) = mistakes(film(tmp_path, f"[{name}]"))
    assert told.startswith("film.yaml:4: reels[0]: ")


def test_a_link_that_leaves_the_folder_is_refused(tmp_path: Path) -> None:
    inner = tmp_path / "film"
    inner.mkdir()
    reel(tmp_path, "outside.yaml", "r1")
    (inner / "a.yaml").symlink_to(tmp_path / "outside.yaml")
    assert mistakes(film(inner, "[a.yaml]")) == [
        "film.yaml:4: reels[0]: a.yaml is a link that leaves the folder of the film"
    ]


def test_a_reel_is_listed_once(tmp_path: Path) -> None:
    reel(tmp_path, "a.yaml", "r1")
    assert mistakes(film(tmp_path, "[a.yaml, a.yaml]")) == ["film.yaml:1: each reel once, not a.yaml twice"]


def test_reading_what_was_dumped_gives_the_same_film(tmp_path: Path) -> None:
    reel(tmp_path, "a.yaml", "r1")
    file = film(tmp_path, "[a.yaml]")
    read = manifests.read_film(file)
    file.write_text(manifests.dumped(read), encoding="utf-8")
    assert manifests.read_film(file) == read
