"""A manifest is read whole or not at all, and every mistake in it is told at once."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest

import manifests
from manifests import ManifestError
from manifests.reel import Base, Reel
from restorers.colorspace import Space
from restorers.decay import DecayCorrection

GOOD = """\
schema: 1
id: harbor-r2
title: Harbor survey, reel 2 of 4
base: acetate
gauge: 16mm
year: 1974
scan:
  frames: scans/harbor/r2/%07d.dpx
  first: 86400
  last: 101231
  fps: 24000/1001
  space: printing-density
treatments:
  - kind: decay
    strength: 0.5
  - kind: repair
delivery:
  - kind: ffv1
  - kind: hdr10
    mastering:
      peak_nits: 600
"""

Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def written(text: str) -> Path:
        file = tmp_path / "reel.yaml"
        file.write_text(text, encoding="utf-8")
        return file

    return written


def mistakes(file: Path) -> list[str]:
    """The mistakes in a manifest, without the folder it lies in."""
    with pytest.raises(ManifestError) as caught:
        manifests.read(file)
    return [str(m).replace(f"{file.parent}/", "") for m in caught.value.mistakes]


def changed(line: str, to: str) -> str:
    """The good manifest with one of its lines written otherwise."""
    assert GOOD.count(line) == 1
    return GOOD.replace(line, to)


def test_a_manifest_is_read_as_written(write: Write) -> None:
    reel = manifests.read(write(GOOD))
    assert reel.id == "harbor-r2"
    assert reel.base is Base.ACETATE
    assert reel.scan.fps == Fraction(24000, 1001)
    assert reel.scan.space is Space.PRINTING_DENSITY
    assert [t.kind for t in reel.treatments] == ["decay", "repair"]
    assert [d.kind for d in reel.delivery] == ["ffv1", "hdr10"]


def test_reading_what_was_dumped_gives_the_same_reel(write: Write) -> None:
    kinds = ("decay", "stabilization", "deflicker", "repair", "enhancement")
    treatments = "treatments:\n" + "".join(f"  - kind: {kind}\n" for kind in kinds)
    for text in (
        GOOD,
        changed("treatments:\n  - kind: decay\n    strength: 0.5\n  - kind: repair\n", treatments),
        changed("title: Harbor survey, reel 2 of 4", 'title: "010"\nfilm: "no"\nstock: "1e3"\nnotes: "23:59"'),
        changed("title: Harbor survey, reel 2 of 4", "title: «Гавань»\nnotes: |\n  two lines  \n  : & * # {\n"),
        changed("title: Harbor survey, reel 2 of 4", 'title: "null"\nnotes: "a\\ttab, a \\e and a\\r return"'),
        GOOD + "shots: [{first: 86400, last: 86404}, {first: 86405, last: 101231}]\nbudget: {hours: 0.1}\n",
    ):
        reel = manifests.read(write(text))
        assert manifests.read(write(manifests.dumped(reel))) == reel


@pytest.mark.parametrize(
    ("said", "told", "stock"),
    [
        ("", "", "generic"),
        ("stock: kodak-5384\n", "", "kodak-5384"),
        ("stock: kodak-5384\n", "    stock: fuji-velvia-50\n", "fuji-velvia-50"),
        ("stock: some old print\n", "", "generic"),
        ("element: camera-negative\n", "", "generic-negative"),
        ("element: camera-negative\nstock: kodak-5207\n", "", "kodak-5207"),
    ],
)
def test_decay_works_with_the_stock_that_the_reel_names(write: Write, said: str, told: str, stock: str) -> None:
    reel = manifests.read(write(said + changed("    strength: 0.5\n", f"    strength: 0.5\n{told}")))
    decay = reel.treatments[0]
    assert isinstance(decay, DecayCorrection)
    assert (decay.stock, decay.strength) == (stock, 0.5)


def test_all_mistakes_are_told_at_once_with_line_found_and_expected(write: Write) -> None:
    text = """\
schema: 2
id: 1974
title: The harbor
gauge: 35 mm
baze: nitrate
scan:
  frames: scans/%07d.dpx
  first: 5
  last: 1_000
  fps: 23.976
  space: printing-density
  allow: gaps
treatments:
  - kind: stabilisation
  - kind: decay
    strength: 3
    strenght: 0.5
  - strength: 1
delivery:
  - kind: ffv1
    origin: no
  - kind: hdr10
    crf: "12"
    mastering:
      peak_nits: 10:00
