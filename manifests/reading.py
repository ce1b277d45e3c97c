"""Read manifests, and find every mistake in them at once.

The values are checked in the strict mode of pydantic: text is never taken for a number or a truth value. What was
expected is told in the words of the JSON schema, so that this and an editor agree.
"""

import json
import re
from functools import cache
from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from manifests.document import Document, Key, Value, load, scalar
from manifests.expectation import Expectation, Schema
from manifests.film import Film
from manifests.mistakes import ManifestError, Mistake, field
from manifests.profiles import REELS
from manifests.reel import Reel
from manifests.schema import schema

M = TypeVar("M", bound=BaseModel)

_TRAPS = (
    (re.compile(r"(?i)y|n|yes|no|on|off|true|false"), "boolean", "a truth value is written true or false"),
    (re.compile(r"[-+]?0\d+"), "number", "a number has no leading zeros"),
    (re.compile(r"[-+]?\d+(:\d+)+(\.\d*)?"), "number", "a number is written in decimals, not as a time"),
    (re.compile(r"[-+]?0[xob][0-9a-fA-F]+"), "number", "a number is written in decimals"),
    (re.compile(r"[-+]?[\d_]*\d_[\d_]*"), "number", "a number is written without '_'"),
    (re.compile(r"(?i)[-+]?\.(inf|nan)"), "number", "a number must be finite"),
    (re.compile(r"[-+]?\d+,\d+"), "number", "decimals follow a point, not a comma"),
)


def read(path: Path) -> Reel:
    """The reel that a manifest describes.

    Raises:
        OSError: the file cannot be read.
        ManifestError: it cannot be followed as written; holds every mistake.
    """
    document = load(path)
    value = document.value.get("profile") if isinstance(document.value, dict) else None
    return _modeled(document, REELS.get(value, Reel) if isinstance(value, str) else Reel)


def read_film(path: Path) -> Film:
    """The film that a film file describes, once the manifests of all its reels have been read as well.

    Raises:
        OSError: a file cannot be read.
        ManifestError: the film file or the manifest of a reel cannot be followed; holds every mistake of all of them.
    """
    document = load(path)
    film = _modeled(document, Film)
    mistakes: list[Mistake] = []
    ids: dict[str, str] = {}
    for index, (name, manifest) in enumerate(zip(film.reels, film.manifests(path), strict=True)):
        place = document.place(("reels", index))
        at = (path, place.line, place.column, field(("reels", index)))
        if not manifest.resolve().is_relative_to(path.parent.resolve()):
            mistakes.append(Mistake(*at, f"{name} is a link that leaves the folder of the film", name))
        elif not manifest.is_file():
            mistakes.append(Mistake(*at, f"{name} is not there", name, "a manifest"))
        else:
            try:
                reel = read(manifest)
            except ManifestError as error:
                mistakes.extend(error.mistakes)
            else:
                if reel.id in ids:
                    problem = f"{name} has the id {reel.id!r}, and so has {ids[reel.id]}"
                    mistakes.append(Mistake(*at, problem, reel.id, "an id of its own"))
                ids.setdefault(reel.id, name)
    if mistakes:
        raise ManifestError(mistakes)
    return film


def dumped(manifest: Reel | Film) -> str:
    """A manifest as YAML, every setting written out; `read` gives it back."""
    values = manifest.model_dump(mode="json", by_alias=True)
    return yaml.dump(values, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)


def _modeled(document: Document, model: type[M]) -> M:
    mistakes = list(document.mistakes)
    try:
        found = model.model_validate_json(json.dumps(document.value, allow_nan=False), strict=True)
    except ValidationError as error:
        mistakes += _distinct(
            document, [_mistake(document, _schema(model), e) for e in error.errors(include_url=False)]
        )
        raise ManifestError(mistakes) from None
    if mistakes:
        raise ManifestError(mistakes)
    return found


