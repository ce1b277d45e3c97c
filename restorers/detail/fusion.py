"""A frame fused with its neighbors in time: grain is averaged away along the motion, the picture stays.

Grain is independent from frame to frame and the picture is not. Up to three neighbors each side are brought to the
frame along the flow, and all are cut into overlapping tiles. The tiles' cosine coefficients are averaged over time,
band by band, with weights that fall where a neighbor differs by more than grain does: at occlusions, where flow went
astray, and in fine detail that flow missed by a fraction of a pixel. What grain is left is then taken off in space:
little where time has taken it already, all that can be where a frame stands alone. Coefficients that clearly stand out
of the grain make a pilot, and by the pilot's strength all are weighed; by what that shows, patches that look alike are
then found and weighed together.

Averaging bursts in the domain of small tiles' frequencies is Hasinoff et al., Burst photography for high dynamic range
and low-light imaging on mobile cameras, ACM TOG 35(6), 2016, doi:10.1145/2980179.2980254; a pilot and empirical Wiener
filtering of motion-compensated tiles is Maggioni, Boracchi, Foi, Egiazarian, Video denoising, deblocking, and
enhancement through separable 4-D nonlocal spatiotemporal transforms, IEEE TIP 21(9), 2012,
doi:10.1109/TIP.2012.2199324. Both take noise for white; grain is not. Its strength at each density, its spectrum and
its colors are those of the shot's grain model.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from restorers.clip import Clip
from restorers.detail.blocks import Block, Stack, blocks
from restorers.detail.course import Courses
from restorers.detail.grain import GrainModel
from restorers.detail.groups import grouped
from restorers.detail.noise import Noise
from restorers.detail.tiles import STEP, TILE, analyzed, bands, blended, by_rows, each, synthesized

REACH = 3
DOUBT = 0.3  # share of grain's variance by which a difference may exceed it before a neighbor's weight is halved
THRESHOLD = 2.7  # sigmas: coefficients under it are grain to the pilot
LAST_RESORT = 1e-3  # weight of a hidden place, so that it stays where no neighbor shows it


class Fused(NamedTuple):
    """A frame as its neighbors in time agree on it."""

    frame: Tensor
    """Density, `(3, H, W)`."""
    share: Tensor
    """What is left of the standard deviation of its grain, `(H, W)`, in [0, 1]."""
    support: Tensor
    """How much its neighbors lent, `(H, W)`, in [0, 1]: 1 where six agree with it, 0 where it stands alone."""


class Recalled(NamedTuple):
    """What the neighbors of a frame know of places that are hidden in it."""

    frame: Tensor
    """Density, `(3, H, W)`, without grain where hidden; elsewhere the frame as found."""
    share: Tensor
    """What is left of the standard deviation of grain, `(H, W)`, in [0, 1]; 1 where nothing was hidden."""
    support: Tensor
    """How much its neighbors agree there, `(H, W)`, in [0, 1]: 1 where six show the same, 0 where none shows it."""
    donor: Tensor
    """int8 `(H, W)`: how many frames later (earlier, if negative) the neighbor that lent most is; 0 for none."""


def fused(
    clip: Clip,
    number: int,
    courses: Courses,
    model: GrainModel,
    *,
    strength: float = 1.0,
    blemished: Tensor | None = None,
) -> Fused:
    """A frame without its grain, as far as it and at most three neighbors each side tell picture and grain apart.

    It depends on the frame and these neighbors alone. Nothing reaches beyond the clip.

    Args:
        clip: density.
        number: reel number of the frame.
        courses: of the frame and its neighbors, at least.
        model: the grain of the shot.
        strength: 0 leaves the frame as it is.
        blemished: bool `(T, H, W)`, pixels that lend nothing. In the frame itself they become what its neighbors show,
            and stay what they are where no neighbor shows anything.
    """
    frame = clip[number]
    flows = {n: courses.course(number, n) for n in _neighbors(clip, number)}
    noise = Noise.of(model, frame.device)
    known, share, support = _Known.of(frame), *(frame.new_empty(clip.size) for _ in range(2))
    for block in blocks(clip.size):
        found = _estimated(block.stack(clip, number, flows, blemished), noise)
        lent = blended(torch.stack((found.share(strength), found.votes.support)))
        for whole, part in zip((share, support), lent, strict=True):
            block.within(whole).copy_(block.inner(part))
        known.note(block, found)
    shown = noise.seen(known.grouped())
    return Fused(torch.lerp(frame, shown, strength), share, support)


def averaged(clip: Clip, number: int, courses: Courses, model: GrainModel) -> Fused:
    """A frame as the mean of it and at most three neighbors each side: what grain is left in it is left to others.

    Args:
        clip: density.
        number: reel number of the frame.
        courses: of the frame and its neighbors, at least.
        model: the grain of the shot.
    """
    frame = clip[number]
    flows = {n: courses.course(number, n) for n in _neighbors(clip, number)}
    noise = Noise.of(model, frame.device)
    done = Fused(torch.empty_like(frame), *(frame.new_empty(clip.size) for _ in range(2)))
    for block in blocks(clip.size):
        mean, sigma, votes = _counted(block.stack(clip, number, flows, None), noise)
        shown, votes = synthesized(_inner(mean.mul_(sigma))), votes.inner
        lent = blended(torch.stack((votes.share_left, votes.support)))
        for whole, part in zip(done, (noise.seen(shown), *lent), strict=True):
            block.within(whole).copy_(block.inner(part))
    return done


def recalled(clip: Clip, number: int, courses: Courses, model: GrainModel, hidden: Tensor) -> Recalled:
    """What neighbors know of the places hidden in a frame, told from them alone.

    Neighbors are judged by what most of them show there, and by the frame itself right beside it. A place as wide as
    the flow's patches, about 24 pixels of 540 lines, is followed by what moves around it.

    Args:
        clip: density.
        number: reel number of the frame.
        courses: of the frame and its neighbors, at least, with `hidden` painted over.
        model: the grain of the shot.
        hidden: bool `(T, H, W)`, in all frames.
    """
    frame, at = clip[number], hidden[number - clip.first]
    numbers = _neighbors(clip, number)
    flows = {n: courses.course(number, n) for n in numbers}
    noise, distances = Noise.of(model, frame.device), torch.tensor([0, *(n - number for n in numbers)])
    nothing = torch.zeros_like(frame[0])
    done = Recalled(frame.clone(), nothing + 1, nothing, torch.zeros_like(nothing, dtype=torch.int8))
    for block in blocks(clip.size):
        here = block.within(at)
        if not bool(here.any()):
            continue
        found = _estimated(block.stack(clip, number, flows, hidden), noise)
        lent = blended(torch.cat((torch.stack((found.share(1.0), found.votes.support)), found.votes.lent)))
        most = lent[2:].max(0) if numbers else lent[:1].max(0)
        donor = torch.where(most.values > LAST_RESORT, most.indices + 1, 0) if numbers else most.indices
        parts = (noise.seen(found.picture), *lent[:2], distances.to(donor.device)[donor])
        for whole, part in zip(done, parts, strict=True):
            place = block.within(whole)
            place.copy_(torch.where(here, block.inner(part).to(whole.dtype), place))
    return done


def _neighbors(clip: Clip, number: int) -> list[int]:
    return [n for n in range(number - REACH, number + REACH + 1) if n != number and n in clip.numbers]


@dataclass(frozen=True, eq=False)
class _Known:
    """What was found of a whole frame, block by block.

    Attributes:
        picture: luma and differences of the colors without grain, `(3, H, W)`, density.
        mean: the same as the mean over time, with what is left of its grain.
        left: variance of each cosine in that mean, of grain whose variance is 1, `(64, rows, columns)` of tiles.
        variance: that of the grain, `(3, rows, columns)`.
    """

    picture: Tensor
    mean: Tensor
    left: Tensor
    variance: Tensor

    @classmethod
    def of(cls, frame: Tensor) -> "_Known":
        """Room for what will be found of a frame `(3, H, W)`."""
        tiles = [-(-n // STEP) + 1 for n in frame.shape[-2:]]
        planes = (frame.new_empty(frame.shape) for _ in range(2))
        return cls(*planes, *(frame.new_empty((count, *tiles)) for count in (TILE**2, 3)))

    def note(self, block: Block, found: "_Estimate") -> None:
        """Lay down what was found of a block."""
        for whole, part in ((self.picture, found.picture), (self.mean, found.mean)):
            block.within(whole).copy_(block.inner(part))
        y, x = block.top // STEP, block.left // STEP
        for whole, part in ((self.left, found.left), (self.variance, found.votes.variance)):
            whole[:, y : y + part.shape[1], x : x + part.shape[2]] = part

    def grouped(self) -> Tensor:
        """Luma and differences as patches that look alike agree on them, `(3, H, W)`."""
        left = self.left[by_rows()].permute(1, 2, 0)
        tables = (np.ascontiguousarray(t.cpu().numpy()) for t in (self.picture, self.mean, left, self.variance))
        return torch.from_numpy(grouped(*tables)).to(self.picture.device)


@dataclass(frozen=True, eq=False)
class _Votes:
    """How much each frame counts in the tiles of a block.

    Attributes:
        variance: of the grain of luma and differences, `(3, rows, columns)`.
        trust: weight of the frame itself, `(6, rows, columns)`.
        weights: those of its neighbors, `(K, 6, rows, columns)`.
        noise: the grain.
    """

    variance: Tensor
    trust: Tensor
    weights: Tensor
    noise: Noise

    @property
    def inner(self) -> "_Votes":
        """Those of the block, without the tiles around it."""
        return _Votes(_inner(self.variance), _inner(self.trust), _inner(self.weights), self.noise)

    @property
    def lent(self) -> Tensor:
        """How much each neighbor lent, `(K, rows, columns)`, in [0, 1]."""
        return self.weights.mean(1)

    @property
    def support(self) -> Tensor:
        """How much they lent together, `(rows, columns)`, in [0, 1]."""
        return self.lent.sum(0) / (2 * REACH)

    @property
    def grain(self) -> Tensor:
        """Share of grain's variance that the mean over time has left in each band, `(6, rows, columns)`."""
        return (self.trust.square() + self.weights.square().sum(0)) / (self.trust + self.weights.sum(0)).square()

    @property
    def share_left(self) -> Tensor:
        """Share of grain's standard deviation that the mean over time has left in each tile, `(rows, columns)`."""
        return self.over_colors(self.noise.bands * self.grain)

    def over_colors(self, left: Tensor) -> Tensor:
        """Share of standard deviation in each tile of shares of variance `(3, 6, rows, columns)`."""
        return (left.sum(1) * self.variance).sum(0).div_(self.variance.sum(0)).sqrt_()


