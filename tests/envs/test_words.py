"""Acting in words, being seen in words, and what happens between teachers and their money."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np

from teachgym.envs import EpisodeRules, TeacherEnv, teacher_env
from teachgym.envs.wrappers.orders import limit_plan
from teachgym.evaluation import GenerateAndGrade
from teachgym.forest import TreeReport
from teachgym.skills.skill_file import SkillFile, write_skill_file
from teachgym.testing import RecordingTrainer, TableStudent, ToyTask
from teachgym.types import (
    Budget,
    Cost,
    Data,
    Example,
    Exploit,
    Explore,
    Incident,
    Order,
    Plan,
    Skill,
)

SMALL: dict[str, Any] = {
    "student": "simulated",
    "task_settings": {"val_per_cell": 2, "test_per_cell": 1, "train_per_cell": 2},
    "examples_per_step": 20,
    "budget": {"steps": 4},
}


def make_list(**settings: Any) -> gym.Env[Any, Any]:
    words = {"action": "plan", "observation": "report"}
    return gym.make("teachgym/SkillList-v0", **{**SMALL, **words, **settings})


def make_tree(**settings: Any) -> gym.Env[Any, Any]:
    words = {"action": "moves", "observation": "report"}
    return gym.make("teachgym/SkillTree-v0", **{**SMALL, **words, **settings})


def toy_env(**rules: Any) -> TeacherEnv:
    return TeacherEnv(
        ToyTask(),
        TableStudent(half=4),
        RecordingTrainer(),
        GenerateAndGrade(),
        rules=EpisodeRules(**{"budget": Budget(steps=3), **rules}),
    )


def copies(*words: str) -> Data:
    return tuple(Example(f"copy: {word}", word, "copy") for word in words)


# -- plans -------------------------------------------------------------------------------------


def test_a_plan_is_ordered_as_it_stands_hints_included() -> None:
    env = make_list()
    env.reset(seed=0)
    plan = Plan((Order("add", 7, hint="carrying"), Order("ordering", 5, difficulty=0.5)))
    assert plan in env.action_space
    *_, info = env.step(plan)
    assert info["plan"] == plan
    assert len(info["data"]) == 12
    assert sum(e.skill == "add" for e in info["data"]) == 7


def test_a_plan_beyond_the_budget_is_scaled_down_and_its_empty_orders_go() -> None:
    """8 of 20 are left: 12 : 8 : 0 becomes 4.8 : 3.2, so 5 : 3 four times of five, or 4 : 4."""
    plan = Plan((Order("add", 12), Order("rev", 8), Order("dbl", 0)))
    rng = np.random.default_rng(0)
    seen = Counter(tuple(o.count for o in limit_plan(plan, 8, rng).orders) for _ in range(1000))
    assert set(seen) == {(5, 3), (4, 4)}
    assert abs(seen[5, 3] - 800) < 4.5 * 12.7
    env = make_list(budget={"steps": 4, "examples": 8})
    env.reset(seed=0)
    *_, terminated, _, info = env.step(plan)
    assert tuple(o.count for o in info["plan"].orders) in seen
    assert terminated


def test_an_empty_plan_trains_nothing() -> None:
    env = make_list()
    env.reset(seed=0)
    _, reward, _, _, info = env.step(Plan())
    assert (reward, info["data"]) == (0.0, ())


# -- moves -------------------------------------------------------------------------------------


def test_moves_grow_the_forest_and_its_history_says_what_they_gained() -> None:
    env = make_tree(pretest=True)
    first, _ = env.reset(seed=0)
    assert isinstance(first, TreeReport)
    root = next(iter(first.forest.trees))
    moves = (Explore(root, 2, 4, reason="nothing is known of it"),)
    assert moves in env.action_space
    second, _reward, _, _, info = env.step(moves)
    assert second in env.observation_space
    assert [s.taught for s in second.forest.trees[root]] == [4, 4]
    (experience,) = second.forest.past(root)
    assert (experience.step, experience.move) == (1, moves[0])
    assert experience.before.n == experience.after.n > 0
    answered = [s.own.n for s in second.forest.trees[root]]
    assert answered == [4, 4]
    assert len(info["pretest"]) == 8
    known = second.forest.known(root)
    third, *_ = env.step((Exploit(root, {known[0]: 3}),))
    assert [s.taught for s in third.forest.trees[root]] == [7, 4]
    *_, info = env.step((Explore("calculus", 1, 1),))
    assert info["rejected"][0].reason == "move"
    assert "calculus" in info["rejected"][0].detail
    assert info["moves"] == ()


def test_without_moves_allocations_stand() -> None:
    env = make_tree()
    first, _ = env.reset(seed=0)
    env.step((Explore(next(iter(first.forest.trees)), 1, 6),))
    *_, info = env.step(())
    assert len(info["data"]) == 6


def test_without_a_pretest_the_own_data_was_not_measured() -> None:
    env = make_tree()
    first, _ = env.reset(seed=0)
    after, *_, info = env.step((Explore(next(iter(first.forest.trees)), 1, 6),))
    assert [s.own.n for s in after.forest] == [0]
    assert info["pretest"] == ()


# -- the pretest -------------------------------------------------------------------------------


def test_the_pretest_asks_before_training_and_is_paid() -> None:
    """Three unknown words: three answers of one token each, ``?``, all wrong."""
    env = toy_env(pretest=True)
    env.reset(seed=0)
    *_, info = env.step(copies("zq", "zw", "ze"))
    assert [p.score for p in info["pretest"]] == [0.0, 0.0, 0.0]
    answers = sum(len(p.response) for p in env.state.report.predictions)
    assert info["cost"].generated_tokens == 3 + answers


def test_what_the_pretest_could_not_pay_for_is_rejected_for_the_budget() -> None:
    """48 are set aside for 40 answers of one token; 3 more tokens are two answers at 1.2."""
    env = toy_env()
    env.reset(seed=0)
    reserve = env.next_evaluation.generated_tokens
    assert reserve == 48
    env = toy_env(pretest=True, budget=Budget(steps=3, generated_tokens=reserve + 3))
    env.reset(seed=0)
    *_, info = env.step(copies("zq", "zw", "ze"))
    assert len(info["data"]) == 2
    assert [v.reason for v in info["rejected"]] == ["budget"]


def test_a_simulated_student_is_pretested_by_its_competence() -> None:
    """It has mastered ``copy`` and cannot calculate ``mul``; neither exercise is in its splits."""
    env = make_list(pretest=True)
    env.reset(seed=0)
    *_, info = env.step(Plan((Order("copy", 10), Order("mul", 10))))
    right: dict[str, list[float]] = {"copy": [], "mul": []}
    for prediction in info["pretest"]:
        right[prediction.example.skill].append(prediction.score)
    assert len(right["copy"]) + len(right["mul"]) == 20
    assert sum(right["copy"]) >= 8
    assert sum(right["mul"]) <= 2


# -- money and incidents -----------------------------------------------------------------------


def test_what_a_teacher_spends_on_a_decision_is_in_the_price_of_the_step_after_it() -> None:
    env = toy_env()
    env.reset(seed=0)
    env.ledger.record(Cost(teacher_calls=1, teacher_tokens_in=30))
    env.ledger.note(Incident("retry", "429"))
    env.ledger.note(Incident("retry", "500"))
    *_, info = env.step(())
    assert info["cost"].teacher_tokens_in == 30
    assert [i.detail for i in info["incidents"]] == ["429", "500"]
    assert info["metrics"]["incidents"] == info["metrics"]["incidents/retry"] == 2
    *_, info = env.step(())
    assert (info["cost"].teacher_calls, info["incidents"]) == (0, ())


def test_an_episode_ends_when_the_teachers_money_is_spent() -> None:
    env = toy_env(budget=Budget(steps=9, teacher_tokens_out=10))
    env.reset(seed=0)
    env.ledger.record(Cost(teacher_tokens_out=9))
    assert env.ledger.exhausted() == ()
    env.ledger.record(Cost(teacher_tokens_out=4))
    assert env.ledger.exhausted() == ("teacher_tokens_out",)
    *_, terminated, _, info = env.step(())
    assert terminated
    assert info["stop_reason"] == "teacher_tokens_out"
    env.reset(seed=0)
    assert env.ledger.exhausted() == ()


def test_a_teacher_may_know_everything_of_the_task_but_its_held_out_items() -> None:
    env = teacher_env(**SMALL)
    syllabus = env.syllabus
    assert syllabus.skills == env.task.skills
    held_out = {e.prompt for split in ("val", "test") for e in env.task.examples(split)}
    assert not held_out & {e.prompt for e in syllabus.train}


# -- other skills ------------------------------------------------------------------------------


def test_an_environment_can_show_a_task_through_a_skill_file(tmp_path: Path) -> None:
    """Every third skill file entry is ``one``, the rest ``two``; teachers see those two."""
    task = teacher_env(**SMALL).task
    ids = [e.id for split in ("train", "val", "test") for e in task.examples(split)]
    assignments = {id_: "one" if i % 3 == 0 else "two" for i, id_ in enumerate(ids)}
    file = SkillFile(task.name, "by hand", (Skill("one"), Skill("two")), assignments)
    write_skill_file(tmp_path / "skills.json", file)
    env = make_list(skills=str(tmp_path / "skills.json"))
    report, _ = env.reset(seed=0)
    assert set(report.by_skill()) == {"one", "two"}
    *_, info = env.step(Plan((Order("one", 5),)))
    assert {e.skill for e in info["data"]} == {"one"}
