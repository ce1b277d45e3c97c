"""YAML is read as it is written: no surprise of YAML gets past, and each is named with its line."""

from pathlib import Path

import pytest

from manifests.document import MAX_BYTES, load, parse, scalar
from manifests.mistakes import ManifestError

FILE = Path("reel.yaml")


def told(text: str) -> list[str]:
    """What is wrong with a text, whether or not it could be read to its end."""
    try:
        return [str(mistake) for mistake in parse(text, FILE).mistakes]
    except ManifestError as error:
        return [str(mistake) for mistake in error.mistakes]


@pytest.mark.parametrize(
    "text",
    [
        *("no", "yes", "on", "off", "y", "N", "True", "FALSE"),  # YAML 1.1: truth values
        *("010", "0o10", "0x1F", "0b1", "1_000"),  # 1.1: 8, ..., 31, 1, 1000
        *("23:59", "01:00:00:00", "1:30.5"),  # 1.1: base sixty
        *("1974-05-01", "2001-12-14t21:59:43.10-05:00"),  # 1.1: dates
        *(".inf", "-.INF", ".nan", "1e999", "9" * 400),  # no number that JSON or a ledger could hold
        *("Null", "=", ".", "-", "+", "e5", ".e5", "1,5", "24000/1001"),
    ],
)
def test_what_is_not_plainly_a_number_or_a_truth_value_stays_text(text: str) -> None:
    assert scalar(text) == text


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *(("true", True), ("false", False), ("null", None), ("~", None), ("", None), ("0", 0), ("-7", -7), ("+7", 7)),
        *(("1e3", 1000.0), ("1E-2", 0.01), (".5", 0.5), ("5.", 5.0), ("-0.25", -0.25)),
    ],
)
def test_plain_numbers_and_truth_values_are_read_as_such(text: str, value: object) -> None:
    assert scalar(text) == value
    assert type(scalar(text)) is type(value)


def test_quoted_and_block_text_is_never_a_number() -> None:
    assert parse("a: '10'\nb: \"true\"\nc: |\n  10\nd: >-\n  10\n", FILE).value == {
        "a": "10",
        "b": "true",
        "c": "10\n",
        "d": "10",
    }


def test_field_names_are_text_even_when_they_look_like_something_else() -> None:
    assert parse("no: 1\n10: 2\n", FILE).value == {"no": 1, "10": 2}


def test_every_value_has_its_line_and_column() -> None:
    places = parse("a: 1\nb:\n  - x\n  - c: 2\n    d: 3\n", FILE).places
    where = {path: (place.line, place.column) for path, place in places.items()}
    assert where[("a",)] == (1, 4)
    assert where[("b",)] == (2, 1)
    assert where[("b", 0)] == (3, 5)
    assert where[("b", 1, "d")] == (5, 8)


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("a: 1\nb: 2\na: 3\n", "reel.yaml:3: a: given twice, first on line 1"),
        ("a: &x 1\n", "reel.yaml:1: a: anchor &x is not allowed"),
        ("a: 1\nb: *x\n", "reel.yaml:2: b: alias *x is not allowed: write the value out"),
        ("a:\n  <<: {b: 1}\n", "reel.yaml:2: a: merge key << is not allowed: write the fields out"),
        ("a: !!str 1\n", "reel.yaml:1: a: tag tag:yaml.org,2002:str is not allowed"),
        (
            "a: !!python/object/apply:os.system [id]\n",
            "reel.yaml:1: a: tag tag:yaml.org,2002:python/object/apply:os.system is not allowed",
        ),
        ("a:\n  ? [1, 2]\n  : 3\n", "reel.yaml:2: a: expected a field name, found a list, a mapping or an alias"),
        ('a: {"": 3}\n', "reel.yaml:1: a: expected a field name, found nothing before ':'"),
        ("&k a: 1\n", "reel.yaml:1: a: anchor or tag &k is not allowed"),
        ("a: 1\n---\nb: 2\n", "reel.yaml:2: expected one document, found a second after '---'"),
        ("%YAML 1.1\n---\na: no\n", "reel.yaml:1: directives (%YAML, %TAG) are not allowed"),
        ("a: 'x\n", "reel.yaml:2: not YAML: while scanning a quoted scalar; found unexpected end of stream"),
        ("a: b: c\n", "reel.yaml:1: not YAML: mapping values are not allowed here"),
        ("a: 1\nb: \x07\n", "reel.yaml:2: expected printable text, found character U+0007"),
    ],
)
def test_each_trap_is_a_mistake_with_its_line(text: str, mistake: str) -> None:
    assert told(text) == [mistake]


def test_tabs_are_named() -> None:
    assert told("scan:\n\tfps: 18\n")[0].endswith("(indent with spaces, not tabs)")


@pytest.mark.parametrize("text", ["[" * 100_000, "- " * 30_000, "{a: " * 30_000, "? " * 30_000])
def test_a_depth_bomb_is_refused_at_the_twentieth_level(text: str) -> None:
    mistakes = told(text)
    assert any("nested deeper than 20 levels" in m for m in mistakes)


def test_a_billion_laughs_stay_unwritten() -> None:
    lines = ["a0: &a0 [lol, lol]"] + [f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]" for i in range(1, 30)]
    document = parse("\n".join(lines), FILE)
    assert document.value is not None
    assert len(document.places) == 1 + 30 * 1 + 2
    assert len(document.mistakes) == 30 + 2 * 29


def test_a_file_longer_than_a_mebibyte_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "reel.yaml"
    file.write_bytes(b"#" * MAX_BYTES)
    assert load(file).value is None
    file.write_bytes(b"#" * (MAX_BYTES + 1))
    with pytest.raises(ManifestError, match="expected at most 1 MiB of YAML, found more"):
        load(file)


def test_bytes_that_are_not_utf8_are_named_with_their_line(tmp_path: Path) -> None:
    file = tmp_path / "reel.yaml"
    file.write_bytes(b"schema: 1\ntitle: Caf\xe9\n")
    with pytest.raises(ManifestError, match=r"reel\.yaml:2: expected UTF-8 text, found byte 0xe9"):
        load(file)
    file.write_bytes("title: x\n".encode("utf-16"))
    with pytest.raises(ManifestError, match="found byte 0xff"):
        load(file)


def test_a_byte_order_mark_is_no_part_of_the_first_field(tmp_path: Path) -> None:
    file = tmp_path / "reel.yaml"
    file.write_bytes(b"\xef\xbb\xbfschema: 1\n")
    assert load(file).value == {"schema": 1}
