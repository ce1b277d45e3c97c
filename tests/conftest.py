"""What tests of every package share: where the real film lies."""

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real footage beside the checkout; a test that asks for it fails where it is missing."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.fail(f"the footage tests need the real film in {folder}")
    return folder
