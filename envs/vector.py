"""``TeacherVectorEnv``: K environments around one resident student model, stepping together.

The entry points of ``gym.make_vec`` for the registered environments. A step trains the students
of all rows at once and has them answer at once; what each row sees is, to the bit, what an
environment of its own would show. Only the currency ``seconds`` differs: all rows wait for all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.envs.registration import load_env_creator
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from gymnasium.vector.utils import iterate

from teachgym.actions import is_numeric, require_member
from teachgym.answers import AnswerStore
from teachgym.envs.casting import Cast, Casting, Roles
from teachgym.errors import ActionError, ConfigError
from teachgym.evaluation import GenerateAndGrade
from teachgym.loop import StepResult
from teachgym.protocols import Student, Task, Trainer
from teachgym.shown import shown
from teachgym.snapshot import Snapshot
from teachgym.spaces import WordSpace
from teachgym.students import make_students
from teachgym.together import Meeting
from teachgym.types import Cost, Data, TrainResult


class TeacherVectorEnv(SyncVectorEnv[Any, Any]):
    """Rows of one kind that step in a meeting, where training and answering are done jointly.

    Made by ``gym.make_vec("teachgym/SkillList-v0", num_envs=8, **settings)``. Spaces, infos and
    autoreset are those of Gymnasium's ``SyncVectorEnv``. An error in a row is raised as
    ``teachgym.together.RowError`` once the other rows have made their step; reset then.

    Args:
        rows: environments of equal spaces whose trainers and evaluators ask ``meeting``, each
            under its place in the sequence.
        meeting: where they ask.
        autoreset_mode: when a row whose episode has ended is reset; see Gymnasium.
    """

    def __init__(
        self,
        rows: Sequence[gym.Env[Any, Any]],
        meeting: Meeting,
        *,
        autoreset_mode: str | AutoresetMode = AutoresetMode.NEXT_STEP,
    ) -> None:
        self.meeting = meeting
        super().__init__([partial(_Row, row) for row in rows], autoreset_mode=autoreset_mode)

    def step(self, actions: Any) -> tuple[Any, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """Step every row, or reset it where that is due; see ``gymnasium.vector.VectorEnv``.

        Raises:
            ActionError: for numeric actions that are not in ``action_space``, or if there is not
                one action per row; no row has made a step then.
        """
        actions = self._batch(actions)
        to_reset = self._autoreset_envs & (self.autoreset_mode == AutoresetMode.NEXT_STEP)
        each = zip(iterate(self.action_space, actions), to_reset, strict=True)
        results = self.step_rows({row: a for row, (a, skip) in enumerate(each) if not skip})
        for row, result in results.items():
            self.envs[row].result = result  # type: ignore[attr-defined]
        return super().step(actions)  # It finds what the rows have made.

    def step_rows(self, actions: Mapping[int, Any]) -> dict[int, StepResult]:
        """Step some of the rows together, by number, and leave the others alone.

        Returns what ``gym.Env.step`` does, row by row, with nothing batched and nothing reset;
        reset before going on with ``step``.

        Raises:
            ActionError: for a numeric action outside ``single_action_space``; no row has made a
                step then.
        """
        if is_numeric(self.single_action_space):
            for row, action in actions.items():
                require_member(self.single_action_space, action, f"action of row {row}")
        calls = [
            partial(env.step, actions[row]) if row in actions else _stay
            for row, env in enumerate(self.envs)
        ]
        results = self.meeting.run(calls)
        return {row: results[row] for row in actions}

    def _batch(self, actions: Any) -> Any:
        """One action per row, as a member of ``action_space`` where it is one of numbers."""
        if is_numeric(self.single_action_space):
            return require_member(self.action_space, actions, "actions")
        if not isinstance(self.single_action_space, WordSpace):
            return actions  # Numbers beside words, which each row checks.
        if not isinstance(actions, Sequence) or len(actions) != self.num_envs:
            raise ActionError(
                f"actions are {shown(actions)}; give a tuple of {self.num_envs}, one per row"
            )
        return tuple(actions)

    def fork(self, snapshot: Snapshot) -> None:
        """Put every row into the state of ``snapshot``, to try K actions on the same student.

        The random streams are that of the snapshot too, so rows with equal actions stay equal.

        Args:
            snapshot: of one of the rows, as ``self.call("snapshot")`` gives them, or of a single
                environment with the same settings.
        """
        self.call("restore", snapshot)
        self._autoreset_envs[:] = False


class _Row(gym.Wrapper[Any, Any, Any, Any]):
    """Lets ``SyncVectorEnv.step`` find the result of a step that was made already."""

    result: StepResult | None = None

    def step(self, action: Any) -> StepResult:
        """The result that lies ready, else that of a step."""
        result, self.result = self.result, None
        return self.env.step(action) if result is None else result

    @property
    def spec(self) -> Any:  # type: ignore[override]
        """Of the environment; a row is no other one."""
        return self.env.spec


def _stay() -> None:
    """What a row does that sits a step out."""


# -- who takes part ----------------------------------------------------------------------------


class Classroom:
    """Fills the roles of K rows with students of one base, trained and asked in a meeting."""

    def __init__(self, count: int) -> None:
        if count < 1:
            raise ConfigError(f"num_envs is {count}; it must be 1 or more")
        self.count = count
        self.meeting = Meeting({"train": _train_rows, "generate": _ask_rows})
        self._company: tuple[Task, tuple[Student, ...], Trainer[Any], AnswerStore | None] | None
        self._company = None

    def cast(self, row: int, roles: Roles) -> Cast:
        """Those who take part in row number ``row``; the roles are the same for every row."""
        if self._company is None:
            task = roles.make_task()
            students = make_students(roles.student, task, self.count, **roles.student_settings)
            self._company = task, students, roles.make_trainer(students[0]), roles.open_store()
        task, students, trainer, store = self._company
        seat = Seat(trainer, self.meeting, row)
        return Cast(task, students[row], seat, GenerateAndGrade(store, ask=seat.ask))


@dataclass(frozen=True)
class Seat(Trainer[Any]):
    """A row's trainer, and its way to ask: through the meeting if it runs and has use of it.

    What can only be done one by one is done right here, so that its errors are this row's alone.
    """

    trainer: Trainer[Any]
    meeting: Meeting
    row: int

    def cost(self, student: Student, data: Data) -> Cost:
        """The trainer's price."""
        return self.trainer.cost(student, data)

    def train(self, student: Student, data: Data, rng: np.random.Generator) -> TrainResult:
        """Have the student trained, with those of other rows where the trainer can do it."""
        if not (self.meeting.running and self.trainer.batchable):
            return self.trainer.train(student, data, rng)
        request = (self.trainer, student, data, rng)
        result: TrainResult = self.meeting.ask("train", self.row, request)
        return result

    def ask(self, student: Student, prompts: Sequence[str], stop: Sequence[str]) -> list[str]:
        """The student's answers; see ``teachgym.evaluation.Ask``."""
        if not (self.meeting.running and student.batchable):
            return student.generate(prompts, stop=stop)
        answers: list[str] = self.meeting.ask("generate", self.row, (student, prompts, stop))
        return answers


