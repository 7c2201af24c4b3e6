"""The protocols of teachgym: the contracts of tasks, students, trainers, teachers and so on.

Each is a type and a base class in one. A class that derives from it implements the abstract
methods and inherits a default for every other one; a class that has all the members *is* one
without deriving. ``teachgym.testing`` holds a conformance check for most.

One environment step goes through them once, in this order::

    Teacher.act -> Plan -> DataEngine.generate -> gate -> Trainer.train -> Evaluator.evaluate
                -> Reward -> Teacher.observe
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar, runtime_checkable

import numpy as np

from teachgym.errors import UnsupportedError
from teachgym.types import (
    PLAIN,
    Aid,
    Brief,
    Checkpoint,
    Completion,
    Cost,
    Data,
    Draft,
    Example,
    FrozenDict,
    Grade,
    Incident,
    Items,
    Messages,
    Order,
    Plan,
    Prediction,
    Prompt,
    Report,
    Schema,
    Score,
    Skill,
    Split,
    TrainResult,
    Transition,
    Turn,
    Verdict,
    score_of,
)

ObsT = TypeVar("ObsT", contravariant=True)
ActT = TypeVar("ActT", covariant=True)


@runtime_checkable
class Task(Protocol):
    """A set of skills with examples to measure them and a grader.

    To write: ``name``, ``skills``, ``examples`` and ``grade``; ``make`` too if the task can make
    as much training data as asked for. ``teachgym.tasks.task.TaskWrapper`` changes a given task.
    """

    name: str
    """Identifies the task and its version, e.g. ``arithmetic-and-strings-v0``."""
    skills: tuple[Skill, ...]
    """Every skill, roots and leaves; examples carry leaves only."""
    levels: tuple[float, ...] = (0.0,)
    """Difficulties in [0, 1], ascending, that examples come in; (0.0,) if there is one."""
    stop: tuple[str, ...] = ()
    """Strings after which the grader reads no further; students end their answers there instead
    of going on to ``max_new_tokens``."""
    max_turns: int = 1
    """The most responses that the student writes to an item; above 1, the task may ``respond``."""
    relies_on: Mapping[str, str] = FrozenDict()
    """Things besides packages that grades depend on, each with name and version; runs record it."""
    brief: Brief = PLAIN
    """Advice to people and models who write examples; by default prompt and target as they are."""

    @abstractmethod
    def examples(self, split: Split) -> Sequence[Example]:
        """The examples of a split, always the same ones in the same order; splits are disjoint."""

    @abstractmethod
    def grade(self, example: Example, response: str) -> float | Grade:
        """Score in [0, 1], or a ``Grade`` with named parts; pure; 1 for ``example.target``.

        nan = could not be measured.
        """

    def grade_all(
        self, examples: Sequence[Example], responses: Sequence[str]
    ) -> Sequence[float | Grade]:
        """The grade of each response; override it if grading all at once is faster."""
        return [self.grade(e, r) for e, r in zip(examples, responses, strict=True)]

    def respond(self, example: Example, turns: Sequence[Turn], response: str) -> str | None:
        """The task's reply to a response for the student to answer; None = the end. Pure.

        ``turns`` are what was said since the example's own. Response number ``max_turns`` is the
        last: nothing is said to it.
        """
        return None

    def grade_conversations(
        self,
        examples: Sequence[Example],
        turns: Sequence[Sequence[Turn]],
        responses: Sequence[str],
    ) -> Sequence[float | Grade]:
        """The grade of each conversation; by default that of its last response by ``grade_all``.

        Asked for tasks with ``max_turns`` above 1, once nothing more is said.
        """
        return self.grade_all(examples, responses)

    def verify(self, example: Example) -> float:
        """1 if the task can confirm that the example's own target is right, else 0.

        By default a target counts as right if the grader gives it full marks.
        """
        return score_of(self.grade(example, example.target))

    def diagnose(self, example: Example) -> str:
        """A description of the fault in the example's target or tests; "" = none."""
        return ""

    def describe(self, example: Example) -> str:
        """A description of the example's pictures for readers of text; empty = unknown."""
        return ""

    def check_auxiliary(self, example: Example) -> str | None:
        """The fault of an auxiliary text (``Example.kind``); None = none. Asked last."""
        return None

    def metrics(self, predictions: Sequence[Prediction]) -> Mapping[str, Score]:
        """Metrics of a whole set of graded answers, by name, each with its n and error. Pure.

        Such as the share of groups that are all right (``teachgym.metrics`` has more). What
        nothing could be measured of is ``Score.nothing()``.
        """
        return FrozenDict()

    def skill_of(self, prompt: str) -> str | None:
        """The leaf skill of a prompt; None if the task cannot tell.

        The gate keeps examples out that bear another label.
        """
        return None

    def skills_of(self, prompt: str) -> frozenset[str]:
        """The leaf skills that a prompt may belong to; empty if the task cannot tell."""
        skill = self.skill_of(prompt)
        return frozenset() if skill is None else frozenset([skill])

    @property
    def is_procedural(self) -> bool:
        """Whether the task can ``make`` examples; by default, if its class overrides it."""
        return type(self).make is not Task.make

    def make(self, skill: str, difficulty: float | None, rng: np.random.Generator) -> Example:
        """Draw one training example of a leaf skill; never one of ``val`` or ``test``.

        ``difficulty`` is in [0, 1] (the nearest level is used), None = a level at random.

        Raises:
            UnknownSkillError: for a name that is not a leaf skill.
            UnsupportedError: if the task is not procedural.
        """
        raise UnsupportedError(
            f"task {self.name!r} cannot make examples; use engine='pool', or give the task "
            "a make(skill, difficulty, rng) method"
        )

    def reword(self, example: Example, rng: np.random.Generator) -> Example | None:
        """The example in other words, with the same answer; None if the task cannot do it."""
        return None

    def compose(self, draft: Draft, skill: str, difficulty: float | None) -> Example:
        """An example from a draft, in the form that students see; by default, problem and answer.

        Raises:
            ConfigError: for a draft that cannot be an example.
        """
        return Example(
            draft.problem,
            draft.answer,
            skill,
            source="teacher",
            difficulty=difficulty,
            rejected=draft.rejected or None,
        )

    @property
    def unwrapped(self) -> Task:
        """The task under all wrappers."""
        return self

    def to_inner(self, example: Example) -> Example:
        """The example with the labels (skill, difficulty) of the ``unwrapped`` task."""
        return example