@dataclass(frozen=True, eq=False)
class _Estimate:
    """What was found of a block and the tiles around it.

    Attributes:
        picture: luma and differences of the colors, density, `(3, h, w)`.
        mean: the same before grain was taken off in space.
        gain: share of each coefficient that was kept, `(3, 64, rows, columns)`.
        votes: how much each frame counts.
    """

    picture: Tensor
    mean: Tensor
    gain: Tensor
    votes: _Votes

    @property
    def left(self) -> Tensor:
        """Variance of each cosine in the mean over time, of grain whose variance is 1, `(64, rows, columns)`."""
        return each(self.votes.grain) * self.votes.noise.spectrum

    def share(self, strength: float) -> Tensor:
        """Share of grain's standard deviation that is left in each tile, `(rows, columns)`."""
        votes = self.votes
        left = self._pooled(self.gain.square()) * votes.grain
        if strength < 1:
            own = votes.trust / (votes.trust + votes.weights.sum(0))
            left = (1 - strength) ** 2 * votes.noise.bands + strength**2 * left
            left += 2 * strength * (1 - strength) * self._pooled(self.gain) * own
        return votes.over_colors(left)

    def _pooled(self, values: Tensor) -> Tensor:
        """Shares of each color and band in its grain `(3, 6, rows, columns)`, weighed by values of coefficients."""
        power = self.votes.noise.power
        return functional.conv2d(values.flatten(0, 1), power).view(3, -1, *values.shape[-2:])


