"""Steps: they are reconciled to one series."""

import numpy as np
import pytest

from restorers.steadiness.steps import Step, reconciled
from tests.restorers.test_likelihood import jitter


def test_steps_of_several_lengths_are_reconciled_to_the_series_they_came_from() -> None:
    series = jitter(30, 3)
    steps = [Step(t - lag, t, series[t] - series[t - lag], 1.0 / lag) for lag in (1, 2, 4) for t in range(lag, 30)]
    assert reconciled(steps, 30, (3,)) == pytest.approx(series - np.median(series, axis=0), abs=1e-6)
