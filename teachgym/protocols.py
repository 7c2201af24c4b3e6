"""The seams of teachgym: what a task, a student, a trainer, a teacher must be able to do.

Structural types: a class that has the methods *is* one, there is nothing to inherit from.
``teachgym.testing`` holds a conformance check for each.

One environment step goes through them once, in this order::

    Teacher.act -> Plan -> DataEngine.generate -> gate -> Trainer.train -> Evaluator.evaluate
                -> Reward -> Teacher.observe
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar, runtime_checkable

import numpy as np

from teachgym.types import (
    Checkpoint,
    Completion,
    Cost,
    Data,
    Example,
    Incident,
    Order,
    Plan,
    Prediction,
    Report,
    Skill,
    Split,
    TrainResult,
    Transition,
)

ObsT = TypeVar("ObsT", contravariant=True)
ActT = TypeVar("ActT", covariant=True)


@runtime_checkable
class Task(Protocol):
    """A set of skills with examples to measure them and a grader."""

    @property
    def name(self) -> str:
        """Identifies the task and its version, e.g. ``arithmetic-and-strings-v0``."""

    @property
    def skills(self) -> tuple[Skill, ...]:
        """Every skill, roots and leaves; examples carry leaves only."""

    @property
    def levels(self) -> tuple[float, ...]:
        """Difficulties in [0, 1], ascending, that examples come in; (0.0,) if there is one."""

    def examples(self, split: Split) -> Sequence[Example]:
        """The examples of a split, always the same ones in the same order; splits are disjoint."""

    def grade(self, example: Example, response: str) -> float:
        """Score in [0, 1]; pure; 1 for ``example.target``; nan = could not be measured."""

    # A task may also have:
    # ``stop: tuple[str, ...]``: strings after which its grader reads no further; students end
    #     their answers there instead of going on to ``max_new_tokens``.
    # ``grade_all(examples, responses) -> list[float]``: what ``grade`` gives for each, faster.
    # ``verify(example) -> float``: 1 if the example's own target is right, as far as the task can
    #     tell without being told; without it, a target counts as right if it can be graded.
    # ``skill_of(prompt)`` or ``skills_of(prompt)``: see ``TellsSkill`` and ``TellsSkills``; the
    #     gate keeps examples out that bear another label.
    # ``beneath: Task`` and ``restored(example) -> Example``: of a task that shows another one
    #     under other labels (skills, difficulties): that one, and the example as it labels it.
    # ``brief: Brief`` and ``compose(draft, skill, difficulty) -> Example``: how its examples are
    #     written by people and chat models; see ``teachgym.syllabus``.


@runtime_checkable
class ProceduralTask(Task, Protocol):
    """A task that can make as much training data as asked for."""

    def make(self, skill: str, difficulty: float | None, rng: np.random.Generator) -> Example:
        """Draw one training example of a leaf skill; never one of ``val`` or ``test``.

        ``difficulty`` is in [0, 1] (the nearest level is used), None = a level at random.
        Raises ``UnknownSkillError`` for a name that is not a leaf skill.
        """


@runtime_checkable
class TellsSkill(Protocol):
    """A task that knows the skill of a prompt, so that labels need not be believed."""

    def skill_of(self, prompt: str) -> str | None:
        """The leaf skill of a prompt; None where the task cannot tell."""


@runtime_checkable
class TellsSkills(Protocol):
    """A task whose prompts can be of one of several skills, as far as it knows."""

    def skills_of(self, prompt: str) -> frozenset[str]:
        """The leaf skills that a prompt can be of; none where the task cannot tell."""


class Student(Protocol):
    """The model being taught, m_t."""

    @property
    def max_new_tokens(self) -> int:
        """The most tokens one answer can have; bounds the price of an evaluation."""

    def generate(self, prompts: Sequence[str], *, stop: Sequence[str] = ()) -> list[str]:
        """Greedy answers, one per prompt, in order; no side effect on the student.

        An answer ends before the first of the ``stop`` strings, where it would hold one.
        """

    def count_tokens(self, texts: Sequence[str]) -> int:
        """Tokens in all the texts together, the unit of the token currencies."""

    def save(self) -> Checkpoint:
        """A detached copy of everything training changes."""

    def restore(self, checkpoint: Checkpoint) -> None:
        """Undo training: after ``restore(save())`` nothing has changed, bit for bit."""

    def export(self, folder: Path) -> None:
        """Write the student to ``folder`` in the form its own ecosystem loads."""


@runtime_checkable
class Probes(Protocol):
    """What a student may offer beyond answers; an environment charges its budget for it."""

    def logprobs(self, prompts: Sequence[str], targets: Sequence[str]) -> list[np.ndarray]:
        """Log-probability of each token of a target given its prompt, shape (n_tokens,) each.

        The token that ends the target is the last of them; natural logarithms.
        """

    def sample(
        self,
        prompts: Sequence[str],
        *,
        k: int,
        temperature: float = 1.0,
        seed: int = 0,
        stop: Sequence[str] = (),
    ) -> list[list[str]]:
        """``k`` random answers to each prompt; one depends on seed, prompt and number alone."""


StudentT = TypeVar("StudentT", bound=Student, contravariant=True)


class Trainer(Protocol[StudentT]):
    """m_{t+1} = Train(m_t, d_t)."""

    def cost(self, student: StudentT, data: Data) -> Cost:
        """What ``train`` would charge for this data, seconds excepted; additive over examples."""

    def train(self, student: StudentT, data: Data, rng: np.random.Generator) -> TrainResult:
        """Change the student in place; with no data, change nothing."""


class Evaluator(Protocol):
    """s_{t+1} = Eval(m_{t+1})."""

    def evaluate(self, student: Student, task: Task, split: Split) -> Report:
        """Generate and grade an answer for every example of the split."""

    def predict(
        self, student: Student, task: Task, examples: Sequence[Example]
    ) -> tuple[Prediction, ...]:
        """Generate and grade an answer for each of the examples, which may be training data."""


class DataEngine(Protocol):
    """d_t = Engine(p_t): turns a plan into examples."""

    def generate(self, plan: Plan, rng: np.random.Generator) -> Data:
        """At most ``order.count`` examples per order; fewer when the engine cannot make more.

        Each says in its provenance who made it and for which ``order.subskill``:
        ``teachgym.engines.orders.signed``.
        """


@runtime_checkable
class OrderReader(Protocol):
    """What an engine may offer that cannot fill every order of its task's skills."""

    def fault(self, order: Order) -> str | None:
        """Why the order cannot be filled; None = it can. ``generate`` need not ask again."""