def _distinct(document: Document, found: list[tuple[Key, Mistake]]) -> list[Mistake]:
    """Mistakes without those that only follow from others: one a place, none where the value itself was lost."""
    kept: dict[Key, Mistake] = {}
    for path, mistake in found:
        lost = any(path[: len(broken)] == broken for broken in document.broken)
        # A list is also called too short when its items are wrong.
        follows = any(len(inner) > len(path) and inner[: len(path)] == path for inner, _ in found)
        if not lost and not follows:
            kept.setdefault(path, mistake)
    return list(kept.values())


@cache
def _schema(model: type[BaseModel]) -> Schema:
    return Schema(schema(model))


def _mistake(document: Document, schema_: Schema, details: ErrorDetails) -> tuple[Key, Mistake]:
    """A pydantic error in the manifest's own words and place."""
    location, kind = details["loc"], details["type"]
    context = details.get("ctx", {})
    expectation, path = schema_.at(location)
    expected, found = str(expectation), _found(document, path)
    place = document.place(path)
    match kind:
        case "missing" | "union_tag_not_found":
            name = (*path, "kind") if kind == "union_tag_not_found" else path
            expected = _kinds(expectation) if kind == "union_tag_not_found" else expected
            path, found, problem = name, "", f"missing, expected {expected}"
        case "extra_forbidden":
            parent, above = schema_.at(location[:-1])
            path, expected, found = (*above, location[-1]), "", str(location[-1])
            place = document.place(path)
            problem = f"unknown field; {parent.nearest(str(path[-1]))}"
        case "union_tag_invalid":
            path = (*path, "kind")
            place, found, expected = document.place(path), _found(document, path), _kinds(expectation)
            near = expectation.nearest_kind(str(context["tag"]))
            problem = f"expected {expected}, found {found}{near}"
        case "value_error" | "assertion_error":
            problem = str(context["error"])
        case "string_pattern_mismatch":
            expected = f"text that matches {context['pattern']}"
            problem = f"expected {expected}, found {found}"
        case "string_too_short" | "string_too_long" | "too_short" | "too_long":
            problem = f"{details['msg'][0].lower()}{details['msg'][1:]}, found {found}"
        case _:
            problem = f"expected {expected}, found {found}{_hint(document, path, expectation)}"
    owner = f" (in {expectation.owner})" if expectation.owner else ""
    return path, Mistake(document.file, place.line, place.column, field(path), problem + owner, found, expected)


def _kinds(expectation: Expectation) -> str:
    return "one of " + ", ".join(expectation.kinds)


def _found(document: Document, path: Key) -> str:
    """What stands at a path, as a person would say it."""
    value: Value = document.value
    for step in path:
        if isinstance(value, dict) and isinstance(step, str):
            value = value.get(step)
        elif isinstance(value, list) and isinstance(step, int):
            value = value[step]
    if isinstance(value, dict):
        return "a mapping of fields"
    if isinstance(value, list):
        return f"a list of {len(value)} item{'s' if len(value) != 1 else ''}" if value else "an empty list"
    place = document.place(path)
    text = (place.text if place.plain else repr(value)) if value is not None else place.text or "nothing"
    return text if len(text) <= 60 else f"{text[:57]}..."


def _hint(document: Document, path: Key, expectation: Expectation) -> str:
    """What to write instead, where YAML habits mislead."""
    place = document.place(path)
    types = expectation.types
    if place.plain and "string" in types and not isinstance(scalar(place.text), str):
        return " (put it in quotes)"
    if not place.plain and place.text and "string" not in types and not isinstance(scalar(place.text), str):
        return " (write it without quotes)"
    if len(place.text) > 64 or place.text in ("true", "false"):
        return ""
    for pattern, wanted, hint in _TRAPS:
        asked = wanted in types or (wanted == "number" and "integer" in types)
        if place.plain and asked and pattern.fullmatch(place.text):
            return f" ({hint})"
    return ""


class _Dumper(yaml.SafeDumper):
    """Quotes every text that would be read as something else, here or by a YAML 1.1 reader."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002  # the name is the library's
        return True


def _text(dumper: _Dumper, value: str) -> yaml.ScalarNode:
    style = "|" if "\n" in value else None if isinstance(scalar(value), str) else '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Dumper.add_representer(str, _text)
