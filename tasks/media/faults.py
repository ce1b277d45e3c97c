"""What speaks against a scan: which of it a manifest may accept, and how it is told."""

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

from manifests.reel import Reel
from tasks.media import Fault, ScanFaults

RATE_TOLERANCE = 2e-4  # tells 24 from 24000/1001; headers hold a rounded float


def accepted(reel: Reel, faults: Sequence[Fault]) -> tuple[str, ...]:
    """Faults that the manifest allows, as warnings for the report.

    Raises:
        ScanFaults: some are not allowed, or are such that the scan could not be decoded exactly.
    """
    refused = [fault for fault in faults if not (fault.allowable and fault.kind in reel.scan.allow)]
    if refused:
        raise ScanFaults(reel.id, joined(refused))
    return tuple(f"allowed: {fault}" for fault in joined(faults))


def joined(faults: Sequence[Fault]) -> list[Fault]:
    """Faults with those that say the same of one frame after the other made one."""
    runs: list[Fault] = []
    latest: dict[tuple[str, str], int] = {}
    for fault in faults:
        place = latest.get((fault.kind, fault.found))
        if place is not None and runs[place].last + 1 == fault.first:
            runs[place] = replace(runs[place], last=fault.last)
        else:
            latest[fault.kind, fault.found] = len(runs)
            runs.append(fault)
    return sorted(runs, key=lambda fault: fault.first)


def disagrees(rate: float | Fraction, fps: Fraction) -> bool:
    """Whether a header's frame rate is another than the manifest's.

    >>> disagrees(23.976, Fraction(24000, 1001)), disagrees(24.0, Fraction(24000, 1001))
    (False, True)
    """
    return abs(float(rate) / float(fps) - 1) > RATE_TOLERANCE
