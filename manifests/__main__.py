"""`python -m manifests` writes the JSON schemas that editors read."""

from pathlib import Path

from manifests.schema import write

write(Path(__file__).parent)
