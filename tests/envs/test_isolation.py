"""What a teacher holds, and what an engine hands to its writer, leads to nothing held out."""

from __future__ import annotations

import copy
import functools
import operator
import pickle
import sys
import threading
import weakref
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

from teachgym.agents import TEACHERS, Kind, make_teacher
from teachgym.agents.context import Classroom
from teachgym.agents.llm.open_ended import LLMOpenEnded
from teachgym.capability import Capability
from teachgym.chat.make import make_chat
from teachgym.chat.scripted import Scripted
from teachgym.engines.llm import LLMEngine
from teachgym.envs.base import TeacherEnv, base_of
from teachgym.errors import ConfigError, ConformanceError, EpisodeError
from teachgym.evaluation import GenerateAndGrade
from teachgym.ledger import Ledger
from teachgym.loop import run_episode
from teachgym.tasks.task import Task
from teachgym.testing.fakes import RecordingTrainer, TableStudent
from teachgym.testing.toy import ToyTask
from teachgym.types import Budget, Cost, Draft, Example, Incident, Split
from tests.envs.reaching import finds, reach

CHAT = {
    "provider": "python",
    "model": "teachgym.benchmarks.bench.scripted_teacher:answer",
    "cache": "off",
}
SMALL: dict[str, Any] = {
    "student": "simulated",
    "task_settings": {"val_per_cell": 1, "test_per_cell": 1, "train_per_cell": 2},
    "examples_per_step": 32,
    "budget": {"steps": 2},
}
POOL = (Example("copy ab=", "ab", "copy", source="teacher"),)
NEEDED: dict[str, dict[str, Any]] = {
    "fixed": {"mixtures": [{"copy": 1}]},
    "oracle": {"learnable": ["copy"]},
    "planned": {"plan": [[1] * 32]},
    "best-constant": {"allocation": [1] * 32},
    "pool": {"pool": POOL},
    "trained": {"path": "small"},
    "llm": {"chat": make_chat(CHAT)},
    "llm-pgkd": {"chat": Scripted(lambda messages, schema, draw: '{"items": []}')},
    "llm-text": {"chat": Scripted(lambda messages, schema, draw: '{"items": []}')},
    "llm-best-of-n": {"chat": Scripted(lambda messages, schema, draw: '{"items": []}')},
}
CASES = [
    (name, kind, entry.env.get(kind.env, {}))
    for name, entry in TEACHERS.items()
    for kind in entry.kinds
]


def judge(env: gym.Env[Any, Any], *, val_is_shown: bool = False) -> Callable[[Any], str]:
    """Says why an object must not be reachable; empty = it may."""
    task = base_of(env).task
    own = {e.prompt for e in task.examples("train")}
    hidden: tuple[Split, ...] = ("test",) if val_is_shown else ("val", "test")
    held_out = {e.prompt for split in hidden for e in task.examples(split)} - own
    members = functools.cache(lambda kind: frozenset(dir(kind)))

    def forbidden(found: Any) -> str:
        if isinstance(found, type):
            return ""
        if isinstance(found, Example):
            return "held-out item" if found.prompt in held_out else ""
        if isinstance(found, str):
            return "held-out prompt" if found in held_out else ""
        for kind, name in ((gym.Env, "environment"), (Ledger, "ledger")):
            if isinstance(found, kind):
                return name
        has = members(type(found))
        if has >= {"examples", "grade"}:
            return "task"
        return "student" if has >= {"generate", "count_tokens", "restore"} else ""

    return forbidden


