"""What a reel's report tells: plain values, filled in by whoever knows them."""

from dataclasses import dataclass, field

from manifests.reel import Reel
from restorers.metrics.measures import Measures
from restorers.restorer import Restorer
from tasks.cost import Bill
from tasks.quality import Quality
from tasks.report.layers import LayerSheet, Picture
from tasks.shot import ScanFacts


@dataclass(frozen=True)
class Finding:
    """What one treatment found in one shot, in its own words; shot 0 is the whole reel."""

    shot: int
    summary: str


@dataclass(frozen=True)
class TreatmentSheet:
    """One treatment as prescribed, and what it found."""

    restorer: Restorer
    findings: tuple[Finding, ...]


@dataclass(frozen=True, eq=False)
class ShotSheet:
    """One shot, before and after.

    Attributes:
        index: counted from 1 in reel order.
        first: reel number of its first frame.
        last: reel number of its last frame, inclusive.
        pictured: reel number of the frame shown.
        before: that frame as found.
        after: that frame as restored; it may be larger.
        measures: before against after.
        quality: VMAF and LPIPS, or why they are absent.
        shares: share of its pixels of each origin, by lower-case name, together 1; empty if nobody counted.
        slices: one column of the frame over time, a pixel a frame, before and after.
        layers: what the layers did that can be shown, lowest first.
    """

    index: int
    first: int
    last: int
    pictured: int
    before: Picture
    after: Picture
    measures: Measures
    quality: Quality
    shares: dict[str, float]
    slices: tuple[Picture, Picture] | None = None
    layers: tuple[LayerSheet, ...] = ()


@dataclass(frozen=True)
class BlemishRow:
    """One blemish and what was done about it.

    Attributes:
        id: as a manifest names it to take a repair back.
        kind: dust, scratch ...
        shot: index of its shot.
        frame: reel number.
        box: top, left, bottom, right in pixels, half-open.
        action: borrowed, interpolated, left ...
        reason: why it was left, if it was.
        donor: frames from here to the one it was borrowed from; 0 for none.
        area: pixels replaced.
    """

    id: str
    kind: str
    shot: int
    frame: int
    box: tuple[int, int, int, int]
    action: str
    reason: str = ""
    donor: int = 0
    area: int = 0


@dataclass(frozen=True, eq=False)
class Mend:
    """One of the largest mends, shown as found and mended."""

    blemish: BlemishRow
    found: Picture
    mended: Picture


@dataclass(frozen=True)
class DeliveryRow:
    """One delivered file."""

    kind: str
    name: str
    digest: str
    size: int
    frames: int


@dataclass(frozen=True)
class Fact:
    """A name and what it is: a version, a machine."""

    name: str
    value: str


@dataclass(frozen=True, eq=False)
class ReportContent:
    """Everything that a reel's report tells.

    Attributes:
        reel: the manifest.
        scan: what ingest found.
        shots: in reel order.
        treatments: in the order of work.
        blemishes: those to be listed; fewer than `blemish_count` where there are too many for a page.
        blemish_count: how many there are.
        mends: those that are shown, largest first.
        deliveries: the files.
        bill: what it cost; None where the ledger is not at hand.
        environment: versions and machine.
        elsewhere: where the full list of blemishes lies, for the reader.
    """

    reel: Reel
    scan: ScanFacts
    shots: tuple[ShotSheet, ...]
    treatments: tuple[TreatmentSheet, ...]
    blemishes: tuple[BlemishRow, ...]
    blemish_count: int
    deliveries: tuple[DeliveryRow, ...]
    bill: Bill | None
    environment: tuple[Fact, ...]
    mends: tuple[Mend, ...] = ()
    elsewhere: str = field(default="the folder layers")

    @property
    def frames(self) -> int:
        """Frames of all shots."""
        return sum(shot.last - shot.first + 1 for shot in self.shots)
