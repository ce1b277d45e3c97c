"""A YAML file as plain values, each with its place, and without YAML's surprises.

Scalars are those of the YAML 1.2 core schema, narrowed: `true`, `false`, `null`, decimal numbers, and text. So `no`,
`010`, `23:59`, `1_000` and `1974-05-01` stay the text they are, and whoever expected something else is told. Anchors,
aliases, tags, merge keys, duplicate keys, several documents and deep nesting are mistakes: what is written is what is
done, and reading takes no longer than the file is long.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeAlias

import yaml

from manifests.mistakes import ManifestError, Mistake
from manifests.mistakes import field as named

MAX_BYTES = 1 << 20
MAX_DEPTH = 20

Key = tuple[str | int, ...]
Value: TypeAlias = bool | int | float | str | list["Value"] | dict[str, "Value"] | None

DISCARDED = "?"
"""Stands in paths for a key that cannot be one."""

_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_FLOAT = re.compile(r"[-+]?(0|[1-9][0-9]*)?(\.[0-9]*)?([eE][-+]?[0-9]+)?")
_MAX_DIGITS = 18


@dataclass(frozen=True)
class Place:
    """Line and column of a value, counted from 1, and its text as written where it is a scalar."""

    line: int
    column: int
    text: str = ""
    plain: bool = False


@dataclass
class Document:
    """The values of a file, where each stands, and what is wrong with the YAML itself."""

    file: Path
    value: Value = None
    places: dict[Key, Place] = field(default_factory=dict)
    mistakes: list[Mistake] = field(default_factory=list)
    broken: set[Key] = field(default_factory=set)
    """Paths whose value could not be had; a mistake says why."""

    def place(self, path: Key) -> Place:
        """Where the value at a path stands, or the nearest one above it."""
        while path and path not in self.places:
            path = path[:-1]
        return self.places.get(path, Place(1, 1))

    def blame(self, path: Key, at: Place, problem: str, *, found: str = "", lost: Key | None = None) -> None:
        """Note a mistake of the YAML itself, and the path, if any, whose value is lost by it."""
        if lost is not None:
            self.broken.add(lost)
        self.mistakes.append(Mistake(self.file, at.line, at.column, named(path), problem, found))


def load(file: Path) -> Document:
    """The document in a file.

    Raises:
        OSError: the file cannot be read.
        ManifestError: it is not UTF-8, too long, or not YAML at all. Lesser mistakes are held in the document.
    """
    with file.open("rb") as stream:
        content = stream.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise ManifestError([Mistake(file, 1, 1, "", "expected at most 1 MiB of YAML, found more")])
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        column = error.start - (content.rfind(b"\n", 0, error.start) + 1) + 1
        found = f"byte 0x{content[error.start]:02x}"
        problem = f"expected UTF-8 text, found {found}"
        raise ManifestError([Mistake(file, line, column, "", problem, found, "UTF-8 text")]) from error
    return parse(text, file)


def parse(text: str, file: Path) -> Document:
    """The document in a text; `file` is what mistakes name.

    Raises:
        ManifestError: the text is not YAML, or nested too deep.
    """
    document = Document(file)
    try:
        _Composer(document, yaml.parse(text, Loader=yaml.SafeLoader)).compose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark is not None else (1, 1)
        said = "; ".join(part for part in (error.context, error.problem) if part)
        tab = " (indent with spaces, not tabs)" if "'\\t'" in said else ""
        mistake = Mistake(file, line, column, "", f"not YAML: {said}{tab}")
        raise ManifestError([*document.mistakes, mistake]) from error
    except yaml.reader.ReaderError as error:
        before = text[: error.position]
        line, column = before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1
        found = f"character U+{ord(text[error.position]):04X}"
        mistake = Mistake(file, line, column, "", f"expected printable text, found {found}", found, "printable text")
        raise ManifestError([*document.mistakes, mistake]) from error
    return document


def scalar(text: str) -> bool | int | float | str | None:
    """What an unquoted scalar means.

    >>> [scalar(t) for t in ("no", "true", "010", "10", "23:59", "1e3", "1_000", "~")]
    ['no', True, '010', 10, '23:59', 1000.0, '1_000', None]
    """
    if text in ("", "~", "null"):
        return None
    if text in ("true", "false"):
        return text == "true"
    if _INTEGER.fullmatch(text):
        return int(text) if len(text) <= _MAX_DIGITS else text
    if _FLOAT.fullmatch(text) and any(c.isdigit() for c in text.lower().partition("e")[0]):
        return float(text) if float(text) not in (float("inf"), float("-inf")) else text
    return text


class _Composer:
    """Builds the values from the parser's events, so that a bomb is refused before it is built."""

    def __init__(self, document: Document, events: Iterator[yaml.Event]) -> None:
        self.document = document
        self.events = events

    def compose(self) -> None:
        documents = 0
        for event in self.events:
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if event.version or event.tags:
                    self.document.blame((), _start(event), "directives (%YAML, %TAG) are not allowed")
                if documents > 1:
                    self.document.blame((), _start(event), "expected one document, found a second after '---'")
                    return
                self.document.value = self.node(next(self.events), ())

    def node(self, event: yaml.Event, path: Key) -> Value:
        at = _start(event)
        if len(path) >= MAX_DEPTH and not isinstance(event, yaml.ScalarEvent):
            problem = f"nested deeper than {MAX_DEPTH} levels"
            place = Mistake(self.document.file, at.line, at.column, named(path), problem)
            raise ManifestError([*self.document.mistakes, place])
        if isinstance(event, yaml.AliasEvent):
            problem = f"alias *{event.anchor} is not allowed: write the value out"
            self.document.blame(path, at, problem, found=f"*{event.anchor}", lost=path)
            return None
        assert isinstance(event, yaml.ScalarEvent | yaml.CollectionStartEvent)
        if event.anchor is not None:
            self.document.blame(path, at, f"anchor &{event.anchor} is not allowed", found=f"&{event.anchor}")
        if event.tag is not None:
            self.document.blame(path, at, f"tag {event.tag} is not allowed", found=event.tag, lost=path)
        if isinstance(event, yaml.ScalarEvent):
            plain = event.style is None
            self.document.places[path] = replace(at, text=event.value, plain=plain)
            return scalar(event.value) if plain else event.value
        self.document.places[path] = at
        return self.sequence(path) if isinstance(event, yaml.SequenceStartEvent) else self.mapping(path)

    def sequence(self, path: Key) -> list[Value]:
        items: list[Value] = []
        while not isinstance(event := next(self.events), yaml.SequenceEndEvent):
            items.append(self.node(event, (*path, len(items))))
        return items

    def mapping(self, path: Key) -> dict[str, Value]:
        items: dict[str, Value] = {}
        while not isinstance(event := next(self.events), yaml.MappingEndEvent):
            key = self.key(event, path)
            if key is not None and key in items:
                inner = (*path, key)
                problem = f"given twice, first on line {self.document.places[inner].line}"
                self.document.blame(inner, _start(event), problem, found=key, lost=inner)
                key = None
            if key is None:
                self.node(next(self.events), (*path, DISCARDED))
                continue
            inner = (*path, key)
            items[key] = self.node(next(self.events), inner)
            self._at_key(inner, _start(event))
        return items

    def key(self, event: yaml.Event, path: Key) -> str | None:
        """The text of a key, or None where it cannot be one; the key's own events are used up."""
        at = _start(event)
        if not isinstance(event, yaml.ScalarEvent):
            self.node(event, (*path, DISCARDED))
            problem = "expected a field name, found a list, a mapping or an alias"
            self.document.blame(path, at, problem, lost=path)
            return None
        if event.anchor is not None or event.tag is not None:
            found = f"&{event.anchor}" if event.anchor is not None else str(event.tag)
            self.document.blame((*path, event.value), at, f"anchor or tag {found} is not allowed", found=found)
        if event.value == "<<" and event.style is None:
            problem = "merge key << is not allowed: write the fields out"
            self.document.blame(path, at, problem, found="<<", lost=path)
            return None
        if not event.value:
            self.document.blame(path, at, "expected a field name, found nothing before ':'", lost=path)
            return None
        return event.value

    def _at_key(self, path: Key, key: Place) -> None:
        """A field stands where its name does; the column is its value's when that follows on the same line."""
        value = self.document.places.get(path, key)
        if value.line != key.line:
            self.document.places[path] = replace(value, line=key.line, column=key.column)
        else:
            self.document.places[path] = value


def _start(event: yaml.Event) -> Place:
    mark = event.start_mark
    assert mark is not None
    return Place(mark.line + 1, mark.column + 1)
