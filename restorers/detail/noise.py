"""Grain as cosine coefficients of tiles see it, in luma and differences of the colors."""

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor

from restorers.detail.grain import GrainModel
from restorers.detail.tiles import TILE, analyzed, bands, coefficient_variance

FAINT = 0.003  # share of the strongest color's grain under which a color has none to measure by


@dataclass(frozen=True, eq=False)
class Noise:
    """Grain of one luma and two differences of the colors.

    Attributes:
        model: the grain.
        opponents: `(3, 3)`: luma and differences of red, green and blue, orthonormal.
        colors: `(3, 3, 3)`: variance of luma and differences, of the strengths of red, green and blue.
        spectrum: variance of each coefficient `(64, 1, 1)`, of grain whose variance is 1.
        pooling: `(6, 192, 1, 1)`: mean of a band's squares over its coefficients, and over the colors that have grain.
        power: `(18, 192, 1, 1)`: sum over a band of each color, weighed by the spectrum; adds up to 1.
    """

    model: GrainModel
    opponents: Tensor
    colors: Tensor
    spectrum: Tensor
    pooling: Tensor
    power: Tensor

    @classmethod
    def of(cls, model: GrainModel, device: torch.device) -> "Noise":
        """What a model of grain says, on a device."""
        opponents = torch.tensor([[1.0, 1.0, 1.0], [1.0, 0.0, -1.0], [1.0, -2.0, 1.0]], device=device)
        opponents /= opponents.norm(dim=1, keepdim=True)
        correlation = torch.as_tensor(np.asarray(model.correlation, np.float32), device=device)
        colors = opponents[:, :, None] * opponents[:, None] * correlation
        usual = torch.as_tensor(np.median(np.asarray(model.sigma, np.float32), 1), device=device)
        variance = torch.einsum("iab,a,b->i", colors, usual, usual)
        grainy = (variance >= FAINT * variance.max()).float()
        spectrum = torch.from_numpy(coefficient_variance(np.asarray(model.autocorrelation, np.float32))).to(device)
        pooling = torch.zeros((len(bands()), 3, TILE**2), device=device)
        power = torch.zeros((3, len(bands()), 3, TILE**2), device=device)
        for band, (first, stop) in enumerate(bands()):
            pooling[band, :, first:stop] = grainy[:, None] / grainy.sum() / (stop - first)
            for color in range(3):
                power[color, band, color, first:stop] = spectrum[first:stop] / spectrum.sum()
        tables = (pooling.flatten(1), power.flatten(0, 1).flatten(1))
        return cls(model, opponents, colors, spectrum.view(-1, 1, 1), *(table[:, :, None, None] for table in tables))

    def variance(self, level: Tensor) -> Tensor:
        """Variance `(3, rows, columns)` of luma and differences where the mean density is `level`."""
        sigma = self.model.sigma_at(level)
        variance = torch.einsum("iab,ahw,bhw->ihw", self.colors, sigma, sigma)
        floor = (FAINT * variance.amax(0, keepdim=True)).clamp_(min=1e-10)
        return torch.maximum(variance, floor)

    @property
    def bands(self) -> Tensor:
        """Share of each band in a color's grain, `(3, 6, 1, 1)`."""
        return self.power.sum((1, 2, 3)).view(3, -1, 1, 1)

    def seen(self, planes: Tensor) -> Tensor:
        """Red, green and blue `(3, h, w)` of luma and differences."""
        return torch.einsum("ji,jhw->ihw", self.opponents, planes)

    def coefficients(self, planes: Tensor) -> Tensor:
        """Coefficients `(3, 64, rows, columns)` of densities `(3, h, w)`."""
        if planes.is_cuda:
            return analyzed(torch.einsum("ij,jhw->ihw", self.opponents, planes))
        pixels = np.ascontiguousarray(planes.permute(1, 2, 0).numpy())
        return analyzed(torch.from_numpy(cv2.transform(pixels, self.opponents.numpy())).permute(2, 0, 1))
