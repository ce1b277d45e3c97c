"""Ours and its peers at enlarging: 8-bit sRGB frames `(T, H, W, 3)`, so many times larger."""

from functools import lru_cache, partial

import cv2
import numpy as np

from restorers.enhancement import Enhancement
from restorers.restorer import Bench
from tests.benchmarks import resizing, rfdn
from tests.benchmarks.footage import restored
from tests.benchmarks.moves import FOOTAGE
from tests.benchmarks.peers import Frames, Peer

OURS = "reelwright"
ALONE = "reelwright, each alone"
DRAFT, LINEAR = "reelwright, draft", "reelwright, linear"
BICUBIC, FSRCNN, ESPCN, RFDN = "bicubic", "FSRCNN", "ESPCN", "RFDN"
CALMED = ("NLM, bicubic", "BM3D, bicubic")
NLM_STRENGTH, BM3D_STRENGTH = 0.6, 2.6
"""Times the true sigma of the grain: what did best on the pictures to develop on, light, mid and heavy together."""


def ours(**settings: object) -> Enhancement:
    """Our own treatment; what is not said is its default."""
    return Enhancement.model_validate({"scale": 2, **settings})


def by_ours(found: Frames, **settings: object) -> dict[str, Frames]:
    """What each of our profiles makes of a shot."""
    profiles = {OURS: "fidelity", DRAFT: "draft", LINEAR: "linear"}
    return {name: worked(ours(profile=profile, **settings), found) for name, profile in profiles.items()}


def worked(treatment: Enhancement, found: Frames) -> Frames:
    """What a treatment of ours makes of a shot."""
    return restored(treatment, found, Bench())


def alone(treatment: Enhancement, found: Frames) -> Frames:
    """The same, each frame given as a shot of its own, so that time cannot help."""
    return np.concatenate([worked(treatment, frame[None]) for frame in found])


def enlargers(scale: int) -> dict[str, Peer]:
    """Peers that enlarge clean pictures."""
    networks = (FSRCNN, ESPCN)
    peers: dict[str, Peer] = {
        BICUBIC: partial(interpolated, scale=scale, method=cv2.INTER_CUBIC),
        "bicubic, a = -0.5": partial(_by_the_book, scale=scale),
        "Lanczos": partial(interpolated, scale=scale, method=cv2.INTER_LANCZOS4),
        **{name: partial(by_network, name=name, scale=scale) for name in networks},
    }
    return peers | ({RFDN: rfdn.enlarged} if scale == rfdn.SCALE else {})


def sequences(sigma: float, scale: int) -> dict[str, Peer]:
    """Peers that take noise off first, knowing how much there is in 8-bit levels, and enlarge then."""
    calmers: tuple[Peer, ...] = (partial(nlmeans, sigma=sigma), partial(bm3d, sigma=sigma))
    return {name: partial(_in_turn, calmer=calmer, scale=scale) for name, calmer in zip(CALMED, calmers, strict=True)}


def interpolated(found: Frames, *, scale: int, method: int) -> Frames:
    """By OpenCV's filter."""
    return np.stack([cv2.resize(frame, None, fx=scale, fy=scale, interpolation=method) for frame in found])


def by_network(found: Frames, *, name: str, scale: int) -> Frames:
    """By a network of OpenCV's `dnn_superres`: luma by the network, color by its bicubic filter."""
    network = _network(name, scale)
    return np.stack([network.upsample(np.ascontiguousarray(frame[..., ::-1]))[..., ::-1] for frame in found])


def nlmeans(found: Frames, *, sigma: float) -> Frames:
    """OpenCV's non-local means for color, frame by frame."""
    strength = NLM_STRENGTH * sigma
    calm = [
        cv2.fastNlMeansDenoisingColored(np.ascontiguousarray(f[..., ::-1]), None, strength, strength, 7, 21)
        for f in found
    ]
    return np.stack(calm)[..., ::-1]


def bm3d(found: Frames, *, sigma: float) -> Frames:
    """Its authors' BM3D for color, frame by frame.

    Raises:
        ModuleNotFoundError: the package is not there; it is no dependency, as it is free for research alone.
    """
    try:
        import bm3d as authors
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError("BM3D takes part by the package bm3d: pip install -e '.[bench]'") from error
    return np.stack(
        [resizing.rounded(authors.bm3d_rgb(frame.astype(np.float64), BM3D_STRENGTH * sigma)) for frame in found]
    )


def _in_turn(found: Frames, *, calmer: Peer, scale: int) -> Frames:
    calm = calmer(found)
    return calm if scale == 1 else interpolated(calm, scale=scale, method=cv2.INTER_CUBIC)


def _by_the_book(found: Frames, *, scale: int) -> Frames:
    return np.stack([resizing.rounded(resizing.enlarged(frame, scale)) for frame in found])


@lru_cache(maxsize=8)
def _network(name: str, scale: int) -> cv2.dnn_superres.DnnSuperResImpl:
    path = FOOTAGE / "peers" / name.lower() / f"{name}_x{scale}.pb"
    if not path.is_file():
        raise FileNotFoundError(f"the benchmark wants the graph of {name} at {path}")
    network = cv2.dnn_superres.DnnSuperResImpl.create()
    network.readModel(str(path))
    network.setModel(name.lower(), scale)
    return network