class SkillDiscovery(Protocol):
    """Finds the skills a set of examples needs."""

    def discover(self, examples: Sequence[Example]) -> tuple[Skill, ...]:
        """A skill list for the examples."""

    def assign(self, example: Example) -> str:
        """Name of the discovered skill that the example belongs to."""


class Teacher(Protocol[ObsT, ActT]):
    """The data generation policy: observation in, action out, feedback after.

    The loop it lives in::

        teacher.reset(seed)
        while not done:
            action = teacher.act(observation)
            ...
            teacher.observe(transition)
    """

    @property
    def name(self) -> str:
        """Identifies the teacher in tables."""

    def reset(self, seed: int) -> None:
        """Forget the last episode; equal seeds and observations give equal actions."""

    def act(self, observation: ObsT) -> ActT:
        """Choose an action of the environment's action space."""

    def observe(self, transition: Transition) -> None:
        """Learn from what the action led to; stateless teachers do nothing."""


class Reward(Protocol):
    """What the teacher is paid for one step; pure."""

    def __call__(self, before: Report, after: Report, cost: Cost) -> float:
        """Reports before and after training on the same split, and the price of the step."""


class ChatModel(Protocol):
    """A chat model behind any provider."""

    @property
    def name(self) -> str:
        """Identifies the model in tables, e.g. ``gpt-4o-2024-08-06``."""

    def complete(
        self,
        messages: Sequence[Mapping[str, str]],
        schema: Mapping[str, Any] | None = None,
        *,
        draw: int = 0,
    ) -> Completion:
        """Answer ``messages`` (``role`` and ``content``); JSON that fits ``schema`` if given.

        ``draw`` numbers the answers to equal messages: equal draws may be one and the same
        answer, another draw is another sample where the model samples at all. Safe to call from
        several threads.

        Raises:
            ChatError: when no answer could be had.
        """


class Purse(Protocol):
    """What pays for calls: whoever calls a chat model asks first and records afterwards."""

    def exhausted(self) -> tuple[str, ...]:
        """Currencies of which nothing is left; nobody may call while there are any."""

    def record(self, cost: Cost) -> None:
        """Add what was really spent."""

    def note(self, incident: Incident) -> None:
        """Write down what the numbers do not show; incidents are counted by event."""


class Tracker(Protocol):
    """Where metrics go."""

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        """Record named numbers for an environment step; 0 = before the first."""

    def record(self, folder: Path) -> None:
        """Take what numbers do not show from the folder of a run that has ended.

        Called again if the process dies before the run is called finished.

        Such as examples, wrong answers, the student; ``teachgym.runs.RunFolder`` knows what is
        where. Changes none of the run's files. Trackers of numbers alone do nothing.
        """

    def close(self) -> None:
        """Flush and let go of files and connections."""
