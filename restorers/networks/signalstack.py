"""The stack that a thread's signals are handled on, kept from OpenVINO.

Each core of OpenVINO gives the thread that loads its CPU plugin a stack of its own and, when it goes, puts back the one
it had found. Of two cores that go in the order they came, the second puts back what the first has freed, and the next
signal ends the process: found with OpenVINO 2026.4 where Python's faulthandler, which asks for such a stack, was on.
"""

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager

DISABLED = 2  # SS_DISABLE


class _Stack(ctypes.Structure):
    """`stack_t` of sigaltstack(2)."""

    _fields_ = (("address", ctypes.c_void_p), ("flags", ctypes.c_int), ("size", ctypes.c_size_t))


@contextmanager
def signal_stack_kept() -> Iterator[None]:
    """After the block this thread's stack for signals is what it was before; what was set in it may be freed.

    Linux alone has the trouble; elsewhere nothing is done.

    Raises:
        OSError: the kernel does not take the stack back.
    """
    if sys.platform != "linux":
        yield
        return
    system = ctypes.CDLL(None, use_errno=True)
    found = _Stack()
    _done(system.sigaltstack(None, ctypes.byref(found)))
    try:
        yield
    finally:
        found.flags &= DISABLED
        _done(system.sigaltstack(ctypes.byref(found), None))


def _done(status: int) -> None:
    if status:
        raise OSError(ctypes.get_errno(), "sigaltstack failed")
