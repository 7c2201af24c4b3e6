"""Wrong targets in the right format, as noisy writers and broken pipelines produce them.

With a rate of 1 it is the control for learning the form alone: the student sees prompts and
answers as they should look, and no answer that is right.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from teachgym.engines.mistakes import Mistakes
from teachgym.protocols import Student, Task
from teachgym.streams import chance
from teachgym.types import EXERCISE, Data, Example


@dataclass(frozen=True)
class LabelNoise:
    """The data with wrong targets; see ``altered_data.Alteration``.

    Prompt and seed alone decide whether an example is wrong, so it is so in every step. Its wrong
    target is that of another example of its skill and difficulty in the data, one that the task's
    grader does not give full marks; where there is none, its own target reversed, or else
    doubled. What belonged to the right target (spans, soft labels) goes with it. Where there are
    few possible answers, "never the right one" tells something about it.

    Simulated students count examples without reading them. For them, wrong ones are left out.
    """

    task: Task
    """Grades the candidates."""
    rate: float
    """Chance that an example gets a wrong target, in [0, 1]."""
    seed: int = 0
    """Another one makes others wrong, >= 0."""

    def __call__(self, student: Student, data: Data) -> Data:
        """The altered data, in order."""
        if not student.reads:
            return tuple(example for example in data if not self._is_chosen(example))
        mistakes = Mistakes(self.task, data)
        return tuple(self._mislabelled(e, mistakes) if self._is_chosen(e) else e for e in data)

    def _is_chosen(self, example: Example) -> bool:
        """By chance; auxiliary text has no target that the task could call right or wrong."""
        chosen = chance(self.seed, "wrong_labels", example.identity) < self.rate
        return chosen and example.kind == EXERCISE

    def _mislabelled(self, example: Example, mistakes: Mistakes) -> Example:
        """The example with the first wrong target, counted from a place its prompt decides."""
        lot = chance(self.seed, "wrong target", example.identity)
        return replace(example, target=mistakes.instead(example, lot), spans=(), soft_labels=())
