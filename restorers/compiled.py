"""Loops over pixels, written in Python and compiled to machine code.

For what no library does in one pass over a frame. A loop is compiled where it is first called, for the processor it is
called on, and the code is kept beside its module for the next time. It computes in the order written: no fused or
reordered arithmetic, so that every processor gives the same bits. Threads that run it do not wait for one another.
"""

from collections.abc import Callable
from typing import ParamSpec, TypeVar, cast

import numba

P = ParamSpec("P")
R = TypeVar("R")


def compiled(loop: Callable[P, R]) -> Callable[P, R]:
    """The loop as machine code. Its indices are not checked."""
    return cast(Callable[P, R], numba.njit(nogil=True, cache=True, error_model="numpy")(loop))
