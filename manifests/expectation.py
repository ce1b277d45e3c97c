"""What may stand at a place in a manifest, in words, told from the same JSON schema that editors read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property

Node = Mapping[str, object]

_TYPES = {
    "boolean": "true or false",
    "integer": "a whole number",
    "number": "a number",
    "string": "text",
    "array": "a list",
    "object": "a mapping of fields",
    "null": "nothing",
}


@dataclass(frozen=True)
class Schema:
    """A JSON schema as pydantic writes it."""

    root: Node

    def at(self, location: Sequence[str | int]) -> tuple["Expectation", tuple[str | int, ...]]:
        """What is expected at the location of a pydantic error, and the location as a path into the manifest.

        The location of an error inside a union holds names that are in no manifest: the kind of treatment chosen, or
        the branch of a union tried. They are left out of the path; the kind is kept as the expectation's owner.
        """
        expectation = Expectation(self, self.root)
        path: list[str | int] = []
        for step in location:
            inner, is_field = expectation.inside(step)
            if is_field:
                path.append(step)
            expectation = inner
        return expectation, tuple(path)

    def resolved(self, node: Node) -> Node:
        """The node that a `$ref` leads to, or the node itself."""
        reference = node.get("$ref")
        return node if reference is None else self.resolved(self._definitions[str(reference).rpartition("/")[2]])

    @cached_property
    def _definitions(self) -> Mapping[str, Node]:
        definitions = self.root.get("$defs", {})
        assert isinstance(definitions, Mapping)
        return definitions


@dataclass(frozen=True)
class Expectation:
    """One node of a schema.

    Attributes:
        schema: the schema it belongs to.
        node: the node.
        owner: the kind of treatment or delivery it lies in; empty elsewhere.
    """

    schema: Schema
    node: Node
    owner: str = ""

    def inside(self, step: str | int) -> tuple["Expectation", bool]:
        """What is expected one step further in, and whether that step is one of the manifest's own."""
        if isinstance(step, int):
            items = [b.node["items"] for b in self._branches if isinstance(b.node.get("items"), Mapping)]
            return Expectation(self.schema, _node(items[0]) if items else {}, self.owner), True
        for branch in self._branches:
            if step in branch.kinds:
                return Expectation(self.schema, branch.kinds[step], step), False
            if step in branch.fields:
                return Expectation(self.schema, branch.fields[step], self.owner), True
        if len(self._branches) == 1 and self._branches[0].node.get("type") == "object":
            return Expectation(self.schema, {}, self.owner), True
        return self, False

    @property
    def kinds(self) -> dict[str, Node]:
        """The members of a union that is told apart by `kind`."""
        discriminator = self._resolved.get("discriminator")
        mapping = discriminator.get("mapping") if isinstance(discriminator, Mapping) else None
        return {k: {"$ref": v} for k, v in mapping.items()} if isinstance(mapping, Mapping) else {}

    @property
    def fields(self) -> dict[str, Node]:
        """The fields that may stand here."""
        found: dict[str, Node] = {}
        for branch in self._branches:
            properties = branch.node.get("properties")
            found |= properties if isinstance(properties, Mapping) else {}
        return found

    def nearest(self, name: str) -> str:
        """A hint for an unknown field: the nearest known one, or all of them."""
        known = sorted(self.fields)
        near = get_close_matches(name, known, n=1)
        return f"did you mean '{near[0]}'?" if near else f"known are {', '.join(known)}"

    def nearest_kind(self, name: str) -> str:
        """A hint for an unknown kind; empty where none is near."""
        near = get_close_matches(name, self.kinds, n=1)
        return f" (did you mean '{near[0]}'?)" if near else ""

    def __str__(self) -> str:
        """In words, e.g. 'a number between 0 and 1'."""
        words = [w for branch in self._branches if (w := _described(branch.node)) not in ("", "nothing")]
        return " or ".join(dict.fromkeys(words)) or "nothing"

    @property
    def types(self) -> set[object]:
        """The JSON types that may stand here."""
        return {branch.node.get("type") for branch in self._branches}

    @property
    def _resolved(self) -> Node:
        return self.schema.resolved(self.node)

    @property
    def _branches(self) -> list["Expectation"]:
        """The node itself, or the members of a union that is not told apart by `kind`."""
        node = self._resolved
        members = node.get("anyOf") or (node.get("oneOf") if "discriminator" not in node else None)
        if not isinstance(members, Sequence):
            return [Expectation(self.schema, node, self.owner)]
        return [b for m in members for b in Expectation(self.schema, _node(m), self.owner)._branches]


def _described(node: Node) -> str:
    if isinstance(choices := node.get("enum"), Sequence):
        return "one of " + ", ".join(map(str, choices))
    if "const" in node:
        return str(node["const"]).lower() if isinstance(node["const"], bool) else str(node["const"])
    if isinstance(discriminator := node.get("discriminator"), Mapping):
        return f"a mapping with a {discriminator['propertyName']}"
    words = _TYPES.get(str(node.get("type")), "")
    if node.get("type") in ("integer", "number"):
        return words + _bounds(node)
    if node.get("type") == "array":
        return words + _length(node)
    return words


def _bounds(node: Node) -> str:
    low, high = node.get("minimum"), node.get("maximum")
    above, below = node.get("exclusiveMinimum"), node.get("exclusiveMaximum")
    if low is not None and high is not None:
        return f" between {_short(low)} and {_short(high)}"
    parts = [
        f"{words} {_short(bound)}"
        for words, bound in (("of at least", low), ("above", above), ("of at most", high), ("below", below))
        if bound is not None
    ]
    return " " + " and ".join(parts) if parts else ""


def _length(node: Node) -> str:
    low, high = node.get("minItems"), node.get("maxItems")
    if low is not None and low == high:
        return f" of {low} items"
    return f" of at least {low} item{'s' if low != 1 else ''}" if low is not None else ""


def _short(number: object) -> str:
    return f"{number:g}" if isinstance(number, float) else str(number)


def _node(value: object) -> Node:
    assert isinstance(value, Mapping)
    return value
