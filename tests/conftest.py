"""What all tests share: one thread in each library's kernels, as in a lab, and where the real film lies."""

from pathlib import Path

import cv2
import pytest
import torch
from threadpoolctl import threadpool_limits

torch.set_num_threads(1)
cv2.setNumThreads(1)
threadpool_limits(1, user_api="blas")


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real footage beside the checkout; a test that asks for it fails where it is missing."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.fail(f"the footage tests need the real film in {folder}")
    return folder
