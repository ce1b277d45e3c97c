"""The command of a benchmark: its sections in processes side by side, tables as they come, and the file it leaves."""

import argparse
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any, TypeAlias

import cv2
import torch
from threadpoolctl import threadpool_limits

from tests.benchmarks import readings
from tests.benchmarks.readings import Extent
from tests.benchmarks.result import RESULTS, Result, Row, header

THREADS = 2
SPEED = "speed"

Part: TypeAlias = Any
"""A module with CASES by section, GOALS by case, `trials(section, extent)` and `readings(trial, extent)`."""


def run(suite: str, text: str | None, parts: tuple[Part, ...], timed: Callable[..., Iterator[Row]]) -> None:
    """Measure, print and write.

    Args:
        suite: name of the result file.
        text: what `--help` says.
        parts: modules with the sections.
        timed: rows of the section on speed, which has the machine to itself; called with `quick` and `threads`.
    """
    sections = {name: part for part in parts for name in part.CASES}
    parser = argparse.ArgumentParser(description=text, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a short shot a case, to see that all is in order")
    parser.add_argument("--only", nargs="+", choices=(*sections, SPEED), help="these sections")
    parser.add_argument("--shots", type=int, help="at most so many a case; a shorter run")
    parser.add_argument("--familiar", action="store_true", help="the shots to develop on, not those reported")
    parser.add_argument("--ours", action="store_true", help="without the peers")
    parser.add_argument("--out", type=Path, help="folder of the result file, if not the project's own")
    asked = parser.parse_args()
    if asked.out and (kept := asked.out / f"{suite}.json").exists():
        parser.error(f"{kept} holds a result already, which would be lost: give another folder")
    if asked.out:
        asked.out.mkdir(parents=True, exist_ok=True)
    extent = Extent(asked.quick, asked.familiar, asked.shots, not asked.ours, asked.out)
    circumstances = header(suite, threads=THREADS)
    rows: list[Row] = []
    with ProcessPoolExecutor(THREADS, initializer=singly) as pool:
        for section in asked.only or (*sections, SPEED):
            if section == SPEED:
                singly()
                rows += timed(quick=extent.quick, threads=THREADS)
            else:
                rows += _measured(sections[section], section, pool, extent)
            # After each section, so that a run that is cut short keeps what it has measured.
            path = Result(header=circumstances, rows=tuple(rows)).write(asked.out or RESULTS)
    print(path, file=sys.stderr)


def _measured(part: Part, section: str, pool: ProcessPoolExecutor, extent: Extent) -> Iterator[Row]:
    found = (r for shot in pool.map(partial(part.readings, extent=extent), part.trials(section, extent)) for r in shot)
    for case, members in groupby(found, key=lambda reading: reading.case):
        yield from readings.rows(list(members), part.GOALS.get(case, {}))


def singly() -> None:
    """Keep the libraries of this process to one thread each."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    threadpool_limits(1, user_api="blas")
