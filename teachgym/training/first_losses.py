"""The loss of each example the first time it is met in a training run.

It comes out of the forward pass that training makes anyway. Rows are only kept while training
goes on; they are read once, at its end, so that no pass has to wait for the device.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property

import numpy as np
import torch

from teachgym.training.datum import Datum


class FirstLosses:
    """Keeps the losses of rows, pass by pass, and adds them up for each example."""

    def __init__(self) -> None:
        self._data: list[Datum] = []
        self._weights: list[torch.Tensor] = []
        self._rows: list[torch.Tensor] = []

    def note(
        self, data: Sequence[Datum], weights: torch.Tensor, rows: Sequence[torch.Tensor]
    ) -> None:
        """Keep the losses of a pass, before its update.

        Args:
            data: the examples of the pass.
            weights: share of each of their rows in its student's mean, shape (n,).
            rows: weighted losses of the same rows, in pieces that are n together.
        """
        self._data += data
        self._weights.append(weights)
        self._rows += rows

    def of(self, made: Sequence[Sequence[Datum]], count: int) -> tuple[float, ...]:
        """Losses of one student's examples, in the order in which they were handed over.

        Args:
            made: the student's batches.
            count: how many examples were handed over, shape of the result.

        Returns:
            Mean loss per target token, weighted as in training (with a loss over pairs: that of
            the pair), in nats; nan for an example that was skipped or has no weighted token.
        """
        losses = [math.nan] * count
        for datum in (datum for batch in made for datum in batch):
            for place in datum.places:
                losses[place] = self._first[id(datum), place]
        return tuple(losses)

    @cached_property
    def _first(self) -> dict[tuple[int, int], float]:
        """By the ``id`` of each datum (equal ones may belong to several students) and the place."""
        numbers: dict[tuple[int, int], int] = {}
        owners, counted, n_rows = [], [], []
        for number, datum in enumerate(self._data):
            for text in datum.texts:
                # What a target is compared with counts in its loss, and not in what it is over.
                place = min(datum.places) if text.place is None else text.place
                owners.append(numbers.setdefault((number, place), len(numbers)))
                counted.append(text.place is not None)
                n_rows.append(text.n_rows)
        losses, weights = (torch.cat(parts).cpu().numpy() for parts in (self._rows, self._weights))
        shares, owner = np.abs(weights) * np.repeat(counted, n_rows), np.repeat(owners, n_rows)
        losses, shares = (np.bincount(owner, rows, len(numbers)) for rows in (losses, shares))
        with np.errstate(invalid="ignore"):  # 0 / 0 is nan: nothing to learn from.
            means = (losses / shares).tolist()
        # Later epochs come first here, so the first one has the last word.
        found = zip(reversed(numbers), reversed(means), strict=True)
        return {(id(self._data[number]), place): mean for (number, place), mean in found}
