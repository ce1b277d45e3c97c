"""A frame fused with its neighbors in time: grain is averaged away along the motion, the picture stays.

Grain is independent from frame to frame and the picture is not. Up to three neighbors each side are brought to the
frame along the flow, and all are cut into overlapping tiles. The tiles' cosine coefficients are averaged over time,
band by band, with weights that fall where a neighbor differs by more than grain does: at occlusions, where flow went
astray, and in fine detail that flow missed by a fraction of a pixel. What grain is left is then taken off in space:
little where time has taken it already, all that can be where a frame stands alone. Coefficients that clearly stand out
of the grain make a pilot, and by the pilot's strength all are weighed.

Averaging bursts in the domain of small tiles' frequencies is Hasinoff et al., Burst photography for high dynamic range
and low-light imaging on mobile cameras, ACM TOG 35(6), 2016, doi:10.1145/2980179.2980254; a pilot and empirical Wiener
filtering of motion-compensated tiles is Maggioni, Boracchi, Foi, Egiazarian, Video denoising, deblocking, and
enhancement through separable 4-D nonlocal spatiotemporal transforms, IEEE TIP 21(9), 2012,
doi:10.1109/TIP.2012.2199324. Both take noise for white; grain is not. Its strength at each density, its spectrum and
its colors are those of the shot's grain model.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812  # as everybody writes it
from numpy.typing import NDArray
from torch import Tensor

from restorers.clip import Clip
from restorers.detail.course import course
from restorers.detail.grain import Floats, GrainModel
from restorers.detail.tiles import STEP, TILE, analyzed, bands, blended, coefficient_variance, each, synthesized
from restorers.geometry.motion import Flow, Picture

REACH = 3
MARGIN = 3 * STEP  # pixels around a block that its tiles, their pilot and the weights of these look at
BLOCK = (128, 256)  # pixels worked on at once: small enough for the processor's cache
DOUBT = 14.0  # how fast weights fall with what is more than grain
THRESHOLD = 2.7  # sigmas: coefficients under it are grain to the pilot
FAINT = 0.003  # share of the strongest color's grain under which a color has none to measure by


class Fused(NamedTuple):
    """A frame as its neighbors in time agree on it."""

    frame: Tensor
    """Density, `(3, H, W)`."""
    share: Tensor
    """What is left of the standard deviation of its grain, `(H, W)`, in [0, 1]."""
    support: Tensor
    """How much its neighbors lent, `(H, W)`, in [0, 1]: 1 where six agree with it, 0 where it stands alone."""


def fused(
    clip: Clip,
    number: int,
    pictures: Mapping[int, Picture],
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
        pictures: `course.flow_pictures` of the frame and its neighbors.
        model: the grain of the shot.
        strength: 0 leaves the frame as it is.
        blemished: bool `(T, H, W)`, pixels that lend nothing. In the frame itself they become what its neighbors show,
            and stay what they are where no neighbor shows anything.
    """
    frame = clip[number]
    numbers = [n for n in range(number - REACH, number + REACH + 1) if n != number and n in clip.numbers]
    flows = {n: course(pictures[number], pictures[n]) for n in numbers}
    noise = _Noise.of(model, frame.device)
    done = Fused(torch.empty_like(frame), torch.empty_like(frame[0]), torch.empty_like(frame[0]))
    height, width = clip.size
    for top in range(0, height, BLOCK[0]):
        for left in range(0, width, BLOCK[1]):
            place = _Place(top, left, min(BLOCK[0], height - top), min(BLOCK[1], width - left), clip.size)
            stack = place.stack(clip, number, flows, blemished)
            for whole, part in zip(done, _estimated(stack, noise, strength), strict=True):
                place.within(whole).copy_(place.inner(part))
    torch.lerp(frame, done.frame, strength, out=done.frame)
    return done


class _Stack(NamedTuple):
    """A block of a frame and of its neighbors brought to it, with a margin."""

    planes: Tensor
    """Density, `(1 + K, 3, h, w)`, the frame first."""
    lending: Tensor | None
    """Share of each tile that a neighbor may lend, `(K, 1, rows, columns)`; None where all of it."""


