"""``trained``: a language model that answers with shares, trained by ``teachgym train-teacher``."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from teachgym.agents.context import Cells
from teachgym.agents.llm.shares import SharesForm
from teachgym.settings import Few, Positive, Seed, checked
from teachgym.types import Obs, Transition


class Trained:
    """Asks a language model for shares of skills; levels get the same.

    It reads a digit of each skill's accuracy and whether that has risen or fallen in the last step
    (``agents.llm.shares``). A grammar bounds what it answers, so any model can be asked, trained
    or not.

    Args:
        cells: names and sizes of the environment.
        path: a folder that ``teachgym train-teacher`` has written, or any causal language model.
        answers: how many answers to draw in each step, whose mean is ordered, >= 1: with more of
            them, less is left to chance.
        temperature: of the draws, > 0.
    """

    name = "trained"

    @checked
    def __init__(
        self, cells: Cells, *, path: str, answers: Few = 8, temperature: Positive = 1.0
    ) -> None:
        self.cells, self.answers, self.temperature = cells, answers, temperature
        # With it comes torch, for which nobody should wait who only asks what teachers there are.
        from teachgym.agents.llm import speaker

        model = speaker.load_model(path)  # First, since it refuses what is no path at all.
        form = SharesForm(cells.skills, speaker.form_settings(path))
        self._speaker = speaker.Speaker(model.pool, form)
        self.reset(0)

    def reset(self, seed: Seed) -> None:
        """A new episode."""
        self._seed, self._step = seed, 0
        self._before: Obs | None = None

    def act(self, observation: Obs) -> NDArray[np.float32]:
        """Shares of the step, (n_skills, n_levels)."""
        speaker = self._speaker
        prompts = speaker.encode([speaker.form.prompt(observation, self._before)])
        how = {"k": self.answers, "temperature": self.temperature}
        (drawn,) = speaker.sample(prompts, [str(self._step)], self._seed, **how)
        weights = [speaker.read(ids) for ids in drawn]
        mean = np.mean([own / own.sum() for own in weights], axis=0)
        return self.cells.spend(mean[:, np.newaxis])

    def observe(self, transition: Transition) -> None:
        """Remember what was to be seen before the step."""
        self._before = transition.observation
        self._step += 1
