"""The report of a reel: what was found, what was done about it, and what it cost, on one page."""

from tasks.report.content import (
    BlemishRow,
    BlemishTally,
    DeliveryRow,
    Fact,
    Finding,
    MapSheet,
    Mend,
    ReportContent,
    ShotSheet,
    TreatmentSheet,
)
from tasks.report.layers import LayerSheet
from tasks.report.page import report_page

__all__ = [
    "BlemishRow",
    "BlemishTally",
    "DeliveryRow",
    "Fact",
    "Finding",
    "LayerSheet",
    "MapSheet",
    "Mend",
    "ReportContent",
    "ShotSheet",
    "TreatmentSheet",
    "report_page",
]
