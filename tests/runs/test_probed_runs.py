"""A teacher that asks the student is resumed exactly: its answers are in the journal."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

from teachgym.envs import EpisodeRules, TeacherEnv
from teachgym.errors import BudgetError, RunError
from teachgym.evaluation import GenerateAndGrade
from teachgym.loop import run_episode
from teachgym.runs import Keep, RunFolder, record_episode
from teachgym.testing import RecordingTrainer, TableStudent, ToyTask
from teachgym.types import Aid, Budget, Data, Episode, Items, Prompt, Provenance, Report, Transition
from tests.runs.dying import Death, Killed, contents, reseal, stop_clocks

SEED, STEPS = 5, 4


@pytest.fixture(autouse=True)
def _clocks_stand_still(monkeypatch: pytest.MonkeyPatch) -> None:
    stop_clocks(monkeypatch)


class TellingStudent(TableStudent):
    """Its probes depend on what it was taught, so that only the right student gives the answer."""

    asked = 0

    def logprobs(self, prompts: Sequence[Prompt], targets: Sequence[str]) -> list[np.ndarray]:
        self.asked += 1
        taught = float(self._taught.sum())
        return [np.full(len(t) + 1, -1 / (3 + taught), np.float32) for t in targets]

    def sample(self, prompts: Sequence[Prompt], **how: Any) -> list[list[str]]:
        self.asked += 1
        return [[f"{self._taught.sum()} {how['seed']} ½"] * how["k"] for _ in prompts]


class Curious:
    """Asks before it acts and after it has seen what came of it, and acts on what it was told."""

    name = "curious"

    def __init__(self, env: gym.Env[Any, Any]) -> None:
        self._pool: Data = tuple(env.unwrapped.task.examples("train"))  # type: ignore[attr-defined]
        self._probes = env.get_wrapper_attr("probes")

    def reset(self, seed: int) -> None:
        self._rng, self._mood, self.refused = np.random.default_rng(seed), 0.0, 0
        self._acts = count()

    def act(self, observation: Report) -> Data:
        chosen = [self._pool[i] for i in self._rng.integers(len(self._pool), size=3)]
        self._mood += self._told(lambda: sum(float(p.sum()) for p in self._probes.logprobs(chosen)))
        text = Aid(f"{self._mood!r} ", places=tuple(range(8)))
        self._probes.aid((text,) if next(self._acts) == 1 else ())
        return tuple(replace(e, provenance=Provenance(hint=repr(self._mood))) for e in chosen)

    def observe(self, transition: Transition) -> None:
        k = int(self._rng.integers(1, 9))
        items = Items("val", (0, 1))
        answers = self._told(
            lambda: len(str(self._probes.sample(items, k=k, temperature=0.7, seed=3, prefix="!")))
        )
        self._mood += answers / 7

    def _told(self, ask: Callable[[], float]) -> float:
        """Being refused is an answer, too."""
        try:
            return ask()
        except BudgetError:
            self.refused += 1
            return 1.0


def world() -> tuple[TeacherEnv, Curious]:
    task, budget = ToyTask(per_cell=1), Budget(steps=STEPS, generated_tokens=260)
    rules = EpisodeRules(budget=budget, examples_per_step=12)
    env = TeacherEnv(
        task, TellingStudent(half=4), RecordingTrainer(), GenerateAndGrade(), rules=rules
    )
    return env, Curious(env)


def record(run: RunFolder, keep: Keep | None = None) -> tuple[Episode, int, Curious]:
    """Also how often the student was asked, and the teacher."""
    env, teacher = world()
    episode = record_episode(env, teacher, run, seed=SEED, keep=keep)
    assert isinstance(env.student, TellingStudent)
    return episode, env.student.asked, teacher


def moods(episode: Episode) -> list[Any]:
    return [
        (t.action, t.info["cost"], t.info["metrics"].get("aided/n")) for t in episode.transitions
    ]


def test_the_teacher_of_these_tests_is_told_and_refused_and_recording_changes_nothing(
    tmp_path: Path,
) -> None:
    env, teacher = world()
    plain = run_episode(env, teacher, seed=SEED)
    run = RunFolder.create(tmp_path / "run", {})
    recorded, asked, curious = record(run)
    assert moods(recorded) == moods(plain)
    assert recorded.length == STEPS
    assert [aided for *_, aided in moods(recorded)] == [None, 8, None, None]
    assert 0 < curious.refused < 2 * STEPS - 1
    assert asked >= 2 * STEPS - curious.refused
    lines = [json.loads(line) for line in run.journal.read_text().splitlines()]
    probes = [probe for line in lines for probe in line.get("probes", ())]
    assert [p["probe"] for p in probes] == ["logprobs", "sample"] * STEPS
    assert sum("refused" in p for p in probes) == curious.refused


@pytest.mark.sweep(1)
@pytest.mark.parametrize(
    ("keep", "apart"), [(Keep(), 5), (Keep(snapshot_every=3, predictions="ends"), 3)]
)
def test_a_kill_at_any_moment_leaves_no_trace(tmp_path: Path, keep: Keep, apart: int) -> None:
    """Every third or fifth moment, which are of all kinds."""
    whole = RunFolder.create(tmp_path / "whole", {})
    counting = Death()
    with counting.around():
        expected, _, _ = record(whole, keep)
    files = contents(whole.path)
    for at in range(1, counting.moments + 1, apart):
        run = RunFolder.create(tmp_path / f"killed-{at}", {})
        with Death(at).around(), pytest.raises(Killed):
            record(run, keep)
        episode, _, _ = record(run, keep)
        assert moods(episode) == moods(expected), at
        assert contents(run.path) == files, at


@pytest.mark.sweep(2)
@pytest.mark.parametrize("done", range(1, STEPS + 1))
def test_what_is_recorded_is_not_asked_again(tmp_path: Path, done: int) -> None:
    run, again = (RunFolder.create(tmp_path / name, {}) for name in ("run", "again"))
    _, asked, _ = record(run)
    asked_before = die_after(done, again)
    _, asked_after, _ = record(again)
    assert asked_after == asked - asked_before
    assert contents(again.path) == contents(run.path)


def die_after(steps: int, run: RunFolder) -> int:
    """Returns how often the student was asked."""

    def die(step: int, transition: Transition) -> None:
        if step == steps:
            raise Killed

    env, teacher = world()
    with pytest.raises(Killed):
        record_episode(env, teacher, run, seed=SEED, observers=[die])
    assert isinstance(env.student, TellingStudent)
    return env.student.asked


@pytest.mark.parametrize("change", ["other", "fewer", "more"])
def test_a_teacher_that_asks_something_else_is_found_out(tmp_path: Path, change: str) -> None:
    run = RunFolder.create(tmp_path / "run", {})
    die_after(2, run)
    lines = [json.loads(line) for line in run.journal.read_text().splitlines()]
    probes = lines[1]["probes"]
    if change == "other":
        probes[0]["request"] = "0" * 64
    elif change == "fewer":
        probes.append(probes[-1])
    else:
        del probes[-1]
    lines[1]["probes"] = probes
    reseal(run.journal, lines)
    with pytest.raises(RunError, match="the student"):
        record(run)
