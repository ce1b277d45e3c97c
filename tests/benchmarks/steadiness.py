"""How steady and even ours and its peers leave shots whose truth is known.

python -m tests.benchmarks.steadiness [--quick] [--only SECTION ...] [--shots N] [--familiar] [--ours] [--out FOLDER]
"""

import argparse
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import groupby
from pathlib import Path

import cv2
import torch
from threadpoolctl import threadpool_limits

from tests.benchmarks import evenness, films, readings, speed, steadying
from tests.benchmarks.readings import Extent
from tests.benchmarks.result import RESULTS, Result, Row, header

SUITE = "steadiness"
THREADS = 2
SPEED = "speed"
SECTIONS = {name: part for part in (steadying, evenness, films) for name in part.CASES}


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a short shot a case, to see that all is in order")
    parser.add_argument("--only", nargs="+", choices=(*SECTIONS, SPEED), help="these sections")
    parser.add_argument("--shots", type=int, help="at most so many a case; a shorter run")
    parser.add_argument("--familiar", action="store_true", help="the photographs to develop on, not those reported")
    parser.add_argument("--ours", action="store_true", help="without the peers")
    parser.add_argument("--out", type=Path, help="folder of the result file, if not the project's own")
    asked = parser.parse_args()
    if asked.out:
        asked.out.mkdir(parents=True, exist_ok=True)
    extent = Extent(asked.quick, asked.familiar, asked.shots, not asked.ours, asked.out)
    circumstances = header(SUITE, threads=THREADS)
    rows: list[Row] = []
    with ProcessPoolExecutor(THREADS, initializer=_singly) as pool:
        for section in asked.only or (*SECTIONS, SPEED):
            rows += _timed(extent) if section == SPEED else _measured(section, pool, extent)
            # After each section, so that a run that is cut short keeps what it has measured.
            path = Result(header=circumstances, rows=tuple(rows)).write(asked.out or RESULTS)
    print(path, file=sys.stderr)


def _measured(section: str, pool: ProcessPoolExecutor, extent: Extent) -> Iterator[Row]:
    part = SECTIONS[section]
    found = (r for shot in pool.map(partial(part.readings, extent=extent), part.trials(section, extent)) for r in shot)
    for case, members in groupby(found, key=lambda reading: reading.case):
        yield from readings.rows(list(members), part.GOALS.get(case, {}))


def _timed(extent: Extent) -> Iterator[Row]:
    _singly()
    return speed.rows(quick=extent.quick, threads=THREADS)


def _singly() -> None:
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    threadpool_limits(1, user_api="blas")


if __name__ == "__main__":
    main()
