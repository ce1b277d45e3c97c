"""What is asked to be looked at is there, or it is said what is missing."""

from fractions import Fraction

import pytest

from manifests.reel import Reel, Scan
from restorers.colorspace import Space
from restorers.deflicker import Deflicker
from restorers.repair import Repair
from restorers.stabilization import Stabilization
from tasks.look import NotThere, layers_to_show
from tasks.shot import Layer, ScanFacts, Shot
from tasks.store import Artifact

REEL = Reel(
    schema=1,
    id="harbor",
    title="Harbor",
    scan=Scan(frames="r/%05d.dpx", fps=24, space=Space.PRINTING_DENSITY),
    treatments=(Stabilization(), Deflicker(), Repair()),
)


def shot(*kinds: str) -> Shot:
    artifact = Artifact(digest="0" * 64, size=1)
    scan = ScanFacts(
        index=artifact, digest="0" * 64, first=1, stop=9, height=8, width=8, bit_depth=10,
        space=Space.PRINTING_DENSITY, fps=Fraction(24),
    )  # fmt: skip
    layers = tuple(Layer(kind=kind, key="0" * 64, outputs={"remedy": artifact}) for kind in kinds)
    return Shot(reel="harbor", index=1, first=1, stop=9, scan=scan, digest="0" * 64, layers=layers)


def test_layers_are_shown_one_by_one_or_all_there_are_together() -> None:
    two = shot("stabilization", "deflicker")
    assert layers_to_show(REEL, two, ("deflicker",)) == {"2-deflicker": range(1, 2)}
    assert layers_to_show(REEL, two, ()) == {"scan-to-deflicker": range(2)}


@pytest.mark.parametrize(
    ("there", "asked", "said"),
    [
        (("stabilization",), "enhancement", "its treatments are stabilization, deflicker, repair"),
        (("stabilization",), "repair", "repair has not been examined yet with these settings; there is stabilization"),
        ((), "stabilization", "there is no layer so far; `reelwright restore` makes the rest"),
    ],
)
def test_what_is_not_there_is_named(there: tuple[str, ...], asked: str, said: str) -> None:
    with pytest.raises(NotThere, match=said):
        layers_to_show(REEL, shot(*there), (asked,))
