"""What a reel's report tells: plain values, filled in by whoever knows them."""

from dataclasses import dataclass, field

from manifests.reel import Reel
from restorers.metrics.measures import Measures
from restorers.restorer import Restorer
from restorers.synthesis import Tally
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
        origins: how many of its pixels bear each mark of origin; empty if nobody counted.
        slices: one column of the frame over time, a pixel a frame, before and after.
        layers: what the layers did that can be shown, lowest first.
        maps: the synthesis maps of the frames that have most to show.
    """

    index: int
    first: int
    last: int
    pictured: int
    before: Picture
    after: Picture
    measures: Measures
    quality: Quality
    origins: Tally
    slices: tuple[Picture, Picture] | None = None
    layers: tuple[LayerSheet, ...] = ()
    maps: tuple["MapSheet", ...] = ()


@dataclass(frozen=True, eq=False)
class MapSheet:
    """The synthesis map of one frame over its picture.

    Attributes:
        shot: index of its shot.
        frame: reel number.
        share: of its pixels that are not its own, 0 to 1.
        picture: the map.
    """

    shot: int
    frame: int
    share: float
    picture: Picture


@dataclass(frozen=True)
class BlemishRow:
    """One blemish and what was done about it.

    Attributes:
        id: as a manifest names it to take a repair back.
        kind: dust, scratch ...
        shot: index of its shot.
        frame: reel number of the first frame it is on.
        box: top, left, bottom, right in pixels, half-open.
        action: borrowed, interpolated, left ...
        reason: why it was left, if it or parts of it were.
        donors: frames from here to those it was borrowed from, most used first.
        area: pixels replaced.
        last: reel number of the last frame it is on; None where that is the first.
        confidence: 0 to 1, how likely it is a blemish.
        left: share of its parts that were left as found.
    """

    id: str
    kind: str
    shot: int
    frame: int
    box: tuple[int, int, int, int]
    action: str
    reason: str = ""
    donors: tuple[int, ...] = ()
    area: int = 0
    last: int | None = None
    confidence: float = 1.0
    left: float = 0.0

    @property
    def frames(self) -> str:
        """The frames it is on."""
        return str(self.frame) if self.last in (None, self.frame) else f"{self.frame}\N{EN DASH}{self.last}"

    @property
    def done(self) -> str:
        """What was done about it, in words."""
        if self.action == "left":
            return f"left: {self.reason}" if self.reason else "left"
        if self.last in (None, self.frame):
            lent = ", ".join(f"frame {self.frame + k}" for k in self.donors[:3])
        else:
            lent = ", ".join(f"{abs(k)} {'before' if k < 0 else 'after'}" for k in self.donors[:3])
        more = ", ..." if len(self.donors) > 3 else ""
        parts = f"; {self.left:.0%} of it left: {self.reason}" if self.left else ""
        return f"{self.action} from {lent}{more}{parts}" if lent else f"{self.action}{parts}"


@dataclass(frozen=True)
class BlemishTally:
    """How many blemishes of one class had one thing done about them.

    Attributes:
        kind: dust, scratch ...
        action: borrowed, interpolated, left ...
        reason: why they were left.
        count: blemishes.
        area: pixels replaced.
    """

    kind: str
    action: str
    reason: str
    count: int
    area: int


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
        blemishes: the mended ones to be listed, least certain first; not all where they are too many for a page.
        left: those left as found to be listed; not all where they are too many.
        tallies: how many there are of each class, by what was done about them.
        mends: those that are shown, largest first.
        deliveries: the files.
        bill: what it cost; None where the ledger is not at hand.
        environment: versions and machine.
        weight: what is kept of the mends, against the scan, in words.
        irregularities: frames that are there twice or missing, by shot, in words.
        elsewhere: where the full list of blemishes lies, for the reader.
    """

    reel: Reel
    scan: ScanFacts
    shots: tuple[ShotSheet, ...]
    treatments: tuple[TreatmentSheet, ...]
    blemishes: tuple[BlemishRow, ...]
    deliveries: tuple[DeliveryRow, ...]
    bill: Bill | None
    environment: tuple[Fact, ...]
    left: tuple[BlemishRow, ...] = ()
    tallies: tuple[BlemishTally, ...] = ()
    mends: tuple[Mend, ...] = ()
    weight: str = ""
    irregularities: tuple[Finding, ...] = ()
    elsewhere: str = field(default="the folder layers")

    @property
    def blemish_count(self) -> int:
        """How many blemishes were found."""
        return sum(tally.count for tally in self.tallies)

    @property
    def frames(self) -> int:
        """Frames of all shots."""
        return sum(shot.last - shot.first + 1 for shot in self.shots)