@runtime_checkable
class Student(Protocol):
    """The model being taught, m_t."""

    max_new_tokens: int
    """The most tokens one answer can have; bounds the price of an evaluation."""
    batchable: bool = False
    """Whether ``generate_together`` is more than one student after the other."""
    trainer: str = ""
    """The trainer if no other is chosen: a name in ``teachgym.training.TRAINERS`` or one of
    the other ways of ``teachgym.registry``; empty = one has to be chosen."""

    @property
    def members(self) -> Mapping[str, Student]:
        """The students that are measured one by one, by name; a single one is ``""``."""
        return {"": self}

    reads: bool = True
    """Whether it learns from the texts of examples; a simulation only counts them."""

    @abstractmethod
    def generate(self, prompts: Sequence[Prompt], *, stop: Sequence[str] = ()) -> list[str]:
        """Greedy answers, one per prompt, in order; no side effect on the student.

        An answer ends before the first of the ``stop`` strings, where it would hold one.

        Raises:
            UnsupportedError: for a prompt with images, if the student reads none.
        """

    @abstractmethod
    def count_tokens(self, texts: Sequence[str]) -> int:
        """The number of tokens in all texts, the unit of the token currencies."""

    @abstractmethod
    def save(self) -> Checkpoint:
        """A detached copy of everything that training changes."""

    @abstractmethod
    def restore(self, checkpoint: Checkpoint) -> None:
        """Undo training: after ``restore(save())`` nothing has changed, bit for bit."""

    @abstractmethod
    def export(self, folder: Path) -> None:
        """Write the student to ``folder`` in the format of its own libraries."""

    def fingerprint(self) -> str | None:
        """Hex digest of everything that affects answers; None = unknown, so nothing is cached."""
        return None

    def read_key(self, examples: Sequence[Example]) -> None:
        """Receive the right answers, which a simulation needs; a real model does nothing."""
        return

    def generate_together(
        self,
        students: Sequence[Any],
        prompts: Sequence[Sequence[Prompt]],
        *,
        stop: Sequence[str] = (),
    ) -> list[list[str]]:
        """Greedy answers of several students like this one, each to its own prompts."""
        return [s.generate(own, stop=stop) for s, own in zip(students, prompts, strict=True)]

    def logprobs(self, prompts: Sequence[Prompt], targets: Sequence[str]) -> list[np.ndarray]:
        """Log-probability of each token of a target given its prompt, shape (n_tokens,) each.

        The token that ends the target is the last of them; natural logarithms.

        Raises:
            UnsupportedError: if the student cannot tell.
        """
        raise UnsupportedError(f"{type(self).__name__} cannot give log-probabilities")

    def sample(
        self,
        prompts: Sequence[Prompt],
        *,
        k: int,
        temperature: float = 1.0,
        seed: int = 0,
        stop: Sequence[str] = (),
    ) -> list[list[str]]:
        """``k`` random answers to each prompt; one depends on seed, prompt and number alone.

        Raises:
            UnsupportedError: if the student answers greedily only.
        """
        raise UnsupportedError(f"{type(self).__name__} answers greedily only")


