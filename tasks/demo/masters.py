"""Scoring the demo reel as it was delivered: its masters decoded, shot by shot, and laid beside scan and truth."""

from collections.abc import Iterator
from pathlib import Path

import torch

from restorers.clip import Clip
from restorers.colorspace import Space
from tasks.demo.picture import before_after
from tasks.demo.reel import FIRST, REEL, ShotTruth, clean_frames, truth_folder, truth_of
from tasks.demo.scores import Row, demo_table
from tasks.lab import Lab
from tasks.media.playback import clips, marks


def demo_score(folder: Path, delivered: Path, lab: Lab) -> tuple[tuple[Row, ...], Path]:
    """The demo's table, shot by shot, and a picture of scan, restored film and truth.

    Args:
        folder: what the demo lies in; its `vault/` holds the reel and its truth.
        delivered: the restored reel's folder, with its master and its map of origins.
        lab: lends its threads.
    """
    vault = folder / "vault"
    truth = truth_of(vault)
    bench = lab.bench
    rows: list[Row] = []
    shown: list[tuple[Clip, Clip, Clip]] = []
    for shot, restored in zip(truth.shots, _restored(delivered, truth.shots), strict=True):
        scan = clean_frames(vault / REEL, shot.first, shot.stop)
        rows += demo_table(truth_folder(vault), [(shot, scan, restored)], bench)
        middle = (shot.first + shot.stop) // 2
        clean = clean_frames(truth_folder(vault), middle, middle + 1)
        shown.append((scan.between(middle, middle + 1), restored.between(middle, middle + 1), clean))
    return tuple(rows), before_after(shown, delivered / "before-after.png")


def _restored(delivered: Path, shots: tuple[ShotTruth, ...]) -> Iterator[Clip]:
    pictures = clips(delivered / f"{REEL}.mkv", Space.PRINTING_DENSITY, FIRST)
    maps = marks(delivered / f"{REEL}.origin.mkv")
    for shot in shots:
        frames, origins = [], []
        for number in range(shot.first, shot.stop):
            try:
                frames.append(next(pictures).frames[0])
                origins.append(torch.from_numpy(next(maps)))
            except StopIteration:
                raise ValueError(f"{delivered}: the restored demo reel ends before frame {number}") from None
        yield Clip(torch.stack(frames), Space.PRINTING_DENSITY, shot.first, torch.stack(origins))