@pytest.mark.sweep(3)
@pytest.mark.parametrize(
    ("name", "kind", "views"), CASES, ids=[f"{n}-{k.env}" for n, k, _ in CASES]
)
def test_nothing_held_out_can_be_reached_from_a_teacher_or_what_it_is_given(
    name: str, kind: Kind, views: dict[str, Any]
) -> None:
    """Before, while and after it has taught: it may keep all that it was ever given.

    The one exception is what the environment is there to show: reports on val, where the
    observation is one (Open-Ended, and the teachers that read reports).
    """
    env = gym.make(f"teachgym/{kind.env}-v0", **SMALL, **views)
    teacher = make_teacher(name, env, **NEEDED.get(name, {}))
    forbidden = judge(env, val_is_shown=kind.env == "OpenEnded" or bool(kind.action))
    assert finds(teacher, forbidden) == []
    given: list[Any] = [env.action_space, env.observation_space]
    episode = run_episode(env, teacher, seed=0, observers=[lambda _, t: given.append(t)])
    assert episode.length in (1, 2)  # Looking ahead costs steps.
    assert finds([teacher, *given], forbidden) == []


@pytest.mark.sweep(1)
@pytest.mark.parametrize("engine_views", [{}, {"skills": "roots"}, {"stress": {"rugged": True}}])
def test_nothing_held_out_can_be_reached_from_a_writer_whatever_the_task_is_seen_through(
    engine_views: dict[str, Any],
) -> None:
    env = gym.make("teachgym/SkillList-v0", **SMALL, **engine_views)
    base = base_of(env)
    engine = LLMEngine(base.task, base.meter, chat=CHAT)
    assert finds(engine.writer, judge(env)) == []


class Marked(Task):
    """Somebody's own task, which holds its items, and whose splits are lazy."""

    name = "marked-v0"
    skills = ToyTask.skills
    levels = (0.0,)

    def __init__(self) -> None:
        self._items: dict[Split, list[Example]] = {
            split: [
                Example(
                    f"{split}-{skill}-question",
                    f"{split}-{skill}-unseen",
                    skill,
                    f"{split}/{skill}",
                )
                for skill in ("copy", "reverse", "next", "double")
            ]
            for split in ("train", "val", "test")
        }

    def examples(self, split: Split) -> Sequence[Example]:
        return LazySplit(self, split)

    def grade(self, example: Example, response: str) -> float:
        if response == "raise":
            raise AttributeError("no such thing", obj=self)
        return float(response == example.target)

    def compose(self, draft: Draft, skill: str, difficulty: float | None) -> Example:
        if not draft.problem:
            raise ConfigError("a draft needs a problem")
        return Example(draft.problem, draft.answer, skill)


@dataclass
class LazySplit(Sequence[Example]):  # type: ignore[misc]
    """Looks items up in the task."""

    task: Marked
    split: Split

    def __getitem__(self, index: Any) -> Any:
        return self.task._items[self.split][index]

    def __len__(self) -> int:
        return len(self.task._items[self.split])


def marked_env() -> TeacherEnv:
    return TeacherEnv(Marked(), TableStudent(), RecordingTrainer(), GenerateAndGrade())


def caught(call: Callable[[], Any]) -> BaseException:
    with pytest.raises((ConfigError, ConformanceError)) as error:
        call()
    error.value.__traceback__ = None  # Its frames are those of this test.
    return error.value


def test_a_grader_that_ends_its_process_ends_the_call_alone() -> None:
    """As ``exit()`` in code that a student wrote; it left the caller waiting for ever."""
    grade = Capability(grade=lambda: sys.exit("done"))
    assert str(caught(lambda: grade("grade"))) == "grade raised SystemExit: done"


def test_a_task_of_somebody_else_is_out_of_reach_too_even_through_its_errors() -> None:
    env = marked_env()
    room, forbidden = Classroom.of(env), judge(env)
    item = room.syllabus.train[0]
    assert room.syllabus.grade(item, item.target) == room.syllabus.verify(item) == 1
    assert room.syllabus.compose(Draft("q", "a"), "copy", None) == Example("q", "a", "copy")
    errors = [
        caught(lambda: room.syllabus.grade(item, "raise")),
        caught(lambda: room.syllabus.compose(Draft("", ""), "copy", None)),
    ]
    assert [type(error) for error in errors] == [ConformanceError, ConfigError]
    teacher = LLMOpenEnded(room, chat=Scripted(lambda *_: "{}"))
    assert finds([teacher, *errors, *threading.enumerate()], forbidden) == []
    texts = [(path, text) for path, text in reach(teacher) if isinstance(text, str)]
    secrets = [(path, text) for path, text in texts if "-unseen" in text]
    assert secrets
    assert [each for each in secrets if not each[1].startswith("train")] == []


