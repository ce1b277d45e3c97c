from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def prefect_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One Prefect database for all runs of a session: making it takes longer than a small reel."""
    return tmp_path_factory.mktemp("prefect")
