"""Loops over pixels, written in Python and compiled to machine code.

For what no library does in one pass over a frame. A loop is compiled where it is first called, for the processor it is
called on, and the code is kept beside its module or at the user's home for the next time; where neither can be written,
each process compiles its own. It computes in the order written: no fused or reordered arithmetic, so that every
processor gives the same bits. Threads that run it do not wait for one another.
"""

from collections.abc import Callable
from functools import partial
from typing import ParamSpec, TypeVar, cast

import numba

P = ParamSpec("P")
R = TypeVar("R")


def compiled(loop: Callable[P, R]) -> Callable[P, R]:
    """The loop as machine code. Its indices are not checked."""
    compiler = partial(numba.njit, nogil=True, error_model="numpy")
    try:
        return cast(Callable[P, R], compiler(cache=True)(loop))
    except RuntimeError:  # nowhere to keep the code
        return cast(Callable[P, R], compiler()(loop))