budget:
  money: .inf
"""
    kinds = "decay, deflicker, enhancement, repair, stabilization"
    assert mistakes(write(text)) == [
        "reel.yaml:1: schema: expected 1, found 2",
        "reel.yaml:2: id: expected text, found 1974 (put it in quotes)",
        "reel.yaml:4: gauge: expected one of 8mm, super-8, 9.5mm, 16mm, super-16, 28mm, 35mm, 65mm, 70mm, found 35 mm",
        "reel.yaml:5: baze: unknown field; did you mean 'base'?",
        "reel.yaml:9: scan.last: expected a whole number of at least 0, found 1_000 (a number is written without '_')",
        "reel.yaml:10: scan.fps: write the frame rate as a fraction such as 24000/1001, not 23.976: it must be exact",
        "reel.yaml:12: scan.allow: expected a list, found gaps",
        f"reel.yaml:14: treatments[0].kind: expected one of {kinds}, found stabilisation "
        "(did you mean 'stabilization'?)",
        "reel.yaml:16: treatments[1].strength: expected a number between 0 and 1, found 3 (in decay)",
        "reel.yaml:17: treatments[1].strenght: unknown field; did you mean 'strength'? (in decay)",
        f"reel.yaml:18: treatments[2].kind: missing, expected one of {kinds}",
        "reel.yaml:21: delivery[0].origin: expected true or false, found no "
        "(a truth value is written true or false) (in ffv1)",
        "reel.yaml:23: delivery[1].crf: expected a whole number between 0 and 40, found '12' "
        "(write it without quotes) (in hdr10)",
        "reel.yaml:25: delivery[1].mastering.peak_nits: expected a whole number between 400 and 4000, found 10:00 "
        "(a number is written in decimals, not as a time) (in hdr10)",
        "reel.yaml:27: budget.money: expected a number above 0, found .inf (a number must be finite)",
    ]


def test_the_summary_counts_the_mistakes_and_a_mistake_keeps_its_parts(write: Write) -> None:
    file = write(changed("    strength: 0.5", "    strength: 3"))
    with pytest.raises(ManifestError, match=r"^1 mistake in the manifest:\n") as caught:
        manifests.read(file)
    (mistake,) = caught.value.mistakes
    assert (mistake.file, mistake.line, mistake.column) == (file, 15, 15)
    assert (mistake.field, mistake.found) == ("treatments[0].strength", "3")
    assert mistake.expected == "a number between 0 and 1"


def test_yaml_and_content_mistakes_are_told_together(write: Write) -> None:
    text = changed("year: 1974", "year: &y 1874\nyear: 1974")
    assert mistakes(write(text)) == [
        "reel.yaml:6: year: anchor &y is not allowed",
        "reel.yaml:7: year: given twice, first on line 6",
    ]
    assert mistakes(write(text.replace("    strength: 0.5", "    strength: *y")))[-1] == (
        "reel.yaml:16: treatments[0].strength: alias *y is not allowed: write the value out"
    )


@pytest.mark.parametrize(
    ("line", "to", "mistake"),
    [
        ("year: 1974", "year: 01974", "6: year: expected a whole number between 1880 and 2100, found 01974 "
         "(a number has no leading zeros)"),
        ("year: 1974", "year: 0x7B6", "6: year: expected a whole number between 1880 and 2100, found 0x7B6 "
         "(a number is written in decimals)"),
        ("year: 1974", "year: 1974.5", "6: year: expected a whole number between 1880 and 2100, found 1974.5"),
        ("year: 1974", "year: 1874", "6: year: expected a whole number between 1880 and 2100, found 1874"),
        ("    strength: 0.5", "    strength: 0,5", "15: treatments[0].strength: expected a number between 0 and 1, "
         "found 0,5 (decimals follow a point, not a comma) (in decay)"),
        ("    strength: 0.5", "    strength: [1]", "15: treatments[0].strength: expected a number between 0 and 1, "
         "found a list of 1 item (in decay)"),
        ("    strength: 0.5", "    strength: true", "15: treatments[0].strength: expected a number between 0 and 1, "
         "found true (in decay)"),
        ("  fps: 24000/1001", "  fps: 24000/0", "11: scan.fps: a frame rate is a number or a fraction such as "
         "24000/1001, not '24000/0'"),
        ("  fps: 24000/1001", "  fps: 500", "11: scan.fps: a frame rate lies between 1 and 120 frames a second, "
         "not 500"),
        ("  fps: 24000/1001\n", "", "7: scan: 'fps' is required for an image sequence: its files do not say how fast "
         "the film runs"),
        ("  last: 101231", "  last: 5", "7: scan: 'last' 5 lies before 'first' 86400"),
        ("  space: printing-density\n", "", "7: scan.space: missing, expected one of density, printing-density, "
         "print-density, rec709, srgb, scene-linear, rec2100-pq"),
        ("id: harbor-r2", "id: ../r2", "2: id: expected text that matches ^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$, "
         "found ../r2"),
        ("  - kind: ffv1", "  - kind: hdr10", "17: delivery: each kind of delivery once, not hdr10, hdr10"),
        ("schema: 1", "schema: 1\nshots: [{first: 1, last: 4}, {first: 6, last: 9}]",
         "2: shots: shot 6-9 does not follow on shot 1-4"),
        ("schema: 1", "schema: 1\nshots: [{first: 5, last: 4}]", "2: shots[0]: 'last' 4 lies before 'first' 5"),
        ("schema: 1", "schema: 1\nshots: [{first: 5, last: 101231}]",
         "1: the shots' first frame is 5, the scan's 86400: shots cover the scan"),
    ],
)  # fmt: skip
def test_a_wrong_value_is_told_in_words(write: Write, line: str, to: str, mistake: str) -> None:
    assert mistakes(write(changed(line, to))) == [f"reel.yaml:{mistake}"]


@pytest.mark.parametrize("text", ["", "# nothing\n", "- a\n", "just text\n"])
def test_what_is_no_mapping_is_no_manifest(write: Write, text: str) -> None:
    (mistake,) = mistakes(write(text))
    assert mistake.startswith("reel.yaml:1: expected a mapping of fields, found ")


@pytest.mark.parametrize(
    "path",
    [
        *("/etc/%07d.dpx", "~/r2/%07d.dpx", "../r2/%07d.dpx", "r2/../../x/%07d.dpx", ".."),
        *("r2//%07d.dpx", "r2/./%07d.dpx"),
        *("http://host/%07d.dpx", "file:///etc/%07d.dpx", "S3://bucket/%07d.dpx", "C:/r2/%07d.dpx", "pipe:0%07d"),
        *("s3://%07d.dpx", "s3:///r2/%07d.dpx", "s3://bucket/../%07d.dpx", "s3://user:pw@host/%07d.dpx"),
        *("r2\\\\%07d.dpx", "..\\\\%07d.dpx", "r2/\\n%07d.dpx", "r2/\\u202e%07d.dpx", "r2/\\0%07d.dpx"),
        *("r2/frame.dpx", "r2/%d.dpx", "r2/%s.dpx", "r2/%7d.dpx", "r2/%07d%07d.dpx", "%07d/%07d.dpx", "%07d/a.dpx"),
        *("r2/%%07d.dpx", "r2/%07x.dpx", "r2/%012d.dpx", ""),
    ],
)  # fmt: skip
def test_a_path_cannot_leave_the_vault_nor_its_pattern_do_anything_but_count(write: Write, path: str) -> None:
    (mistake,) = mistakes(write(changed("scans/harbor/r2/%07d.dpx", f'"{path}"')))
    assert mistake.startswith("reel.yaml:8: scan.frames: ")


@pytest.mark.parametrize("path", ["%05d.png", "s3://scans.archive/harbor/r2/%07d.dpx", "a b/ü/r..2/x_%01d.tif"])
def test_a_path_under_a_root_is_taken_as_it_is(write: Write, path: str) -> None:
    assert manifests.read(write(changed("scans/harbor/r2/%07d.dpx", f'"{path}"'))).scan.frames == path


def test_a_missing_file_is_no_mistake_of_the_manifest(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        manifests.read(tmp_path / "none.yaml")


def test_many_mistakes_are_all_kept_and_fifty_shown(write: Write) -> None:
    with pytest.raises(ManifestError) as caught:
        manifests.read(write(GOOD + "".join(f"x{i}: 1\n" for i in range(200))))
    assert len(caught.value.mistakes) == 200
    assert str(caught.value).endswith("and 150 more")


def test_a_reel_cannot_be_changed_once_read(write: Write) -> None:
    reel = manifests.read(write(GOOD))
    with pytest.raises(ValueError, match="frozen"):
        reel.title = "other"  # type: ignore[misc]
    assert isinstance(reel, Reel)
