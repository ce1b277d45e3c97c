"""Compiled loops: kept for the next time where that can be, and no less there where it cannot."""

import numpy as np
import pytest
from numba.core.registry import CPUDispatcher

from restorers.compiled import compiled


def doubled(values: np.ndarray) -> float:
    total = 0.0
    for value in values:
        total += 2 * value
    return total


def test_a_loop_runs_where_its_code_can_be_kept_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere(self: CPUDispatcher) -> None:
        raise RuntimeError("cannot cache function: no locator available")

    monkeypatch.setattr(CPUDispatcher, "enable_caching", nowhere)
    assert compiled(doubled)(np.arange(4.0)) == 12