StudentT = TypeVar("StudentT", bound=Student, contravariant=True)


@runtime_checkable
class Trainer(Protocol[StudentT]):
    """Trains a student in place on a step's data: m_{t+1} = Train(m_t, d_t)."""

    batchable: bool = False
    """Whether ``train_together`` is more than one student after the other."""

    @abstractmethod
    def cost(self, student: StudentT, data: Data) -> Cost:
        """The most that ``train`` could charge for this data, without seconds.

        It is additive over examples, and what is charged where nothing is left to chance.
        """

    @abstractmethod
    def train(self, student: StudentT, data: Data, rng: np.random.Generator) -> TrainResult:
        """Change the student in place; with no data, change nothing."""

    def train_together(
        self,
        students: Sequence[StudentT],
        data: Sequence[Data],
        rngs: Sequence[np.random.Generator],
    ) -> list[TrainResult]:
        """Train several students, each on its own data, as ``train`` would one by one."""
        return [self.train(*each) for each in zip(students, data, rngs, strict=True)]

    def gradients(self, student: StudentT, data: Data, *, dimensions: int) -> np.ndarray:
        """The gradient of each target's mean loss, randomly projected to (n, ``dimensions``).

        Raises:
            UnsupportedError: if the trainer cannot tell.
        """
        raise UnsupportedError(f"{type(self).__name__} cannot give gradients; 'packed' can")


@runtime_checkable
class Evaluator(Protocol):
    """Lets a student answer items and grades the answers: s_{t+1} = Eval(m_{t+1})."""

    @abstractmethod
    def evaluate(self, student: Student, task: Task, split: Split) -> Report:
        """Generate and grade an answer for every example of the split."""

    @abstractmethod
    def predict(
        self, student: Student, task: Task, examples: Sequence[Example]
    ) -> tuple[Prediction, ...]:
        """Generate and grade an answer for each of the examples, which may be training data."""


@runtime_checkable
class DataEngine(Protocol):
    """Turns a plan into examples: d_t = Engine(p_t)."""

    @abstractmethod
    def generate(self, plan: Plan, rng: np.random.Generator) -> Data:
        """Make at most ``order.count`` examples per order; fewer if the engine cannot make more.

        The provenance of each says who made it and for which ``order.subskill``:
        ``teachgym.engines.orders.signed``. An unknown skill raises ``UnknownSkillError``.
        """

    def fault(self, order: Order) -> str | None:
        """The reason why an order cannot be filled, for a skill of the task; None = it can."""
        return None


