"""What the archive holds, what is prescribed for it, and what is to be made of it: pydantic models, read from YAML."""

from manifests.film import Film
from manifests.mistakes import ManifestError, Mistake
from manifests.reading import dumped, read, read_film
from manifests.reel import Reel

__all__ = ["Film", "ManifestError", "Mistake", "Reel", "dumped", "read", "read_film"]
