"""BM3D for color, frame by frame, since no free build of it works here: ffmpeg's thresholds groups wrongly.

Dabov, Foi, Katkovnik, Egiazarian, Image denoising by sparse 3-D transform-domain collaborative filtering, IEEE TIP
16(8), 2007, doi:10.1109/TIP.2007.901238, and the same authors' Color image denoising via sparse 3D collaborative
filtering with grouping constraint in luminance-chrominance space, ICIP 2007, doi:10.1109/ICIP.2007.4378954: the
constants are theirs but for a search of 25 pixels instead of 39, patches 4 apart instead of 3, and cosines instead of
a biorthogonal wavelet in the first pass. Their mean on Kodak's 24 pictures under white noise of 25 levels is 31.68 dB.
"""

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
import scipy.fft
import torch
from numpy.typing import NDArray
from torch import Tensor

PATCH = 8
STRIDE = 4
SEARCH = 12  # pixels to each side
ALIKE = (16, 32)  # patches of a group, in the first pass and in the second
FARTHEST = (3000.0, 400.0)  # mean squared difference of pixels within a group, in 8-bit levels
THRESHOLD = 2.7
KAISER = 2.0
CHUNK = 4096  # patches worked on at once
OPPONENTS = np.array([[1 / 3, 1 / 3, 1 / 3], [0.5, 0, -0.5], [0.25, -0.5, 0.25]], np.float32)