@dataclass(frozen=True)
class _Place:
    """A block of a frame and its margin, mirrored at the frame's edges."""

    top: int
    left: int
    height: int
    width: int
    size: tuple[int, int]

    def within(self, plane: Tensor) -> Tensor:
        """The block in a whole frame `(..., H, W)`."""
        return plane[..., self.top : self.top + self.height, self.left : self.left + self.width]

    def inner(self, part: Tensor) -> Tensor:
        """The block in what was worked out for it and the tiles around it."""
        return part[..., STEP : STEP + self.height, STEP : STEP + self.width]

    def stack(self, clip: Clip, number: int, flows: Mapping[int, Flow], blemished: Tensor | None) -> _Stack:
        """The block of a frame and of its neighbors along the flows."""
        frame = clip[number]
        y, x = _mirrored(self.top, self.height, self.size[0]), _mirrored(self.left, self.width, self.size[1])
        rows, columns = (torch.from_numpy(a).to(frame.device) for a in (y, x))
        planes = frame.new_empty((1 + len(flows), 3, len(y), len(x)))
        planes[0] = frame[:, rows][:, :, columns]
        places = {n: self._along(flow, y, x) for n, flow in flows.items()}
        for plane, (n, at) in zip(planes[1:], places.items(), strict=True):
            plane.copy_(_fetched(clip[n], at))
        if blemished is None:
            return _Stack(planes, None)
        masks = {n: blemished[n - clip.first][None].to(planes.dtype) for n in (number, *places)}
        hidden = [masks[number][:, rows][:, :, columns], *(_fetched(masks[n], at) for n, at in places.items())]
        return _mended(planes, torch.stack(hidden) > 0.02)

    def _along(self, flow: Flow, y: NDArray[np.int64], x: NDArray[np.int64]) -> tuple[Floats, Floats]:
        """Where in a neighbor each pixel of rows y and columns x is found: x and y, in pixels of the frame."""
        down, across = flow.shape[0] / self.size[0], flow.shape[1] / self.size[1]
        rows, columns = ((y + 0.5) * down - 0.5).astype(np.float32), ((x + 0.5) * across - 0.5).astype(np.float32)
        grid = np.meshgrid(columns, rows)
        motion = cv2.remap(flow, grid[0], grid[1], cv2.INTER_LINEAR, None, cv2.BORDER_REPLICATE)
        motion = np.asarray(motion / np.array([across, down], np.float32), np.float32)
        across_at = np.asarray(motion[..., 0] + x, np.float32)
        return across_at, np.asarray(motion[..., 1] + y[:, None], np.float32)


@dataclass(frozen=True)
class _Noise:
    """Grain as the tiles' coefficients see it, in one luma and two differences of the colors.

    Attributes:
        model: the grain.
        opponents: `(3, 3)`: luma and differences of red, green and blue, orthonormal.
        colors: `(3, 3, 3)`: variance of luma and differences, of the strengths of red, green and blue.
        spectrum: variance of each coefficient `(64, 1, 1)`, of grain whose variance is 1.
        pooling: `(6, 192, 1, 1)`: mean of a band's squares over its coefficients, and over the colors that have grain.
    """

    model: GrainModel
    opponents: Tensor
    colors: Tensor
    spectrum: Tensor
    pooling: Tensor

    @classmethod
    def of(cls, model: GrainModel, device: torch.device) -> "_Noise":
        opponents = torch.tensor([[1.0, 1.0, 1.0], [1.0, 0.0, -1.0], [1.0, -2.0, 1.0]], device=device)
        opponents /= opponents.norm(dim=1, keepdim=True)
        correlation = torch.as_tensor(np.asarray(model.correlation, np.float32), device=device)
        colors = opponents[:, :, None] * opponents[:, None] * correlation
        usual = torch.as_tensor(np.median(np.asarray(model.sigma, np.float32), 1), device=device)
        variance = torch.einsum("iab,a,b->i", colors, usual, usual)
        grainy = (variance >= FAINT * variance.max()).float()
        pooling = torch.zeros((len(bands()), 3, TILE**2), device=device)
        for band, (first, stop) in enumerate(bands()):
            pooling[band, :, first:stop] = grainy[:, None] / grainy.sum() / (stop - first)
        spectrum = torch.from_numpy(coefficient_variance(np.asarray(model.autocorrelation, np.float32))).to(device)
        return cls(model, opponents, colors, spectrum.view(-1, 1, 1), pooling.flatten(1)[:, :, None, None])

    def at(self, level: Tensor) -> Tensor:
        """Standard deviation `(3, 64, rows, columns)` of coefficients of tiles whose mean density is `level`."""
        sigma = self.model.sigma_at(level)
        variance = torch.einsum("iab,ahw,bhw->ihw", self.colors, sigma, sigma)
        floor = (FAINT * variance.amax(0, keepdim=True)).clamp_(min=1e-10)
        return (torch.maximum(variance, floor)[:, None] * self.spectrum).sqrt_()


def _estimated(stack: _Stack, noise: _Noise, strength: float) -> tuple[Tensor, Tensor, Tensor]:
    """The estimate, the share of its grain and its support, of a block and the tiles around it."""
    sigma = noise.at(F.avg_pool2d(stack.planes[0], TILE, STEP))
    tiles = analyzed(torch.einsum("ij,kjhw->kihw", noise.opponents, stack.planes)).div_(sigma)
    weights = _weights(tiles[1:], tiles[0], noise)
    if stack.lending is not None:
        weights *= stack.lending
    mean, left = _averaged(tiles[0], tiles[1:], weights), _left(weights)

    rough = (mean.square() > THRESHOLD**2 * each(left)).float()
    rough[:, 0] = 1
    pilot = synthesized(rough.mul_(mean).mul_(sigma))[..., 2 * STEP : -2 * STEP, 2 * STEP : -2 * STEP]
    mean, sigma, weights, left = (t[..., 2:-2, 2:-2] for t in (mean, sigma, weights, left))
    power = analyzed(pilot).div_(sigma).square_()
    gain = power.div_(power + each(left))
    gain[:, 0] = 1

    shown = torch.einsum("ji,jhw->ihw", noise.opponents, synthesized((mean * gain).mul_(sigma)))
    support = weights.sum((0, 1)) / (2 * REACH * len(bands()))
    share, support = blended(torch.stack((_share(gain, weights, sigma, strength), support)))
    return shown, share, support


