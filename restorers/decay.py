"""Undo the fading of chromogenic dyes.

Each dye layer loses a share of its density and the base gains a stain. A scanner sees three channels, in each of which
all dyes absorb a little, so with M the dyes' absorptions (rows red, green, blue; columns cyan, magenta, yellow)

    faded = M diag(share) M^-1 density + stain

What is black, gray or clear on a print was equally dense in all layers once. Such places are pointed at by a person
(the surest way: clear film from the leader, a gray, a black), or the blacks and whites of the reel are taken to be
neutral; that blacks are is the premise of

Chatterjee, Trumpy, Ruedel, Digital Unfading of Chromogenic Film Informed by Its Spectral Densities, Heritage 6(4),
2023. doi:10.3390/heritage6040181

The layer that kept the widest range is left as it is and the others are brought to it: how much all layers lost
together cannot be read off a faded reel. M is that of no stock in particular; a stock's own dyes would do better.
Without references the result is a guess at best: a reel of sunsets looks like one
whose cyan is gone. Such an examination states its confidence (agreement within the reel, not a probability) and leaves
the reel as found where the evidence is weak, as well as where the picture is monochrome: tinting and toning are the
color a black-and-white print was given.
"""

from collections.abc import Sequence
from typing import ClassVar, Literal

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor
from typing_extensions import override

from restorers.clip import Clip
from restorers.render import Footage
from restorers.restorer import Bench, Remedy, RestorationError, Restorer, Scope

Triple = tuple[float, float, float]
Points = NDArray[np.float64]
"""Densities of places that were neutral, `(N, 3)`: red, green, blue."""

DYES = ((1.0, 0.08, 0.02), (0.15, 1.0, 0.10), (0.10, 0.18, 1.0))
"""Absorptions of chromogenic dyes, each against its own peak; means of the data sheets of Kodak 2383, 2393, 5386,
Ektachrome 100D, Fuji 3513, 3523, Provia and Velvia over 30 nm at 650, 540 and 450 nm."""

LEAST_SHARE = 0.1
"""A layer with less left cannot be brought back: its grain would be raised tenfold with it."""

SOUND_SHARE = 0.86
"""Unfaded photographs show shares down to here for want of neutral blacks (nine in ten sets of four): no evidence."""

TAIL = 0.003
"""Share of a reel's picture taken for its blacks, and for its whites."""

FINE, COARSE = 128, 16
"""Blocks over the height of a frame: small ones for blacks, large ones, where noise vanishes, for monochrome."""

MONOCHROME_SPREAD = 0.02
"""Density by which the channels of a monochrome picture may stray from one curve."""


class Unfading(Remedy):
    """What is left of the cyan, magenta and yellow dye, and the density the base has gained."""

    share: Triple = Field((1.0, 1.0, 1.0), description="share of each dye taken to be left, above 0")
    stain: Triple = Field((0.0, 0.0, 0.0), description="density gained by the red, green and blue channel")
    dyes: tuple[Triple, Triple, Triple] = Field(DYES, description="absorption of each dye in red, green and blue")
    strength: float = Field(1.0, ge=0, le=1, description="0 leaves the print as found, 1 undoes all of it")
    confidence: float = Field(1.0, ge=0, le=1, description="agreement of the evidence; 1 where a person gave it")
    found: str = Field("", description="how share and stain were found, or why nothing is done")

    @property
    def identity(self) -> bool:
        """Whether it leaves every clip as found, value for value."""
        return self.strength == 0 or (self.share == (1.0, 1.0, 1.0) and self.stain == (0.0, 0.0, 0.0))

    @override
    def apply(self, clip: Clip, bench: Bench) -> Clip:
        if self.identity:
            return clip
        matrix, offset = self._affine()
        return clip.toned(mixed(clip.frames, matrix, offset))

    def undone(self, clip: Clip) -> Clip:
        """The clip before `apply`, to rounding: layers are reversible."""
        if self.identity:
            return clip
        matrix, offset = self._affine()
        inverse = np.asarray(np.linalg.inv(matrix), dtype=np.float64)
        return clip.toned(mixed(clip.frames, inverse, -inverse @ offset))

    @override
    def summary(self) -> str:
        if self.identity:
            return f"left as found: {self.found or 'strength 0'}"
        share, stain = (" ".join(f"{v:.2f}" for v in values) for values in (self.share, self.stain))
        dyes = f"cyan magenta yellow left {share}, stain in red green blue {stain}"
        return f"{dyes}, confidence {self.confidence:.2f}, {self.found}"

    def _affine(self) -> tuple[Points, Points]:
        """Matrix and offset from faded density to density, strength included."""
        absorbed = neutral(self.dyes)
        whole = absorbed @ np.diag(1 / np.array(self.share)) @ np.linalg.inv(absorbed)
        matrix = np.eye(3) + self.strength * (whole - np.eye(3))
        return matrix, -self.strength * whole @ np.array(self.stain)