class SkillDiscovery(Protocol):
    """Finds the skills that a set of examples needs."""

    labels: Mapping[str, str] = FrozenDict()
    """Id of an example to the finer label that its skill was made of; empty if there is none."""

    @abstractmethod
    def discover(self, examples: Sequence[Example]) -> tuple[Skill, ...]:
        """A skill list for the examples."""

    @abstractmethod
    def assign(self, example: Example) -> str:
        """Name of the discovered skill that the example belongs to."""


@runtime_checkable
class Teacher(Protocol[ObsT, ActT]):
    """The data generation policy in ``teachgym.loop``: observation in, action out, feedback after.

    To write: ``act``; ``reset`` and ``observe`` too if it remembers anything.
    """

    @property
    def name(self) -> str:
        """The teacher's name in tables; by default, the name of its class."""
        return type(self).__name__

    def reset(self, seed: int) -> None:
        """Forget the last episode; equal seeds and observations give equal actions."""
        return

    @abstractmethod
    def act(self, observation: ObsT) -> ActT:
        """Choose an action in the environment's action space."""

    def observe(self, transition: Transition) -> None:
        """Learn from the outcome of the action; stateless teachers do nothing."""
        return


class Probes(Protocol):
    """Questions to the student between steps, charged to the budget and journalled.

    Items are examples of one's own, or items of the task that are named and not read. ``prefix``
    is put before each prompt.
    """

    def labels(self, items: Items) -> list[tuple[str, float | None]]:
        """Skill and difficulty of each of the items."""

    def greedy(self, items: Items | Sequence[Example], *, prefix: str = "") -> list[str]:
        """The student's answers."""

    def sample(
        self,
        items: Items | Sequence[Example],
        *,
        k: int,
        temperature: float = 1.0,
        seed: int = 0,
        prefix: str = "",
    ) -> list[list[str]]:
        """``k`` random answers to each item."""

    def logprobs(self, items: Items | Sequence[Example], *, prefix: str = "") -> list[np.ndarray]:
        """Log-probabilities of the tokens of each target, shape (n_tokens,)."""

    def gradients(self, items: Items | Sequence[Example], *, dimensions: int) -> np.ndarray:
        """``Trainer.gradients`` of the targets, shape (n, dimensions)."""

    def aid(self, aids: Sequence[Aid]) -> tuple[Verdict, ...]:
        """Request a second evaluation after each step, with texts before the prompts.

        They replace those given before. Verdicts tell which are not used, and why.
        """


class Reward(Protocol):
    """The reward function of one step; pure."""

    def __call__(self, before: Report, after: Report, cost: Cost) -> float:
        """The reward, from the reports on ``val`` before and after the step and the step's cost."""


class ChatModel(Protocol):
    """A chat model behind any provider."""

    @property
    def name(self) -> str:
        """The model's name in tables, such as ``gpt-4o-2024-08-06``."""

    def complete(self, messages: Messages, schema: Schema = None, *, draw: int = 0) -> Completion:
        """Answer ``messages`` (``role`` and ``content``); JSON that fits ``schema`` if given.

        ``draw`` numbers the answers to equal messages: equal draws may be one and the same
        answer, another draw is another sample where the model samples at all. Thread-safe.

        Raises:
            ChatError: when no answer could be had.
        """


class Meter(Protocol):
    """Charges calls of chat models: check ``exhausted`` before a call, and ``record`` after it."""

    def exhausted(self) -> tuple[str, ...]:
        """The exhausted currencies; no call is allowed while there are any."""

    def record(self, cost: Cost) -> None:
        """Add the actual cost."""

    def note(self, incident: Incident) -> None:
        """Note an incident, which costs do not show; incidents are counted by event."""

    def call(self, key: str) -> None:
        """Note that the recorded call ``key`` was made."""


class Tracker(Protocol):
    """Receives the metrics of a run."""

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        """Record named numbers for an environment step; 0 = before the first."""

    def record(self, folder: Path) -> None:
        """Log everything besides numbers from the folder of a finished run.

        Such as examples, wrong answers, the student; ``teachgym.runs.RunFolder`` knows what is
        where. Changes no file of the run. Called again if the process dies before the run's end.
        """

    def close(self) -> None:
        """Flush and let go of files and connections."""