def _weights(others: Tensor, own: Tensor, noise: _Noise) -> Tensor:
    """How much each neighbor's tiles count in each band, `(K, 6, rows, columns)`: 1 where they differ by grain alone.

    A tile is judged together with those around it, and all colors and coefficients of a band as one: a weight that
    followed the grain of a single coefficient would choose the grain that agrees.

    Args:
        others: coefficients `(K, 3, 64, rows, columns)`, in sigmas.
        own: the frame's, `(3, 64, rows, columns)`.
        noise: the grain.
    """
    excess = F.conv2d((others - own).square_().flatten(1, 2), noise.pooling / 2)  # a difference has the variance of two
    around = F.avg_pool2d(excess, 3, 1, 1, count_include_pad=False)
    return around.sub_(1).clamp_(min=0).mul_(DOUBT).add_(1).reciprocal_()


def _averaged(own: Tensor, others: Tensor, weights: Tensor) -> Tensor:
    """The mean of coefficients over time, `(3, 64, rows, columns)`."""
    total, mean = 1 + weights.sum(0), own.clone()
    for band, (first, stop) in enumerate(bands()):
        part = mean[:, first:stop]
        for other, weight in zip(others, weights[:, band], strict=True):
            part.addcmul_(other[:, first:stop], weight)
        part.div_(total[band])
    return mean


def _left(weights: Tensor) -> Tensor:
    """Share of grain's variance that is left in the mean over time, in each band, `(6, rows, columns)`."""
    return (1 + weights.square().sum(0)) / (1 + weights.sum(0)).square()


def _share(gain: Tensor, weights: Tensor, sigma: Tensor, strength: float) -> Tensor:
    """Share of grain's standard deviation that is left in each tile, `(rows, columns)`."""
    power = sigma.square()
    power = power / power.sum((0, 1))
    total, left, out = 1 + weights.sum(0), _left(weights), torch.zeros_like(sigma[0, 0])
    for band, (first, stop) in enumerate(bands()):
        p, g = power[:, first:stop], gain[:, first:stop]
        out += (1 - strength) ** 2 * p.sum((0, 1))
        out += 2 * strength * (1 - strength) / total[band] * (p * g).sum((0, 1))
        out += strength**2 * left[band] * (p * g.square()).sum((0, 1))
    return out.sqrt_()


def _mended(planes: Tensor, hidden: Tensor) -> _Stack:
    """A stack in which blemishes of neighbors show the frame, and those of the frame what most neighbors show.

    Args:
        planes: `(1 + K, 3, h, w)`, the frame first.
        hidden: bool `(1 + K, 1, h, w)`.
    """
    others = planes[1:]
    if len(others):
        shown = torch.nanmedian(others.masked_fill(hidden[1:], torch.nan), 0).values
        planes[0] = torch.where(hidden[0] & ~shown.isnan(), shown, planes[0])
    others.copy_(torch.where(hidden[1:], planes[:1], others))
    spoiled = F.avg_pool2d(hidden[1:].to(planes.dtype), TILE, STEP)
    return _Stack(planes, (1 - 2 * spoiled).clamp_(min=0))


def _fetched(frame: Tensor, at: tuple[Floats, Floats]) -> Tensor:
    """A frame `(C, H, W)` at places x and y `(h, w)`, bicubic, mirrored at its edges."""
    if frame.is_cuda:
        height, width = frame.shape[-2:]
        x, y = (torch.from_numpy(a).to(frame.device) for a in at)
        grid = torch.stack((x * (2 / max(width - 1, 1)) - 1, y * (2 / max(height - 1, 1)) - 1), -1)
        return F.grid_sample(frame[None], grid[None], "bicubic", "reflection", align_corners=True)[0]
    maps = cv2.convertMaps(at[0], at[1], cv2.CV_16SC2)
    planes = [cv2.remap(p, maps[0], maps[1], cv2.INTER_CUBIC, None, cv2.BORDER_REFLECT_101) for p in frame.numpy()]
    return torch.from_numpy(np.stack(planes))


def _mirrored(first: int, length: int, size: int) -> NDArray[np.int64]:
    """Rows or columns of a block in whole steps, with its margin, mirrored into 0 <= n < size."""
    whole = -(-length // STEP) * STEP
    period = max(2 * (size - 1), 1)
    at = np.arange(first - MARGIN, first + whole + MARGIN) % period
    return np.asarray(np.minimum(at, period - at), np.int64)
