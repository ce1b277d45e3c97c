from pathlib import Path

import cv2
import numpy as np
import pytest

from restorers.detail.telling import Tellings
from tasks.fitting import TIMED, Fitting
from tasks.material import Untrainable
from tasks.progress import Step, watched
from tasks.rates import Rates


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    rough = np.random.default_rng(3).integers(0, 256, (40, 60, 3), np.uint8)
    cv2.imwrite(str(folder / "one.png"), cv2.resize(rough, (480, 320), interpolation=cv2.INTER_CUBIC))
    return folder


def test_what_tells_grain_is_fitted_to_a_folder_of_photographs(pictures: Path, tmp_path: Path) -> None:
    told: list[Step] = []
    fitting = Fitting(pictures, "ours", shots=12, seed=2)
    cost = fitting.cost(Rates(cpu_hour=2.0))
    assert (cost.steps, cost.left) == (12, 12 - TIMED)
    assert cost.money == 2 * cost.hours == pytest.approx(2 * cost.left * fitting.shot_s / 3600)
    with watched(told.append):
        where = fitting.run(tmp_path / "out")
    made = Tellings.model_validate_json(where.read_text("utf-8"))
    assert made.trained_on == "pictures (ours), 1 photographs: 12 shots, seed 2"
    assert (told[-1].done, told[-1].total) == (12, 12)
    assert (len(made.still.middle), len(made.shot.middle)) == (19, 36)


@pytest.mark.parametrize("size", [(100, 400), (300, 310), (400, 100)])
def test_photographs_that_are_too_small_are_refused(pictures: Path, size: tuple[int, int]) -> None:
    cv2.imwrite(str(pictures / "two.png"), np.zeros((*size, 3), np.uint8))
    with pytest.raises(Untrainable, match="1 of 2 photographs are smaller"):
        Fitting(pictures, "ours", shots=8)
