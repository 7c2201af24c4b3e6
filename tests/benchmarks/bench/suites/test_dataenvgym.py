"""The suites of the paper start as written, with small students that have random weights."""

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
from tests.students.image_models import save_model

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
    ("domain", "places", "controls"),
    [
        ("math", PLACES, ["no-data", "real-data"]),
        ("code", PLACES, ["no-data"]),  # LiveCodeBench has no training examples.
        ("tools", PLACES, ["no-data", "real-data"]),
        ("vqa", PLACES[1:], ["no-data", "real-data"]),  # Nobody can write photographs.
    ],
)
def test_each_domain_has_the_papers_agents_and_the_controls_it_can_have(
    domain: str, places: tuple[str, ...], controls: list[str]
) -> None:
    suite = make_suite(f"dataenvgym-{domain}")
    check_arms(suite)
    assert [arm.name for arm in suite.arms if arm.control] == controls
    agents = {f"{place}-{state}-state" for place in places for state in ("no", "with")}
    assert {arm.name for arm in suite.arms if not arm.control} == agents


def teach_once(domain: str, arm: str, changed: dict[str, Any]) -> None:
    """A step of the arm of a suite, whose settings are changed, changes its student."""
    suite = make_suite(f"dataenvgym-{domain}")
    (own,) = (a.env_settings for a in suite.arms if a.name == arm)
    settings = {**suite.env_settings, **own, **changed}
    settings["student_settings"] = {
        **suite.env_settings["student_settings"],
        **changed["student_settings"],
    }
    env = gym.make("teachgym/SkillList-v0", **settings)
    env.reset(seed=0)
    student: Any = env.unwrapped.student  # type: ignore[attr-defined]
    before = student.save()
    _, _, _, _, info = env.step(env.action_space.sample())
    assert student.save() != before, info


@pytest.mark.slow
def test_the_papers_student_is_taught_on_the_papers_task(tmp_path: Path) -> None:
    """The control arm with real data: the suite's settings but for names of files and sizes."""
    (tmp_path / "math").mkdir()
    write_math(tmp_path / "math" / "train.jsonl", 1, 6)
    write_math(tmp_path / "math" / "test.jsonl", 100, 2)
    save_small(
        "gemma2", tmp_path / "gemma", attn_logit_softcapping=50.0, final_logit_softcapping=30.0
    )
    changed = {
        "student": str(tmp_path / "gemma"),
        "student_settings": {"max_new_tokens": 32},
        "task_settings": {"path": str(tmp_path / "math"), "val_per_cell": 2},
        "examples_per_step": 4,
        "budget": {"steps": 1, "examples": 4},
    }
    teach_once("math", "real-data", changed)


def write_gqa(folder: Path) -> None:
    """Questions in the authors' form about pictures of one colour, six for training."""
    from PIL import Image

    for split, count in (("train", 6), ("test", 2)):
        rows = {
            f"{split}{n}-{kind}": {
                "question": f"What {kind} is in picture {n} of {split}?",
                "answer": colour,
                "imageId": f"{split}{n}",
                "types": {"structural": kind},
            }
            for n in range(count)
            for kind, colour in (("query", "red"), ("choose", "blue"))
        }
        (folder / f"{split}.json").write_text(json.dumps(rows))
        for n in range(count):
            Image.new("RGB", (16, 16), (40 * n, 0, 0)).save(folder / f"{split}{n}.jpg")


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_the_papers_student_of_pictures_is_taught_on_gqa(tmp_path: Path) -> None:
    """The same with a PaliGemma, small and with random weights, on six pictures."""
    write_gqa(tmp_path)
    changed = {
        "student": str(save_model("paligemma", tmp_path / "paligemma")),
        "student_settings": {"max_new_tokens": 8},
        "task_settings": {
            "path": {split: str(tmp_path / f"{split}.json") for split in ("train", "test")},
            "images": str(tmp_path),
            "val_per_skill": 2,
        },
        "examples_per_step": 4,
        "budget": {"steps": 1, "examples": 4},
    }
    teach_once("vqa", "real-data", changed)