def _train_rows(rows: Sequence[int], requests: Sequence[Any]) -> list[TrainResult]:
    """Train students of one pool at once; they have one trainer."""
    trainers, students, data, rngs = zip(*requests, strict=True)
    results: list[TrainResult] = trainers[0].train_together(students, data, rngs)
    return results


def _ask_rows(rows: Sequence[int], requests: Sequence[Any]) -> list[list[str]]:
    """Ask students of one pool at once; they have one task, and so the same stops."""
    students, prompts, stops = zip(*requests, strict=True)
    answers: list[list[str]] = students[0].generate_together(students, prompts, stop=stops[0])
    return answers


# -- entry points ------------------------------------------------------------------------------


def make_row(cast: Casting, id_: str, /, **settings: Any) -> gym.Env[Any, Any]:
    """A registered environment whose roles ``cast`` fills, with the spec that ``gym.make`` gives.

    Args:
        cast: e.g. ``functools.partial(classroom.cast, row)``.
        id_: one of ``teachgym.ENV_IDS``.
        settings: those of the environment.
    """
    spec = deepcopy(gym.spec(id_))
    create: Any = load_env_creator(str(spec.entry_point))
    row: gym.Env[Any, Any] = create(cast, **settings)
    spec.kwargs = dict(settings)
    row.unwrapped.spec = spec
    return row


def open_ended(num_envs: int = 1, **settings: Any) -> TeacherVectorEnv:
    """``num_envs`` of ``teachgym/OpenEnded-v0``; ``autoreset_mode`` is one more setting."""
    return _make_rows("teachgym/OpenEnded-v0", num_envs, **settings)


def skill_list(num_envs: int = 1, **settings: Any) -> TeacherVectorEnv:
    """``num_envs`` of ``teachgym/SkillList-v0``; ``autoreset_mode`` is one more setting."""
    return _make_rows("teachgym/SkillList-v0", num_envs, **settings)


def skill_tree(num_envs: int = 1, **settings: Any) -> TeacherVectorEnv:
    """``num_envs`` of ``teachgym/SkillTree-v0``; ``autoreset_mode`` is one more setting."""
    return _make_rows("teachgym/SkillTree-v0", num_envs, **settings)


def _make_rows(
    id_: str,
    num_envs: int,
    *,
    autoreset_mode: str | AutoresetMode = AutoresetMode.NEXT_STEP,
    **settings: Any,
) -> TeacherVectorEnv:
    room = Classroom(num_envs)
    rows = [make_row(partial(room.cast, row), id_, **settings) for row in range(num_envs)]
    return TeacherVectorEnv(rows, room.meeting, autoreset_mode=autoreset_mode)
