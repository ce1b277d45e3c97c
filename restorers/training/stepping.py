"""How weights step: the tables of a network's body by Muon where its recipe says so, everything else by AdamW.

Muon turns the momentum of a table of weights into the nearest table whose directions are all as long as each other, so
that what is rare in the gradients is learned as fast as what is common. It is made for tables: a convolution's weights
`(out, in, 3, 3)` are one of `(out, 9 in)`, and share their memory with it.

Jordan et al., *Muon: An optimizer for hidden layers in neural networks*, 2024; Liu et al., *Muon is Scalable for LLM
Training*, 2025, arXiv:2502.16982 (steps as long as AdamW's, so that one rate serves both).
"""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from restorers.networks.card import Recipe


class Steps:
    """What moves a network's weights."""

    def __init__(self, network: nn.Module, body: Iterable[nn.Parameter], recipe: Recipe) -> None:
        """Steps of all weights of a network, as a recipe says.

        Args:
            network: already where it is trained.
            body: weights of its convolutions that have as many channels on either side.
            recipe: says how fast, and whether the body goes by Muon.
        """
        hidden = list(body) if recipe.orthogonal else []
        rest = [each for each in network.parameters() if not any(each is other for other in hidden)]
        self._tables = [(weight, nn.Parameter(_table(weight.data, weight))) for weight in hidden]
        self._optimizers: list[torch.optim.Optimizer] = [
            torch.optim.AdamW(rest, lr=recipe.rate, weight_decay=recipe.decay)
        ]
        if hidden:
            tables = [table for _, table in self._tables]
            self._optimizers.append(
                torch.optim.Muon(tables, lr=recipe.rate, weight_decay=recipe.decay, adjust_lr_fn="match_rms_adamw")
            )

    def step(self, rate: float) -> None:
        """One step along the gradients that are there, which are dropped then."""
        for weight, table in self._tables:
            table.grad = None if weight.grad is None else _table(weight.grad, weight)
        for optimizer in self._optimizers:
            for group in optimizer.param_groups:
                group["lr"] = rate
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        for weight, _ in self._tables:
            weight.grad = None

    def state_dict(self) -> list[dict[str, Any]]:
        """All that is remembered from one step to the next."""
        return [optimizer.state_dict() for optimizer in self._optimizers]

    def load_state_dict(self, states: list[dict[str, Any]]) -> None:
        """Go on from where `state_dict` was taken."""
        for optimizer, state in zip(self._optimizers, states, strict=True):
            optimizer.load_state_dict(state)


def _table(values: Tensor, weights: Tensor) -> Tensor:
    """Values `(out, in, h, w)` of weights as `(out, in h w)`, in the order that the weights lie in memory."""
    ordered = values if weights.is_contiguous() else values.permute(0, 2, 3, 1)
    return ordered.flatten(1)
