"""What is wrong with a manifest: every mistake, where it stands, what was found and what was expected.

Errors: ManifestError(ValueError), a manifest, or the manifests of a film, cannot be followed as written
"""

from dataclasses import dataclass
from pathlib import Path

SHOWN = 50


@dataclass(frozen=True, order=True)
class Mistake:
    """One thing to correct in a manifest.

    Attributes:
        file: the manifest.
        line: counted from 1.
        column: counted from 1.
        field: where it stands in the manifest, such as `treatments[1].strength`; empty for the file as a whole.
        problem: what is wrong, in words; says what was found and what was expected.
        found: the text or kind of value that stands there; empty where something is missing.
        expected: what may stand there.
    """

    file: Path
    line: int
    column: int
    field: str
    problem: str
    found: str = ""
    expected: str = ""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}: "
        return place + (f"{self.field}: {self.problem}" if self.field else self.problem)


class ManifestError(ValueError):
    """Manifests cannot be followed as written; holds all mistakes, in the order of their lines."""

    def __init__(self, mistakes: list[Mistake]) -> None:
        self.mistakes = tuple(sorted(mistakes, key=lambda m: (m.file, m.line, m.column, m.field)))
        count = len(self.mistakes)
        lines = [f"{count} mistake{'s' if count != 1 else ''} in the manifest:"]
        lines += [f"  {mistake}" for mistake in self.mistakes[:SHOWN]]
        if count > SHOWN:
            lines.append(f"  and {count - SHOWN} more")
        super().__init__("\n".join(lines))


def field(path: tuple[str | int, ...]) -> str:
    """A path into a manifest as people write it.

    >>> field(("treatments", 1, "strength"))
    'treatments[1].strength'
    """
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text
