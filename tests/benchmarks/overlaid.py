"""A film with something laid over its pictures."""

from dataclasses import dataclass

from tests.benchmarks.moves import Film


@dataclass(frozen=True, eq=False)
class Overlaid:
    """A film of the length, the size and the camera of another; what is seen in it is for the subclass to say."""

    film: Film

    @property
    def length(self) -> int:
        """Frames."""
        return self.film.length

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        return self.film.size

    @property
    def travel(self) -> float:
        """Of the camera, pixels."""
        return self.film.travel
