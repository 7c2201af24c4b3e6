"""What an exam with a draft in the prompt tells of what its engine teaches, and what that costs."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from scipy import stats

from teachgym.agents import make_teacher
from teachgym.loop import run_episode
from teachgym.streams import chance
from teachgym.testing import RecordingTrainer, TableStudent, ToyTask
from teachgym.testing.toy import solve, split_prompt
from teachgym.types import Episode, Prompt

WRONG = {"sound": 0.05, "loose": 0.35, "poor": 0.65, "bad": 0.95}
"""Engines to the share of wrong targets that they write."""
STEPS = 12
Curve = list[tuple[int, float]]


class Reader(TableStudent):
    """Solves four in five questions of a skill of which it reads a right solution before them.

    Right examples that it is trained on teach it as well, so the same examples are good for both.
    """

    def generate(self, prompts: Sequence[Prompt], *, stop: Sequence[str] = ()) -> list[str]:
        return [self._answer(prompt.text) for prompt in prompts]

    def _answer(self, text: str) -> str:
        shown, _, asked = text.rpartition("\n\n")
        skill = split_prompt(asked)[0]
        own = super().generate([Prompt(asked)])[0]
        helped = bool(shown) and skill == split_prompt(shown)[0] and self.is_right(shown)
        return solve(asked) if helped and chance(text) < 0.8 else own

    @staticmethod
    def is_right(shown: str) -> bool:
        """Whether a text of a question and an answer ends with the right answer."""
        cuts = range(shown.index(": ") + 3, len(shown))
        return any(solve(shown[:cut]) == shown[cut:] for cut in cuts)


class Unread(Reader):
    """Learns from what it is trained on alone."""

    @staticmethod
    def is_right(shown: str) -> bool:
        return False


def make(
    student: type[Reader], seed: int, action: str, default: str = "sound", steps: int = STEPS
) -> Any:
    engines = {name: {"name": "imperfect", "wrong": wrong} for name, wrong in WRONG.items()}
    return gym.make(
        "teachgym/SkillList-v0",
        task=ToyTask(per_cell=10, seed=seed),
        student=student(half=60),
        trainer=RecordingTrainer(),
        engine="by-order",
        engine_settings={"engines": engines, "default": default},
        gate_settings={"verify": False, "duplicates": "allow"},
        examples_per_step=40,
        budget={"steps": steps},
        action=action,
        reuse_answers=False,
    )


def choose(student: type[Reader], seed: int) -> tuple[Any, Curve]:
    """A teacher that has examined four drafts of each engine, and its student's curve."""
    env = make(student, seed, "plan")
    teacher: Any = make_teacher("exam-dpo", env, engines=[*WRONG], drafts=4, exam=8)
    return teacher, curve(run_episode(env, teacher, seed=seed))


def alone(engine: str, seed: int) -> Curve:
    """The curve of a student that one engine teaches, for twice as many steps."""
    env = make(Reader, seed, "shares", engine, 2 * STEPS)
    return curve(run_episode(env, make_teacher("uniform", env), seed=seed))


def curve(episode: Episode) -> Curve:
    """After each step, all tokens trained on or generated so far, and the accuracy on val."""
    costs = [t.info["cost"] for t in episode.transitions]
    tokens = np.cumsum([c.train_tokens + c.generated_tokens for c in costs])
    accuracy = [t.info["metrics"]["accuracy"] for t in episode.transitions]
    return list(zip(tokens.tolist(), accuracy, strict=True))


@pytest.mark.slow
def test_exams_rank_engines_as_their_students_do_and_pay_for_themselves() -> None:
    """In each of five seeds at most two of six pairs of engines stand the other way round.

    Kendall's tau is 0.333, 0.913, 0.333, 0.667 and 0.333. Accuracy after the choice is 0.600,
    0.688, 0.675, 0.675 and 0.525. An engine drawn by chance has 0.494, 0.538, 0.519, 0.494 and
    0.428 in the mean, at the first step that has cost as many tokens or more, exams and evaluations
    included.
    """
    agreed = []
    for seed in range(5):
        teacher, chosen = choose(Reader, seed)
        others = [alone(engine, seed) for engine in WRONG]
        taught = [one[STEPS - 1][1] for one in others]
        agreed.append(stats.kendalltau(teacher.logits, taught).statistic)
        assert agreed[-1] >= 1 / 3 - 1e-9
        spent, accuracy = chosen[-1]
        drawn = fmean(next(found for cost, found in one if cost >= spent) for one in others)
        assert accuracy > drawn + 0.05
    assert fmean(agreed) > 0.4


def test_an_exam_tells_nothing_of_a_student_that_learns_nothing_from_what_it_reads() -> None:
    """All drafts score alike, so that no engine is preferred."""
    teacher, _ = choose(Unread, 0)
    assert teacher.logits.tolist() == [0] * len(WRONG)
