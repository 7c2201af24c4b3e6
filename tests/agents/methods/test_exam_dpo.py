"""``exam-dpo``: drafts scored in context, pairs, and the descent on DPO's loss, by hand."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import teachgym  # noqa: F401 (registers the environments)
from teachgym.agents import make_teacher, teacher_entry
from teachgym.agents.methods.exam_dpo import ExamDPO, pairs_of
from teachgym.errors import BudgetError, ConfigError
from teachgym.loop import run_episode
from teachgym.types import Data, Example, Plan, Transition
from tests.agents.llm.classroom import make_classroom


class Reader:
    """Probes of a student that is right on linear if it is shown ``key``."""

    def __init__(self) -> None:
        self.shown: list[str] = []
        self.poor = False

    def greedy(self, items: Any, *, prefix: str = "") -> list[str]:
        if self.poor:
            raise BudgetError("nothing is left")
        self.shown.append(prefix)
        helped = {"linear"} if "key" in prefix else set()
        return [e.target if e.skill in helped else "no" for e in items]


def made(name: str, count: int) -> Data:
    return tuple(Example(f"{name} {i}?", f"{name} {i}.", "linear") for i in range(count))


def elicited(reader: Any, **settings: Any) -> ExamDPO:
    """After two steps, in which the engine ``good`` made keys and ``bad`` other examples."""
    classroom = replace(make_classroom(per_step=12)[0], probes=reader)
    teacher = ExamDPO(classroom, engines=["good", "bad"], drafts=4, **settings)
    for engine, name in (("good", "key"), ("bad", "stone")):
        plan = teacher.act(None)
        assert [(o.engine, o.count) for o in plan.orders] == [(engine, 4)] * 3
        teacher.observe(Transition(None, plan, 0.0, None, False, False, {"data": made(name, 6)}))
    return teacher


def shares(plan: Plan) -> Counter[str]:
    return Counter({o.engine: 0 for o in plan.orders}) + Counter(
        engine for o in plan.orders for engine in [o.engine] * o.count
    )


def test_two_pairs_move_the_logits_by_the_gradient_of_dpo() -> None:
    """Eight drafts, quarters of two; with beta 0.5 and rate 4 each pair pushes by 2 / (1 + e^gap).

    First 2 / 2 = 1, so logits of 1 and -1; the gap is then 0.5 * 2 = 1, and the push 2 / (1 + e).
    Linear is a third of the exam: keys score 1/3, stones 0.
    """
    reader = Reader()
    teacher = elicited(reader, beta=0.5, rate=4.0)
    plan = teacher.act(None)
    assert sorted({teacher.score(e) for e in (*made("key", 2), *made("stone", 2))}) == [0, 1 / 3]
    assert reader.shown[-1] == "stone 1?stone 1.\n\n"
    level = 1 + 2 / (1 + math.e)
    assert teacher.logits is not None
    np.testing.assert_allclose(teacher.logits, [level, -level])
    expected = 12 / (1 + math.exp(-2 * level))  # 11.6 of 12.
    assert shares(plan)["good"] in (math.floor(expected), math.ceil(expected))
    assert plan.total == 12
    asked = len(reader.shown)
    teacher.act(None)
    assert len(reader.shown) == asked


def test_without_a_budget_or_a_difference_nothing_is_preferred() -> None:
    poor = Reader()
    poor.poor = True
    for reader, name in ((poor, "key"), (Reader(), "stone")):
        classroom = replace(make_classroom(per_step=12)[0], probes=reader)
        teacher = ExamDPO(classroom, engines=["a", "b"])
        for _ in range(2):
            plan = teacher.act(None)
            data = {"data": made(name, 6)}
            teacher.observe(Transition(None, plan, 0.0, None, False, False, data))
        assert shares(teacher.act(None)) == {"a": 6, "b": 6}


def test_engines_with_equal_scores_are_preferred_alike() -> None:
    """One draft of each of two engines is right in 1 of 10 exams: neither may always be above."""
    first = 0
    for seed in range(60):
        classroom = replace(make_classroom(per_step=12)[0], probes=Reader())
        teacher = ExamDPO(classroom, engines=["a", "b"], drafts=8)
        teacher.reset(seed)
        for _ in range(2):
            plan = teacher.act(None)
            data = (*made("key", 2), *made("stone", 6))
            teacher.observe(Transition(None, plan, 0.0, None, False, False, {"data": data}))
        teacher.act(None)
        assert teacher.logits is not None
        first += int(teacher.logits[0] > 0)
    assert 10 < first < 50


@given(st.lists(st.tuples(st.floats(0, 1), st.integers(0, 3)), max_size=40))
def test_pairs_are_of_different_scores_and_at_most_a_quarter(scored: Any) -> None:
    pairs = pairs_of(scored)
    assert len(pairs) <= max(len(scored) // 4, 1)
    best = {engine: max(s for s, e in scored if e == engine) for engine in {e for _, e in scored}}
    least = {engine: min(s for s, e in scored if e == engine) for engine in best}
    assert all(best[one] > least[other] for one, other in pairs)


def test_exam_dpo_needs_engines() -> None:
    with pytest.raises(ConfigError, match="engines is empty"):
        ExamDPO(make_classroom()[0], engines=[])
    with pytest.raises(ConfigError, match="beta is 0"):
        ExamDPO(make_classroom()[0], beta=0)


def test_exam_dpo_teaches_a_student_to_the_end() -> None:
    """Two engines, so that what one gains the other loses; the exams are paid for."""
    settings = {
        "student": "simulated",
        "examples_per_step": 60,
        "budget": {"steps": 4},
        "task_settings": {"train_per_cell": 4, "val_per_cell": 3, "test_per_cell": 3},
    }
    words = teacher_entry("exam-dpo").env["SkillList"]
    env = gym.make("teachgym/SkillList-v0", **words, **settings)
    teacher: Any = make_teacher("exam-dpo", env, drafts=2, exam=8)
    episode = run_episode(env, teacher, seed=0)
    assert [sorted(shares(t.action)) for t in episode.transitions[:2]] == [["pool"], ["procedural"]]
    assert teacher.logits.sum() == pytest.approx(0)
    exams = episode.transitions[2].info["cost"] - episode.transitions[3].info["cost"]
    assert exams.generated_tokens > 0