def _counted(stack: Stack, noise: Noise) -> tuple[Tensor, Tensor, _Votes]:
    """The mean of coefficients over time, in sigmas, these sigmas, and what it is the mean of."""
    variance = noise.variance(functional.avg_pool2d(stack.own, TILE, STEP))
    sigma = (variance[:, None] * noise.spectrum).sqrt_()
    mean, trust, weights = _averaged(stack, noise, sigma.reciprocal())
    return mean, sigma, _Votes(variance, trust, weights, noise)


def _estimated(stack: Stack, noise: Noise) -> _Estimate:
    """The estimate of a block and the tiles around it."""
    mean, sigma, votes = _counted(stack, noise)
    grain = each(votes.grain)
    rough = mean.masked_fill(mean.square() <= THRESHOLD**2 * grain, 0)
    rough[:, 0] = mean[:, 0]
    pilot = synthesized(rough.mul_(sigma))[..., 2 * STEP : -2 * STEP, 2 * STEP : -2 * STEP]
    mean, sigma, grain = (_inner(t) for t in (mean, sigma, grain))
    gain = analyzed(pilot).div_(sigma).square_()
    gain.div_(gain + grain)
    gain[:, 0] = 1
    mean.mul_(sigma)
    return _Estimate(synthesized(mean * gain), synthesized(mean), gain, votes.inner)


