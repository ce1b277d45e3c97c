"""How steady and even ours and its peers leave shots whose truth is known.

python -m tests.benchmarks.steadiness [--quick] [--only SECTION ...] [--familiar] [--ours] [--out FOLDER]
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

from tests.benchmarks import evenness, films, readings, speed, steadying
from tests.benchmarks.result import Result, Row, header

SUITE = "steadiness"
THREADS = 2
SECTIONS = {name: part for part in (steadying, evenness, films) for name in part.CASES}


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a short shot a case, to see that all is in order")
    parser.add_argument("--only", nargs="+", choices=(*SECTIONS, "speed"), help="these sections")
    parser.add_argument("--familiar", action="store_true", help="the photographs to develop on, not those reported")
    parser.add_argument("--ours", action="store_true", help="without the peers")
    parser.add_argument("--out", type=Path, help="folder of the result file, if not the project's own")
    asked = parser.parse_args()
    circumstances = header(SUITE, threads=THREADS)
    rows: list[Row] = []
    with ProcessPoolExecutor(THREADS, initializer=_singly) as pool:
        for section in asked.only or SECTIONS:
            if section == "speed":
                continue
            rows += _measured(section, pool, quick=asked.quick, familiar=asked.familiar, peers=not asked.ours)
    if asked.only is None or "speed" in asked.only:
        _singly()
        rows += speed.rows(quick=asked.quick, threads=THREADS)
    if asked.out and (asked.only is None or "films" in asked.only):
        asked.out.mkdir(exist_ok=True)
        for name in films.FILMS:
            films.pictures(name, asked.out, count=films.QUICK_FRAMES if asked.quick else None)
    result = Result(header=circumstances, rows=tuple(rows))
    path = result.write(asked.out) if asked.out else result.write()
    print(path, file=sys.stderr)


def _measured(section: str, pool: ProcessPoolExecutor, *, quick: bool, familiar: bool, peers: bool) -> Iterator[Row]:
    part = SECTIONS[section]
    trials = part.trials(section, quick=quick, familiar=familiar)
    found = (reading for shot in pool.map(partial(part.readings, peers=peers), trials) for reading in shot)
    for case, members in groupby(found, key=lambda reading: reading.case):
        yield from readings.rows(list(members), part.GOALS.get(case, {}))


def _singly() -> None:
    torch.set_num_threads(1)
    cv2.setNumThreads(1)


if __name__ == "__main__":
    main()
