"""The unfader: a very small network that guesses how far a reel has faded from the colors on it.

It says how sure it is: a Gaussian, whose covariance it gives by its Cholesky factor, as

Nix, Weigend, *Estimating the mean and variance of the target probability distribution*, ICNN 1994. doi:10.1109/
ICNN.1994.374138; Williams, *Using Neural Networks to Model Conditional Multivariate Densities*, Neural Computation 8,
1996 (the factor).
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

NUMBERS = 4  # of a fade: logarithms of three shares, and the stain
LOWER = NUMBERS * (NUMBERS - 1) // 2


class Unfader(nn.Module):
    """What a fade is likely to be.

    Args:
        signs: that are made out on a reel.
        width: of its first layer; half as much of the second.
    """

    center: Tensor
    spread: Tensor

    def __init__(self, signs: int, width: int = 128) -> None:
        super().__init__()
        self.register_buffer("center", torch.zeros(signs))
        self.register_buffer("spread", torch.ones(signs))
        self.layers = nn.Sequential(
            nn.Linear(signs, width),
            nn.SiLU(),
            nn.Linear(width, width // 2),
            nn.SiLU(),
            nn.Linear(width // 2, 2 * NUMBERS + LOWER),
        )

    def forward(self, signs: Tensor) -> tuple[Tensor, Tensor]:
        """Mean `(N, 4)`, and lower triangular factor `(N, 4, 4)` of the precision, of signs `(N, signs)`."""
        known = ((signs - self.center) / self.spread).clamp(-5, 5)
        given = self.layers(known)
        mean, diagonal, below = given.split((NUMBERS, NUMBERS, LOWER), dim=-1)
        factor = torch.diag_embed(functional.softplus(diagonal + 2) + 0.1)
        rows, columns = torch.tril_indices(NUMBERS, NUMBERS, -1)
        factor = factor.index_put((torch.arange(len(given))[:, None], rows, columns), below)
        return mean, factor
