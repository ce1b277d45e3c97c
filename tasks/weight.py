"""How much a layer weighs against the scan it lies on: what is kept of a restoration is small, and is shown to be."""

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict, Field

from tasks.footage import index
from tasks.lab import Lab
from tasks.shot import Layer, Shot


class Weight(BaseModel):
    """Bytes of layers, and of the frames they lie on.

    >>> print(Weight(layer=1_200_000, scan=812_000_000))
    layer 1.2 MB, scan 812.0 MB: 0.15 %
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    layer: int = Field(ge=0, description="as stored")
    scan: int = Field(ge=0, description="as scanned; of a movie, the decoded pictures")

    def __str__(self) -> str:
        return f"layer {size(self.layer)}, scan {size(self.scan)}: {share(self.layer / max(self.scan, 1))}"


def weight(layers: Sequence[Layer], shots: Sequence[Shot], lab: Lab) -> Weight:
    """What some layers weigh against the frames of the shots they lie on; a layer of several shots counts once."""
    stored = {layer.key: sum(artifact.size for artifact in layer.outputs.values()) for layer in layers}
    numbers = [range(shot.first, shot.stop) for shot in shots]
    frames = index(shots[0].scan.index, lab).frames
    scanned = sum(frame.size for frame in frames if any(frame.number in span for span in numbers))
    return Weight(layer=sum(stored.values()), scan=scanned)


def size(count: float) -> str:
    """Bytes in words.

    >>> size(1_234_567)
    '1.2 MB'
    """
    units = ["bytes", "kB", "MB", "GB", "TB"]
    while count >= 1000 and len(units) > 1:
        count, units = count / 1000, units[1:]
    return f"{count:.0f} {units[0]}" if units[0] == "bytes" else f"{count:.1f} {units[0]}"


def share(part: float) -> str:
    """A share in per cent, two figures of it where it is small.

    >>> share(0.0015), share(0.000_002_34), share(0.25)
    ('0.15 %', '0.00023 %', '25 %')
    """
    return f"{float(f'{100 * part:.2g}'):.10f}".rstrip("0").rstrip(".") + " %"
