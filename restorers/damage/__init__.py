"""What time, handling and worn machines do to a film: the reverse of the treatments.

Every damage is a pure function of the clip, its settings and the bench's seed, and what it does to a frame depends on
that frame's reel number alone: a reel damaged in windows of any length is damaged the same. Each gives back what it
did, so that tests, benchmarks and training know the truth.

    scene -> grain (dye clouds) -> fade (of those dyes) -> soil (on the film) -> shake (in the gate) -> flicker (lamp)

is the order in which a film meets them, and the order of `aged`. Grain comes before fading because it *is* dye: a layer
that has lost half of its dye has lost half of its grain, too.

All of it happens in density, where each is simplest: a dye's share is a factor, opaque dust and a dim lamp are sums.
"""

from restorers.damage.aging import Aged, Aging, aged
from restorers.damage.breaking import Breaking, BreakTruth, crack
from restorers.damage.fading import Fading, fade
from restorers.damage.flickering import Flickering, LampTruth, flicker
from restorers.damage.graining import Graining, grain
from restorers.damage.shaking import GateMotion, Shaking, shake
from restorers.damage.soiling import VISIBLE, Soiling, SoilTruth, soil

__all__ = [
    "VISIBLE",
    "Aged",
    "Aging",
    "BreakTruth",
    "Breaking",
    "Fading",
    "Flickering",
    "GateMotion",
    "Graining",
    "LampTruth",
    "Shaking",
    "SoilTruth",
    "Soiling",
    "aged",
    "crack",
    "fade",
    "flicker",
    "grain",
    "shake",
    "soil",
]
