"""The suite of the paper starts as written: a Gemma 2, small and with random weights, on MATH."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import gymnasium as gym
import pytest

pytest.importorskip("math_verify")

from teachgym.benchmarks.bench.runner import check_arms
from teachgym.benchmarks.bench.suites import make_suite
from teachgym.benchmarks.models.architectures import save_small
from teachgym.students.local.student import LanguageModelStudent

PLACES = ("open-ended", "skill-list", "skill-tree")


def write_math(path: Path, first: int, count: int) -> None:
    rows = [
        {
            "problem": f"What is half of ${n}$ in {topic} of {level}?",
            "level": level,
            "type": topic,
            "solution": f"It is $\\boxed{{\\frac{{{n}}}{{2}}}}$.",
        }
        for topic in ("Algebra", "Geometry")
        for level in ("Level 1", "Level 5")
        for n in range(first, first + count)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


@pytest.mark.parametrize(
    ("domain", "controls"),
    [
        ("math", ["no-data", "real-data"]),
        ("code", ["no-data"]),  # LiveCodeBench has no training examples.
        ("tools", ["no-data", "real-data"]),
    ],
)
def test_each_domain_has_the_papers_agents_and_the_controls_it_can_have(
    domain: str, controls: list[str]
) -> None:
    suite = make_suite(f"dataenvgym-{domain}")
    check_arms(suite)
    assert [arm.name for arm in suite.arms if arm.control] == controls
    agents = {f"{place}-{state}-state" for place in PLACES for state in ("no", "with")}
    assert {arm.name for arm in suite.arms if not arm.control} == agents


def test_the_papers_student_is_taught_on_the_papers_task(tmp_path: Path) -> None:
    """The control arm with real data: the suite's settings but for names of files and sizes."""
    (tmp_path / "math").mkdir()
    write_math(tmp_path / "math" / "train.jsonl", 1, 6)
    write_math(tmp_path / "math" / "test.jsonl", 100, 2)
    save_small(
        "gemma2", tmp_path / "gemma", attn_logit_softcapping=50.0, final_logit_softcapping=30.0
    )
    suite = make_suite("dataenvgym-math")
    arm = next(arm for arm in suite.arms if arm.name == "real-data")
    settings: dict[str, Any] = {
        **suite.env_settings,
        **(arm.env_settings or {}),
        "student": str(tmp_path / "gemma"),
        "student_settings": {**suite.env_settings["student_settings"], "max_new_tokens": 32},
        "task_settings": {"path": str(tmp_path / "math"), "val_per_cell": 2},
        "examples_per_step": 4,
        "budget": {"steps": 1, "examples": 4},
    }
    env = gym.make("teachgym/SkillList-v0", **settings)
    env.reset(seed=0)
    student: Any = env.unwrapped.student  # type: ignore[attr-defined]
    assert isinstance(student, LanguageModelStudent)
    before = student.fingerprint()
    _, _, _, _, info = env.step(env.action_space.sample())
    assert student.fingerprint() != before, info
