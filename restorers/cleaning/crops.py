"""A crop of a frame against what its neighbors show there, in compiled loops.

What a sound pixel may differ by is grain, a slight misregistration, and what the neighbors disagree by. All the loops
are in one file, since compiled code that is kept is made anew only when its own file changes.
"""

import numpy as np

from restorers.compiled import compiled
from restorers.detail.grain import Floats

SLACK = 0.25  # of what the picture changes by from pixel to pixel: misregistration no flow is free of
AROUND = 3  # pixels each way in which the neighbors' disagreement is told
CHANCE = 1.128  # sigmas by which two exposures differ on average


@compiled
def surely(
    here: Floats, one: Floats, two: Floats, sigma: Floats, box: tuple[int, int, int, int], sign: int, least: float
) -> bool:
    """Whether anything in a box of a crop stands out from both neighbors by `least` times what a sound pixel may."""
    for i in range(box[0], box[2]):
        for j in range(box[1], box[3]):
            grain = float(sigma[i, j])
            excess = min(sign * (here[i, j] - one[i, j]), sign * (here[i, j] - two[i, j])) + 0.5 * grain
            if excess > least * grain and excess > least * np.sqrt(_variances(one, two, grain, i, j)[1]):
                return True
    return False


@compiled
def standing(here: Floats, one: Floats, two: Floats, sigma: Floats, sign: int, least: float) -> tuple[Floats, Floats]:
    """By how many times what a sound pixel may each pixel of a crop stands out from both neighbors, if so many; else 0.

    And how much a sound pixel may differ by where the neighbors agree, in density; both `(h, w)`.
    """
    ratio, plain = np.zeros(here.shape, np.float32), np.empty(here.shape, np.float32)
    for i in range(here.shape[0]):
        for j in range(here.shape[1]):
            grain = float(sigma[i, j])
            above = min(sign * (here[i, j] - one[i, j]), sign * (here[i, j] - two[i, j]))
            agreed = grain * grain + _slope(one, two, grain, i, j) ** 2
            if above > 0 and above + 0.5 * grain > least * np.sqrt(agreed):
                agreed, all_told = _variances(one, two, grain, i, j)
                ratio[i, j] = (above + 0.5 * grain) / np.sqrt(all_told)
            plain[i, j] = np.sqrt(agreed)
    return ratio, plain


@compiled
def _variances(one: Floats, two: Floats, grain: float, i: int, j: int) -> tuple[float, float]:
    """Of what a sound pixel may differ by, where the neighbors agree, and with what they disagree by."""
    apart, count = 0.0, 0
    for y in range(max(i - AROUND, 0), min(i + AROUND + 1, one.shape[0])):
        for x in range(max(j - AROUND, 0), min(j + AROUND + 1, one.shape[1])):
            apart += abs(one[y, x] - two[y, x])
            count += 1
    apart = apart / count / CHANCE
    agreed = grain * grain + _slope(one, two, grain, i, j) ** 2
    return agreed, agreed + max(apart * apart - grain * grain, 0.0)


@compiled
def _slope(one: Floats, two: Floats, grain: float, i: int, j: int) -> float:
    """What a slight misregistration explains."""
    low, high = np.inf, -np.inf
    for y in range(max(i - 1, 0), min(i + 2, one.shape[0])):
        for x in range(max(j - 1, 0), min(j + 2, one.shape[1])):
            mean = 0.5 * (one[y, x] + two[y, x])
            low, high = min(low, mean), max(high, mean)
    return SLACK * max(high - low - 2 * grain, 0.0)
