"""The demo reel: made on the spot, aged, and, once restored, measured against what it was."""

from tasks.demo.masters import demo_score
from tasks.demo.picture import before_after
from tasks.demo.reel import DemoTruth, ShotTruth, clean_frames, demo_reel, dirt_masks, truth_folder, truth_of
from tasks.demo.scores import Row, demo_table

__all__ = [
    "DemoTruth",
    "Row",
    "ShotTruth",
    "before_after",
    "clean_frames",
    "demo_reel",
    "demo_score",
    "demo_table",
    "dirt_masks",
    "truth_folder",
    "truth_of",
]
