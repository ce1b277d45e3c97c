"""The photographs that networks of pictures learn from, and those kept back to judge by."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Photograph = NDArray[np.uint8]
"""8-bit sRGB, `(h, w, 3)`."""


def parted(
    photographs: Sequence[Photograph], kept_back: int, *, least: int, learner: str
) -> tuple[list[Photograph], list[Photograph]]:
    """Photographs to learn from, and so many, spread evenly among them, only for validation.

    Args:
        photographs: all of them.
        kept_back: how many are kept back.
        least: pixels high and wide that each must be.
        learner: who learns from them, for the error.

    Raises:
        ValueError: too few photographs, or too small ones.
    """
    small = [picture.shape for picture in photographs if min(picture.shape[:2]) < least]
    if small or len(photographs) <= kept_back:
        raise ValueError(
            f"{learner} learns from more than {kept_back} photographs of at least {least} pixels a side, "
            f"not from {len(photographs)}, {len(small)} of them smaller"
        )
    back = {round(i * len(photographs) / max(kept_back, 1)) for i in range(kept_back)}
    shown = [picture for i, picture in enumerate(photographs) if i not in back]
    return shown, [photographs[i] for i in sorted(back)]
