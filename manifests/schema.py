"""The JSON schemas of manifests, for editors: `python -m manifests` writes them beside this module."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from pydantic import BaseModel

from manifests.film import Film
from manifests.reel import Reel

FILES: Mapping[str, type[BaseModel]] = {"reel.schema.json": Reel, "film.schema.json": Film}


def schema(model: type[BaseModel]) -> dict[str, object]:
    """The JSON schema of a kind of manifest."""
    body = model.model_json_schema(by_alias=True)
    for members in _unions(body):
        for reference in members:
            _require_kind(body["$defs"][reference.rpartition("/")[2]])
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **body}


def text(model: type[BaseModel]) -> str:
    """The JSON schema of a kind of manifest, as its file holds it."""
    return json.dumps(schema(model), indent=2, ensure_ascii=False) + "\n"


def write(folder: Path) -> None:
    """Write every schema file into a folder."""
    for name, model in FILES.items():
        (folder / name).write_text(text(model), encoding="utf-8")


def _unions(node: object) -> Iterator[list[str]]:
    """The members of each union that is told apart by a field, as references."""
    if isinstance(node, Mapping):
        discriminator = node.get("discriminator")
        if isinstance(discriminator, Mapping):
            yield list(discriminator["mapping"].values())
        for inner in node.values():
            yield from _unions(inner)
    elif isinstance(node, list):
        for inner in node:
            yield from _unions(inner)


def _require_kind(definition: dict[str, object]) -> None:
    """In a list of treatments `kind` has no default: it is what tells them apart."""
    required = definition.get("required")
    names = [str(name) for name in required] if isinstance(required, list) else []
    definition["required"] = list(dict.fromkeys(["kind", *names]))