def _inner(tiles: Tensor) -> Tensor:
    """Tiles `(..., rows, columns)` without the two on each side that only help to judge them."""
    return tiles[..., 2:-2, 2:-2]


def _averaged(stack: Stack, noise: Noise, scale: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The mean of coefficients over time, in sigmas, and the weights of the frame and of its neighbors in it."""
    own = noise.coefficients(stack.own).mul_(scale)
    rows, columns = own.shape[-2:]
    trust = own.new_ones((len(bands()), rows, columns))
    if stack.sound is not None:
        trust *= stack.sound[0].clamp(min=LAST_RESORT)
    weights = own.new_empty((len(stack.others), len(bands()), rows, columns))
    mean = own.clone() if stack.sound is None else own * trust[0]
    for index, (other, weight) in enumerate(zip(stack.others, weights, strict=True)):
        there = noise.coefficients(other).mul_(scale)
        torch.mul(_weight(there, own, noise), 1 if stack.sound is None else stack.sound[1 + index], out=weight)
        for band, (first, stop) in enumerate(bands()):
            mean[:, first:stop].addcmul_(there[:, first:stop], weight[band])
    return mean.div_(each(trust + weights.sum(0))), trust, weights


def _weight(other: Tensor, own: Tensor, noise: Noise) -> Tensor:
    """How much a neighbor's tiles count in each band, `(6, rows, columns)`: 1 where they differ by grain alone.

    A tile is judged together with those around it, and all colors and coefficients of a band as one: a weight that
    followed the grain of a single coefficient would choose the grain that agrees.

    Args:
        other: coefficients `(3, 64, rows, columns)`, in sigmas.
        own: the frame's.
        noise: the grain.
    """
    excess = functional.conv2d(
        (other - own).square_().flatten(0, 1), noise.pooling / 2
    )  # a difference has the variance of two
    around = functional.avg_pool2d(excess, 3, 1, 1, count_include_pad=False)
    return around.sub_(1).clamp_(min=0).div_(DOUBT).square_().add_(1).reciprocal_()
