"""Ranges of settings, one per kind: what would run for ever, or fill the memory, is refused.

Annotations for ``teachgym.typed``. A bound is far above what anybody has used, and the sizes are
those of the cheapest case, so that a value within them may still take long.
"""

from __future__ import annotations

from typing import Annotated

from annotated_types import Interval

from teachgym.typed import Takes

Share = Annotated[float, Interval(ge=0, le=1)]
ShareBelowOne = Annotated[float, Interval(ge=0, lt=1)]
ShareAboveZero = Annotated[float, Interval(gt=0, le=1)]
Positive = Annotated[float, Interval(gt=0)]
NotNegative = Annotated[float, Interval(ge=0)]

Seconds = Annotated[float, Interval(gt=0, le=3600)]
"""Of one comparison."""

Seed = Annotated[int, Interval(ge=0, le=2**63 - 1)]
Seed32 = Annotated[int, Interval(ge=0, le=2**32 - 1)]
"""For scikit-learn."""

Count = Annotated[int, Interval(ge=0, le=10**9)]
"""Things counted that cost nothing in advance."""
CountFromOne = Annotated[int, Interval(ge=1, le=10**9)]
CountFromTwo = Annotated[int, Interval(ge=2, le=10**9)]
Few = Annotated[int, Interval(ge=1, le=1000)]
"""Of what is held at once: calls in flight, votes, slots of a tree."""
FewOrNone = Annotated[int, Interval(ge=0, le=1000)]

Steps = Annotated[int, Interval(ge=1, le=10**6), Takes(0.015, "seconds")]
"""Environment steps; one of a simulated student takes 15 ms."""
ExamplesPerStep = Annotated[int, Interval(ge=1, le=10**6), Takes(1_000, "bytes")]
"""An example takes about a kilobyte."""
ItemsPerCell = Annotated[int, Interval(ge=1, le=2000), Takes(0.02, "seconds")]
"""Items of a procedural task for each of its 100 cells; drawing one takes 0.2 ms."""
Epochs = Annotated[int, Interval(ge=1, le=10_000)]
Limit = Annotated[int, Interval(gt=0, le=10**15)]
"""Of a currency that is counted."""
Amount = Annotated[float, Interval(gt=0, le=10**12)]
"""Of dollars and seconds."""
Tokens = Annotated[int, Interval(ge=1, le=10**7)]
"""Of one text."""
Rank = Annotated[int, Interval(ge=1, le=65_536)]
