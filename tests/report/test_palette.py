"""Colours of charts can be told from each other and from the page, by colour-blind readers too.

Dichromats see the colours that Machado, Oliveira and Fernandes simulate in linear RGB (2009, "A
physiologically-based model for simulation of color vision deficiency", IEEE TVCG 15(6), matrices of
severity 1.0). Distances are Euclidean in Oklab (Ottosson 2020), times 100: about 2 can just be seen
side by side. Contrasts are those of WCAG 2.2.
"""

from __future__ import annotations

import re
from importlib.resources import files
from itertools import combinations

import numpy as np
import pytest
from numpy.typing import NDArray

Vector = NDArray[np.float64]
SHEET = (files("teachgym.report.html") / "templates" / "page.css").read_text()
PALETTE = {
    name: {"light": light, "dark": dark}
    for name, light, dark in re.findall(r"--(\w+): light-dark\((#\w+), (#\w+)\)", SHEET)
}
NUMBERED = [name for name in PALETTE if re.fullmatch(r"c\d", name)]
VISIONS = {
    "normal": np.eye(3),
    "protanopia": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
    "deuteranopia": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
}
CONES = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
OKLAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)


def linear(color: str) -> Vector:
    """Linear RGB of a colour such as #1d53a1, shape (3,), in [0, 1]."""
    srgb = np.array([int(color[at : at + 2], 16) for at in (1, 3, 5)]) / 255
    return np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)


def seen(color: str, vision: str) -> Vector:
    """Oklab coordinates times 100, shape (3,)."""
    return 100 * OKLAB @ np.cbrt(CONES @ np.clip(VISIONS[vision] @ linear(color), 0, 1))


def contrast(one: str, other: str) -> float:
    """In [1, 21]."""
    low, high = sorted(linear(c) @ np.array([0.2126, 0.7152, 0.0722]) for c in (one, other))
    return float((high + 0.05) / (low + 0.05))


def test_the_measures_are_right_where_they_are_known() -> None:
    """Black on white is 21; Oklab's white is (1, 0, 0); a red and a green differ for most only."""
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert seen("#ffffff", "normal") == pytest.approx([100, 0, 0], abs=1e-3)
    distances = {
        vision: np.linalg.norm(seen("#b04040", vision) - seen("#707000", vision))
        for vision in VISIONS
    }
    assert distances["deuteranopia"] < 0.5 * distances["normal"]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("vision", VISIONS)
def test_any_two_colours_differ(theme: str, vision: str) -> None:
    """By 10; those of a chart of five arms by 14."""
    for one, other in combinations(NUMBERED, 2):
        pair = (seen(PALETTE[name][theme], vision) for name in (one, other))
        distance = np.linalg.norm(next(pair) - next(pair))
        assert distance > (14 if other < "c5" else 10), (one, other, distance)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_colours_stand_out_from_the_page(theme: str) -> None:
    """Lines and dots need 3, texts 4.5: labels, and the colours of links and programs."""
    assert len(NUMBERED) == 8
    for ground in ("paper", "card"):
        least = {**dict.fromkeys([*NUMBERED, "quiet"], 3.0)}
        least |= dict.fromkeys(["c0", "c1", "c2", "ink", "muted"], 4.5)
        for name, enough in least.items():
            found = contrast(PALETTE[name][theme], PALETTE[ground][theme])
            assert found >= enough, (name, ground, found)
