"""How the enhancer learns to draw texture that is likely, not known: against a critic, from where it knows all it can.

It begins with the enhancer's weights, so that any mixture of the two networks' weights draws something between the two.
What it draws must still be near to the truth, pixel by pixel; but the likeliest picture is a mean of all that could
have been, and smoother than any of them. So it is also compared as eyes do, by LPIPS, and a critic is shown its luma
and the photograph's, both beside the bicubic enlargement: it learns to pass for the photograph. LPIPS is by VGG, as
AlexNet's strides overlook what is as fine as pixels: learned by that, a lattice of them was left in the picture.

Goodfellow et al., *Generative Adversarial Nets*, NeurIPS 2014. Jolicoeur-Martineau, *The relativistic discriminator*,
ICLR 2019; Sun, Fang, Schwing, *Towards a Better Global Loss Landscape of GANs*, NeurIPS 2020 (pairs, as here). Isola et
al., *Image-to-Image Translation with Conditional Adversarial Networks*, CVPR 2017 (a critic of patches, shown what was
given). Miyato et al., *Spectral Normalization for Generative Adversarial Networks*, ICLR 2018. Wang et al., *ESRGAN*,
ECCVW 2018, doi:10.1007/978-3-030-11021-5_5 (from a network of pixels on, and mixed with it).
"""

from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional
from torch.nn.utils.parametrizations import spectral_norm

from restorers.metrics.perceptual import PerceptualDistance
from restorers.networks.enhancer import FOLD as PIXELS
from restorers.networks.enhancer import LEAK, Enhancer, larger, red_green_blue
from restorers.training.enhancing import Enhancing, inner, unlikeness
from restorers.training.loop import Batch, Lesson

STRAY = 8
"""Pixels of the enlarged picture by which what is compared is moved about: scores are computed in strides, and whoever
knew where they begin could draw a lattice that they do not see."""
FOLD = 2  # pixels of luma a side that the critic takes in as channels
WIDTH = 32  # of its first layer
SEEN = 3.0  # weight of how different pictures look
CRITICAL = 0.3  # weight of what the critic says
LATTICE = 0.3  # weight of what is wrong alike from fold to fold
TILES = 4  # folds a side that this is looked for in
LOOKED, LOOKED_PX = 2, 64
"""Every second picture is compared as eyes do, and of it a part so many pixels a side: features take their time."""


class Critic(nn.Module):
    """Scores how much patches of luma look like a photograph's, some 40 pixels wide."""

    def __init__(self, width: int = WIDTH) -> None:
        super().__init__()
        channels = (2 * FOLD**2, width, 2 * width, 2 * width, 2 * width)
        strides = (1, 2, 1, 2)
        self.layers = nn.ModuleList(
            spectral_norm(nn.Conv2d(a, b, 3, stride, padding=1))
            for (a, b), stride in zip(pairwise(channels), strides, strict=True)
        )
        self.end = nn.Conv2d(channels[-1], 1, 3, padding=1)

    def forward(self, luma: Tensor, beside: Tensor) -> Tensor:
        """Scores `(N, 1, H/8, W/8)` of luma `(N, 1, H, W)`, beside the enlargement's `(N, 1, H, W)`."""
        features = functional.pixel_unshuffle(torch.cat([luma - beside, beside], 1), FOLD)
        for layer in self.layers:
            features = functional.leaky_relu(layer(features), LEAK)
        scores: Tensor = self.end(features)
        return scores


class Duel(nn.Module):
    """A painter and its critic, who learn side by side."""

    def __init__(self, painter: Enhancer, critic: Critic) -> None:
        super().__init__()
        self.painter, self.critic = painter, critic


