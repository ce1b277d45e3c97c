"""How sharp the picture is, grain aside.

Of a picture with a known edge: the frequency at which half of the edge's contrast is left (ISO 12233:2017, Photography,
Electronic still picture imaging, Resolution and spatial frequency responses, annex D).

Of any film: read off the spectrum that neighboring frames share (restorers.metrics.spectrum), so that noise, or grain
that is laid again, cannot pass for detail. It is a ratio of the picture's own fine and coarse detail: a change of
contrast leaves it alone.
"""

import numpy as np

from restorers.metrics.spectrum import BIN, BINS, Floats, bin_shares

COARSE = (1 / 32, 1 / 8)  # cycles per pixel
FINE = (1 / 8, 1 / 2)
OVERSAMPLING = 4


def sharpness(spectrum: Floats) -> float | None:
    """Amplitude of fine over coarse detail in the picture's radial spectrum `(23,)`; None where it has neither.

    Fine is 1/8 to 1/2 cycle per pixel, coarse 1/32 to 1/8.
    """
    power = spectrum * bin_shares(64)
    center = (np.arange(BINS) + 0.5) * BIN
    fine = power[(center > FINE[0]) & (center < FINE[1])].sum()
    coarse = power[(center > COARSE[0]) & (center < COARSE[1])].sum()
    return float(np.sqrt(max(fine, 0.0) / coarse)) if coarse > 0 else None


def mtf50(patch: Floats) -> float:
    """Frequency in cycles per pixel at which an upright edge, slanted by some degrees, keeps half of its contrast.

    Args:
        patch: `(h, w)`, linear in what the resampling was done in, any unit; one edge from top to bottom.

    Raises:
        ValueError: the contrast never falls to half, or there is no edge.
    """
    rows, columns = np.mgrid[: patch.shape[0], : patch.shape[1]]
    steps = np.abs(np.diff(patch, axis=1))
    if not steps.max() > 0:
        raise ValueError("no edge to measure sharpness on")
    steps[steps < 0.2 * steps.max(axis=1, keepdims=True)] = 0
    middles = (steps * (columns[:, :-1] + 0.5)).sum(axis=1) / steps.sum(axis=1)
    tilt, start = np.polyfit(np.arange(len(middles)), middles, 1)
    distance = (columns - start - tilt * rows) * np.cos(np.arctan(tilt))
    reach = min(start + min(0, tilt * patch.shape[0]), patch.shape[1] - start - max(0, tilt * patch.shape[0])) - 1
    near = np.abs(distance) < reach
    bins = np.floor((distance[near] + reach) * OVERSAMPLING).astype(np.int64)
    counts = np.bincount(bins)
    if not counts.all():
        raise ValueError("the edge is too upright or too short to be sampled between pixels")
    spread = np.diff(np.bincount(bins, patch[near]) / counts)
    spread *= np.hanning(len(spread) + 2)[1:-1]
    contrast = np.abs(np.fft.rfft(spread, 16 * len(spread)))
    frequencies = np.fft.rfftfreq(16 * len(spread), 1 / OVERSAMPLING)
    contrast = contrast / contrast[0] / np.sinc(frequencies / OVERSAMPLING) ** 2  # of binning and of differencing
    below = np.flatnonzero(contrast < 0.5)
    if not below.size:
        raise ValueError("the edge keeps more than half of its contrast at every frequency")
    last = int(below[0])
    share = (contrast[last - 1] - 0.5) / (contrast[last - 1] - contrast[last])
    return float(frequencies[last - 1] + share * (frequencies[last] - frequencies[last - 1]))