class Patch(BaseModel):
    """A rectangle on one frame, in pixels of the frame as this treatment sees it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    frame: int = Field(ge=0, description="reel number of the frame")
    x: int = Field(ge=0, description="left edge, pixels from the left")
    y: int = Field(ge=0, description="upper edge, pixels from the top")
    width: int = Field(ge=1, description="pixels")
    height: int = Field(ge=1, description="pixels")


class DecayCorrection(Restorer):
    """Bring every dye layer back to the density it was developed to."""

    kind: Literal["decay"] = "decay"
    strength: float = Field(1.0, ge=0, le=1, description="0 leaves the print as found")
    clear: Patch | None = Field(None, description="clear film, such as the leader: shows the stain")
    gray: Patch | None = Field(None, description="something that was a neutral gray")
    black: Patch | None = Field(None, description="something that was a neutral black: shows what the layers lost")
    confidence: float = Field(
        0.4, ge=0, le=1, description="least confidence at which a reel without references is changed at all"
    )
    samples: int = Field(16, ge=4, le=256, description="frames looked at where no reference is given")

    scope: ClassVar[Scope] = Scope.REEL
    remedy: ClassVar[type[Remedy]] = Unfading

    @override
    def examine(self, footage: Footage, bench: Bench) -> Unfading:
        """One remedy for the reel; `footage` in density.

        Raises:
            RestorationError: a reference is not on the footage, or the references contradict one another.
        """
        if self.strength == 0:
            return Unfading(strength=0, found="strength 0")
        frames, coarse = [], []
        for clip in footage.sample(self.samples):
            frames.append(_blocks(clip, FINE))
            coarse.append(_blocks(clip, COARSE).reshape(-1, 3))
        if monochrome(np.concatenate(coarse)):
            return Unfading(found="the picture is monochrome")
        patches = {
            n: p for n, p in (("clear", self.clear), ("gray", self.gray), ("black", self.black)) if p is not None
        }
        return self._from_references(footage, patches) if patches else self._from_statistics(frames)

    def _from_references(self, footage: Footage, patches: dict[str, Patch]) -> Unfading:
        points = np.array([_density_of(footage, name, patch) for name, patch in patches.items()])
        share, stain = neutral_fit(_dyes_of(points), clear="clear" in patches)
        if not (share.min() >= LEAST_SHARE and share.max() <= 1 / LEAST_SHARE):
            measured = "; ".join(
                f"{n} {d[0]:.2f} {d[1]:.2f} {d[2]:.2f}" for n, d in zip(patches, points.tolist(), strict=True)
            )
            raise RestorationError(
                f"the decay references leave a dye {share.min():.2f} of its density, expected at least {LEAST_SHARE} "
                f"({measured} red green blue): point at places that were neutral, the black denser than the clear"
            )
        return self._remedy(share, stain, 1.0, f"from {', '.join(patches)} pointed at")

    def _from_statistics(self, frames: list[Points]) -> Unfading:
        if len(frames) < 4:
            return Unfading(confidence=0, found=f"{len(frames)} frames are too few to tell fading from color")
        amounts = [_dyes_of(frame) for frame in frames]
        points = tails(amounts)
        share, stain = neutral_fit(points)
        sure = agreement(amounts, points)
        if sure < self.confidence:
            found = f"the evidence is weak, confidence {sure:.2f} below {self.confidence:.2f}"
            return Unfading(confidence=sure, found=found)
        if share.min() < LEAST_SHARE:
            return Unfading(confidence=sure, found=f"a layer seems to have {share.min():.2f} of its density left")
        if share.min() >= SOUND_SHARE:
            found = f"blacks keep at least {share.min():.2f} of their density in every layer: no fading to be seen"
            return Unfading(confidence=sure, found=found)
        return self._remedy(share, stain, sure, f"from blacks and whites of {len(frames)} frames")

    def _remedy(self, share: Points, stain: Points, confidence: float, found: str) -> Unfading:
        """The remedy of shares and stains of dyes."""
        return Unfading(
            share=_triple(share),
            stain=_triple(neutral(DYES) @ stain),
            strength=self.strength,
            confidence=confidence,
            found=found,
        )


def neutral(dyes: tuple[Triple, Triple, Triple]) -> Points:
    """Absorptions `(3, 3)` with dyes measured so that equal amounts of all three are neutral."""
    absorbed = np.array(dyes)
    balanced: Points = absorbed / absorbed.sum(axis=1, keepdims=True)
    return balanced


def mixed(frames: Tensor, matrix: Points, offset: Points) -> Tensor:
    """Frames `(T, 3, H, W)` through a 3 x 3 matrix and an offset `(3,)`."""
    red, green, blue = frames.unbind(1)
    lines = zip(matrix.tolist(), offset.tolist(), strict=True)
    rows = [a * red + b * green + c * blue + level for (a, b, c), level in lines]
    return torch.stack(rows, dim=1)


def neutral_fit(points: Points, *, clear: bool = False) -> tuple[Points, Points]:
    """Share and stain `(3,)` that make places where all dyes were of one amount equal again.

    Every dye is a straight line of the one with the widest range. A single place cannot tell share from stain:
    clear film is taken to show stain alone, a gray or black loss alone.

    Args:
        points: amounts of the dyes left `(N, 3)` in neutral places, at least one.
        clear: whether the first of them is clear film.
    """
    if len(points) == 1:
        density = points[0]
        if clear:
            return np.ones(3), density - density.min()
        return density / density.max(), np.zeros(3)
    widest = int(np.argmax(points.max(axis=0) - points.min(axis=0)))
    reference = points[:, widest]
    lines = [np.polynomial.Polynomial.fit(reference, points[:, c], 1).convert() for c in range(3)]
    share = np.array([line.coef[1] if len(line.coef) > 1 else 0.0 for line in lines])
    stain = np.array([line.coef[0] for line in lines])
    share[widest], stain[widest] = 1.0, 0.0
    return share, stain


def tails(frames: Sequence[Points]) -> Points:
    """Whites and blacks of a reel `(2, 3)`: medians of its least and most dense blocks, all frames pooled."""
    pooled = np.concatenate([frame.reshape(-1, 3) for frame in frames])
    mean = pooled.mean(axis=1)
    low, high = np.quantile(mean, (TAIL, 1 - TAIL))
    return np.stack([np.median(pooled[mean <= low], axis=0), np.median(pooled[mean >= high], axis=0)])


def agreement(frames: Sequence[Points], points: Points) -> float:
    """How far the evidence for fading agrees with itself, 0 to 1; not a probability.

    Asks whether there is range enough to tell blacks from whites, whether either half of the frames says the same, and
    whether the densest blocks are also where each single dye is densest, as they are in neutral blacks.
    """
    reach = float((points[1] - points[0]).max())
    halves = [neutral_fit(tails(frames[start::2]))[0] for start in (0, 1)]
    pooled = np.concatenate([frame.reshape(-1, 3) for frame in frames])
    single = neutral_fit(np.quantile(pooled, (TAIL / 2, 1 - TAIL / 2), axis=0))[0]
    joint = neutral_fit(points)[0]
    ratios = [_ratio(halves[0], halves[1]), _ratio(joint, single)]
    return float(np.clip((reach - 0.4) / 0.6, 0, 1) * max(0.0, 1 - sum(ratios)))


def monochrome(densities: Points) -> bool:
    """Whether densities `(N, 3)` lie on one curve, as those of a black-and-white, tinted or toned picture do."""
    green = densities[:, 1]
    if np.ptp(green) < 1e-6:
        return bool(np.ptp(densities, axis=0).max() < MONOCHROME_SPREAD)
    for channel in (densities[:, 0], densities[:, 2]):
        curve = np.polynomial.Polynomial.fit(green, channel, 3)
        if np.quantile(np.abs(channel - curve(green)), 0.95) > MONOCHROME_SPREAD:
            return False
    return True


def _dyes_of(densities: Points) -> Points:
    """Amounts of the dyes `(..., 3)`, stain included, that densities `(..., 3)` show."""
    amounts: Points = densities @ np.linalg.inv(neutral(DYES)).T
    return amounts


def _ratio(a: Points, b: Points) -> float:
    if min(a.min(), b.min()) <= 0:
        return 1.0
    return float(np.abs(np.log(a / b)).max() / 0.5)


def _density_of(footage: Footage, name: str, patch: Patch) -> Points:
    try:
        frame = footage.clip(patch.frame, patch.frame + 1).frames[0]
    except IndexError as error:
        place = f"{footage.first}-{footage.stop - 1}"
        raise RestorationError(f"decay: {name} is on frame {patch.frame}, expected one of {place}") from error
    height, width = frame.shape[-2:]
    if patch.x + patch.width > width or patch.y + patch.height > height:
        box = f"x {patch.x}-{patch.x + patch.width}, y {patch.y}-{patch.y + patch.height}"
        raise RestorationError(f"decay: {name} ({box}) is not inside frame {patch.frame}, which is {width} x {height}")
    inside = frame[:, patch.y : patch.y + patch.height, patch.x : patch.x + patch.width]
    values: Points = np.median(inside.flatten(1).cpu().numpy().astype(np.float64), axis=1)
    return values


def _blocks(clip: Clip, rows: int) -> Points:
    """Means of one frame over square blocks `(h, w, 3)`, without the borders, where the scan shows its gate.

    There are at least `rows` blocks from top to bottom where the pixels allow.
    """
    height, width = clip.size
    top, left = height // 20, width // 20
    frame = clip.frames[0, :, top : height - top, left : width - left].permute(1, 2, 0).cpu().numpy()
    block = max(1, height // rows)
    size = (frame.shape[1] // block, frame.shape[0] // block)
    cropped = np.ascontiguousarray(frame[: size[1] * block, : size[0] * block])
    return np.asarray(cv2.resize(cropped, size, interpolation=cv2.INTER_AREA), dtype=np.float64)


def _triple(values: Points) -> Triple:
    red, green, blue = (float(v) for v in values)
    return red, green, blue