class Imagining(Lesson[Duel]):
    """The enhancer's pictures, to be drawn so that they look like photographs."""

    def __init__(self, lesson: Enhancing, begin: Enhancer, distance: PerceptualDistance) -> None:
        """A lesson on another one's pictures.

        Args:
            lesson: shows and asks for them.
            begin: the network that has learned from it.
            distance: by which features pictures are compared.
        """
        self.lesson, self.begin, self.distance = lesson, begin, distance

    def network(self) -> Duel:
        """The enhancer as it has learned, and a critic who knows nothing yet."""
        painter = self.lesson.network()
        painter.load_state_dict(self.begin.state_dict())
        return Duel(painter, Critic())

    def prepared(self) -> None:
        """What the other lesson's pictures are made of."""
        self.lesson.prepared()

    def batch(self, step: int) -> Batch:
        """What the enhancer was shown, and where what is compared lies, as shares of what there is from 0 to 1."""
        return *self.lesson.batch(step), torch.from_numpy(np.random.default_rng((6, step)).random(2))

    def loss(self, network: Duel, batch: Batch) -> Tensor:
        """What the painter and what the critic are to lessen, each by its own weights alone."""
        pictures = batch[:-1]
        made = self.lesson.made(network.painter, pictures)
        true, likely, beside = self.compared(made, batch)
        pair = torch.cat([true[:, :1], likely[:, :1]]), torch.cat([beside[:, :1]] * 2)
        still = {name: value.detach() for name, value in network.critic.state_dict().items()}
        colored = (looked_at(each, batch[-1]) for each in (true, likely))
        with torch.autocast(made.device.type, torch.bfloat16):
            seen = self.distance.between(*colored)
            real, passing = functional_call(network.critic, still, pair).chunk(2)
            known, caught = network.critic(pair[0].detach(), pair[1]).chunk(2)
        passes = functional.softplus((real - passing).float()).mean()
        told = functional.softplus((caught - known).float()).mean()
        alike = lattice(made[:, :1] - batch[2][:, :1], folded=PIXELS * (made.shape[-1] // batch[1].shape[-1]))
        likely_to_be = SEEN * seen.float().mean() + CRITICAL * passes + LATTICE * alike
        return unlikeness(made, pictures) + likely_to_be + told

    def compared(self, made: Tensor, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
        """What a batch asks for, what was made of it and the bicubic enlargement, where they are compared."""
        _, shown, truths, _, corner = batch
        scale = truths.shape[-1] // shown.shape[-1]
        y, x = (int(STRAY * share) for share in corner.tolist())
        true, likely, beside = (
            inner(each, scale)[..., y : y - STRAY, x : x - STRAY] for each in (truths, made, larger(shown, scale))
        )
        return true, likely, beside

    def kept(self, network: Duel) -> nn.Module:
        """The painter alone."""
        return network.painter

    def scores(self, network: Duel) -> dict[str, float]:
        """What the enhancer is scored by: PSNR, which is lower than its own, as likely texture is not the true one."""
        return self.lesson.scores(network.painter)


def lattice(error: Tensor, *, folded: int) -> Tensor:
    """How much of the errors of luma `(N, 1, H, W)` is alike from fold to fold: 1 by chance, up to 16 where all is.

    A network that is given nothing random has one way to look rough where it knows nothing: the same pattern in every
    fold of `folded` pixels a side that it draws at once.
    """
    places = functional.pixel_unshuffle(error, folded)
    mean = functional.avg_pool2d(places, TILES)
    alike = (mean - mean.mean(1, keepdim=True)).square().mean()
    return TILES**2 * alike / (places - places.mean(1, keepdim=True)).square().mean().clamp(min=1e-8)


def looked_at(picture: Tensor, corner: Tensor) -> Tensor:
    """Parts of some of the pictures `(N, 3, H, W)`, luma and chroma, in red, green and blue."""
    top, left = (
        int(share * max(side - LOOKED_PX, 0)) for share, side in zip(corner.tolist(), picture.shape[-2:], strict=True)
    )
    part = picture[::LOOKED, :, top : top + LOOKED_PX, left : left + LOOKED_PX]
    return torch.clamp(red_green_blue(part), 0, 1)
