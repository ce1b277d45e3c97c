"""The mark of tests that want real trunks of LPIPS, which are not a dependency."""

from importlib.metadata import PackageNotFoundError, distribution

import pytest

from restorers.metrics.perceptual import PACKAGE


def _there() -> bool:
    try:
        distribution(PACKAGE)
    except PackageNotFoundError:
        return False
    return True


wants_trunks = pytest.mark.skipif(not _there(), reason=f"wants the trunks in {PACKAGE}: make trunks")