def _generator(task: Any) -> Iterator[Any]:
    yield task


def _with_default(task: Any) -> Callable[..., Any]:
    def use(task: Any = task) -> Any:
        return task

    return use


class _Slotted:
    __slots__ = ("inside",)

    def __init__(self, inside: Any) -> None:
        self.inside = inside


class _Shared:
    inside: Any = None


def _on_its_class(task: Any) -> Any:
    return type("_Own", (_Shared,), {"inside": task, "__module__": __name__})()


def _in_a_global(task: Any) -> Any:
    space = {"hidden": task, "__name__": "elsewhere"}
    exec("def use():\n    return hidden", space)
    return space["use"]


def _started(task: Any) -> Any:
    generator = _generator(task)
    next(generator)
    return generator


LEAKS: dict[str, Callable[[Any], Any]] = {
    "attribute": lambda task: SimpleNamespace(a=SimpleNamespace(b=task)),
    "slot": _Slotted,
    "bound method": lambda task: task.grade,
    "partial": lambda task: functools.partial(task.grade, None),
    "closure": lambda task: lambda: task,
    "default": _with_default,
    "global": _in_a_global,
    "class": _on_its_class,
    "list": lambda task: [({"x": frozenset([_Slotted(task)])},)],
    "key": lambda task: {_Slotted(task): 1},
    "array": lambda task: np.array([None, task], dtype=object),
    "generator": _started,
    "weak reference": weakref.ref,
    "method caller": lambda task: operator.methodcaller("grade", task),
    "lazy split": lambda task: task.examples("train"),
    "iterator": lambda task: iter([task]),
    "items": lambda task: task.examples("test")[0],
    "text": lambda task: {"prompt": task.examples("test")[0].prompt},
}


@pytest.mark.parametrize("way", LEAKS)
def test_the_walk_finds_what_is_hidden_in_any_way(way: str) -> None:
    env = marked_env()
    assert finds(LEAKS[way](env.task), judge(env))


def test_the_walk_tells_the_way_in_which_a_bound_grader_used_to_lead_to_test() -> None:
    env = marked_env()
    room = SimpleNamespace(grade=env.task.grade, meter=env.ledger, student=env.student)
    reasons = {line.partition(":")[0] for line in finds(room, judge(env))}
    assert reasons >= {"task", "ledger", "held-out item", "student"}


def test_a_meter_charges_and_does_nothing_else() -> None:
    ledger = Ledger(Budget(teacher_calls=2))
    meter = ledger.meter
    meter.record(Cost(teacher_calls=1))
    meter.note(Incident("retry", "429"))
    meter.call("0" * 64)
    assert ledger.calls == ["0" * 64]
    assert (ledger.spent.teacher_calls, meter.exhausted()) == (1, ())
    meter.record(Cost(teacher_calls=1))
    assert meter.exhausted() == ("teacher_calls",)
    offered = {name for name in dir(meter) if not name.startswith("_")}
    assert offered == {"exhausted", "record", "note", "call"}
    assert not [found for _, found in reach(meter) if isinstance(found, (Ledger, Budget))]


def test_capabilities_are_neither_copied_nor_pickled_and_an_environment_goes_without() -> None:
    env = marked_env()
    for held in (env.syllabus.grade, env.meter):
        with pytest.raises(EpisodeError, match="make the teacher or engine again"):
            copy.deepcopy(held)
        with pytest.raises(EpisodeError, match="make the teacher or engine again"):
            pickle.dumps(held)
    other = pickle.loads(pickle.dumps(env))
    other.meter.record(Cost(teacher_calls=1))
    assert (other.spent.teacher_calls, env.spent.teacher_calls) == (1, 0)