@dataclass(frozen=True)
class BlockMatching:
    """BM3D against white noise of a standard deviation in 8-bit levels."""

    sigma: float

    def __call__(self, frames: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Each frame of `(T, H, W, 3)` on its own."""
        return np.stack([self._calmed(frame) for frame in frames])

    def _calmed(self, frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
        height, width = frame.shape[:2]
        padding = [(SEARCH, SEARCH + PATCH), (SEARCH, SEARCH + PATCH), (0, 0)]
        planes = np.einsum("ij,hwj->ihw", OPPONENTS, np.pad(frame, padding, "reflect").astype(np.float32))
        noisy = torch.from_numpy(np.ascontiguousarray(planes))
        sigmas = torch.from_numpy(np.linalg.norm(OPPONENTS, axis=1).astype(np.float32) * self.sigma)
        basic = _filtered(noisy, noisy, sigmas, 0)
        done = np.einsum("ij,jhw->hwi", np.linalg.inv(OPPONENTS), _filtered(noisy, basic, sigmas, 1).numpy())
        done = done[SEARCH : SEARCH + height, SEARCH : SEARCH + width]
        return np.asarray(np.clip(np.rint(done), 0, 255), np.uint8)


def _filtered(noisy: Tensor, guide: Tensor, sigmas: Tensor, turn: int) -> Tensor:
    """One pass over planes `(3, h, w)`: by threshold the first time, by the guide's power the second."""
    width = noisy.shape[-1]
    columns = width - PATCH + 1
    tables = _analyzed(noisy), _analyzed(guide)
    total, weights = torch.zeros_like(tables[0]), torch.zeros((len(tables[0]), 3))
    for members, count in _groups(guide[0].numpy(), turn):
        for size in (2**k for k in range(ALIKE[turn].bit_length())):
            same = members[(count >= size) & (count < 2 * size)][:, :size]
            for part in same.T.split(CHUNK // size, 1):
                groups = [_along_haar(table[part.flatten()], size) for table in tables[: turn + 1]]
                groups, variance = [g.view(size, -1, 3, PATCH**2) for g in groups], sigmas[:, None] ** 2
                if turn == 0:
                    kept = (groups[0].square() > THRESHOLD**2 * variance).float()
                    spread = kept.sum((0, 3)).clamp_(min=1)
                else:
                    power = groups[1].square_()
                    kept = power.div_(power + variance)
                    spread = kept.square().sum((0, 3)).clamp_(min=1e-3)
                weight = (spread * variance[:, 0]).reciprocal_()
                back = groups[0].mul_(kept).mul_(weight[:, :, None])
                total.index_add_(0, part.flatten(), _along_haar(back, size, inverse=True).view(-1, 3, PATCH**2))
                weights.index_add_(0, part.flatten(), weight.expand(size, -1, -1).flatten(0, 1))
    sums, norms = _overlaid(total, columns), _overlaid(weights[:, :, None], columns)
    return torch.where(norms > 0, sums / norms.clamp(min=1e-12), noisy)


def _overlaid(patches: Tensor, columns: int) -> Tensor:
    """Coefficients of patches at every place, `(places, 3, 64)`, or `(places, 3, 1)` for even ones, added up."""
    window = torch.from_numpy(np.outer(*[np.kaiser(PATCH, KAISER)] * 2).astype(np.float32).reshape(-1, 1))
    listed = patches.reshape(len(patches) * 3, -1).T
    pixels = (_cosines().T @ listed if len(listed) > 1 else listed) * window
    rows = len(patches) // columns
    out = torch.zeros((rows + PATCH - 1, columns + PATCH - 1, 3))
    for index, plane in enumerate(pixels.view(-1, rows, columns, 3)):
        y, x = divmod(index, PATCH)
        out[y : y + rows, x : x + columns] += plane
    return out.permute(2, 0, 1)


def _groups(guide: NDArray[np.float32], turn: int) -> list[tuple[Tensor, Tensor]]:
    """Places of the patches most like each reference, itself first, `(refs, N)`, and how many of them are alike."""
    height, width = guide.shape
    rows, columns = height - PATCH + 1, width - PATCH + 1
    steps = [np.unique([*range(SEARCH, n - SEARCH, STRIDE), n - SEARCH - 1]) for n in (rows, columns)]
    offsets = [(y, x) for y in range(-SEARCH, SEARCH + 1) for x in range(-SEARCH, SEARCH + 1)]
    offsets.sort(key=lambda o: o != (0, 0))
    reach = np.array([y * columns + x for y, x in offsets])
    found = []
    for some in np.array_split(steps[0], max(len(steps[0]) // 24, 1)):
        top, bottom = some[0], some[-1] + PATCH
        here = guide[top:bottom, SEARCH : width - SEARCH]
        far = np.empty((len(offsets), len(some), len(steps[1])), np.float32)
        for index, (y, x) in enumerate(offsets):
            there = guide[top + y : bottom + y, SEARCH + x : width - SEARCH + x]
            apart = cv2.boxFilter(cv2.absdiff(here, there) ** 2, -1, (PATCH, PATCH), anchor=(0, 0))
            far[index] = apart[np.ix_(some - top, steps[1] - SEARCH)]
        near = torch.topk(torch.from_numpy(far.reshape(len(offsets), -1).T.copy()), ALIKE[turn], largest=False)
        places = torch.from_numpy((some[:, None] * columns + steps[1]).reshape(-1, 1))
        count = (near.values <= FARTHEST[turn]).sum(1).clamp_(min=1)
        found.append((places + torch.from_numpy(reach)[near.indices], count))
    return found


def _along_haar(patches: Tensor, size: int, *, inverse: bool = False) -> Tensor:
    """Groups whose members come first, `(size * groups, ...)` or `(size, groups, ...)`, transformed along them."""
    haar = torch.from_numpy(_haar(size))
    return (haar.T if inverse else haar) @ patches.reshape(size, -1)


def _analyzed(planes: Tensor) -> Tensor:
    """Coefficients of the patch at every place, `(places, 3, 64)`."""
    patches = planes.unfold(1, PATCH, 1).unfold(2, PATCH, 1).permute(1, 2, 0, 3, 4)
    return patches.reshape(-1, 3, PATCH**2) @ _cosines().T


@lru_cache(maxsize=1)
def _cosines() -> Tensor:
    """The orthonormal cosines of a patch, `(64, 64)`."""
    line = scipy.fft.dct(np.eye(PATCH), axis=0, norm="ortho")
    return torch.from_numpy(np.kron(line, line).astype(np.float32))


@lru_cache(maxsize=8)
def _haar(size: int) -> NDArray[np.float32]:
    """The orthonormal Haar transform of a power of two."""
    if size == 1:
        return np.ones((1, 1), np.float32)
    half = _haar(size // 2)
    both = (np.kron(half, [1, 1]), np.kron(np.eye(size // 2), [1, -1]))
    return np.asarray(np.concatenate(both) / 2**0.5, np.float32)
