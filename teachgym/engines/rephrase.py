"""``RephraseEngine``: seeds in other words, with their answers."""

from __future__ import annotations

import numpy as np

from teachgym.engines.seeded import SeededEngine
from teachgym.errors import ConfigError
from teachgym.protocols import Task
from teachgym.types import Example, Order


class RephraseEngine(SeededEngine):
    """Rewords the questions of seeds, if the task can (``Task.reword``).

    The second engine of Chan et al. 2024 (arXiv 2409.19759) by rule. Differences: where a chat
    model answers the question it has reworded, the answer here is the seed's, which stays right; a
    task has as many wordings as its author wrote. ``word-problems`` can do it.

    Raises:
        ConfigError: for a task that cannot reword the first of them.
    """

    name = "rephrase"

    def __init__(self, task: Task) -> None:
        super().__init__(task)
        if task.reword(task.examples("train")[0], np.random.default_rng(0)) is None:
            raise ConfigError(
                f"task {task.name!r} cannot reword its exercises; use engine='llm' with "
                "engine_settings={'style': 'rephrase'}, or give the task a reword method"
            )

    def vary(
        self, seed: Example, order: Order, known: list[Example], rng: np.random.Generator
    ) -> Example | None:
        """The seed in other words; None if they are its own words or already known."""
        made = self.task.reword(seed, rng)
        prompts = {example.prompt for example in known}
        return None if made is None or made.prompt in prompts else made
