"""Datasets of reasoning-gym as tasks: graded by their own graders, and always the same."""

from __future__ import annotations

import random
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

pytest.importorskip("reasoning_gym")

from teachgym.errors import ConfigError, MissingExtraError, UnknownSkillError
from teachgym.tasks import make_task, procedural, reasoning_gym
from teachgym.tasks.reasoning_gym import EXCLUDED, ReasoningGymTask, offered_datasets
from teachgym.testing import check_task
from teachgym.types import Example, Skill

# Files that the package leaves open, and syntax that newer Pythons warn about, are not ours.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

FEW: dict[str, int] = {"val_per_cell": 3, "test_per_cell": 3, "train_per_cell": 3}
QUICK = (
    "basic_arithmetic",  # default grader
    "caesar_cipher",  # two valid levels only
    "gsm_symbolic",  # no curriculum
    "graph_color",  # several right answers
    "leg_counting",
    "list_functions",  # draws from the global generator
    "pool_matrix",  # seeds numpy's global generator
    "power_function",  # a configuration that cannot be validated
    "prime_factorization",  # a grader that raises on what it cannot read
    "survo",  # reads the configuration's seed
)


@pytest.mark.parametrize("name", QUICK)
def test_a_dataset_keeps_the_contract_of_tasks(name: str) -> None:
    check_task(ReasoningGymTask(name, **FEW), samples=10)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(set(offered_datasets()) - set(QUICK)))
def test_every_offered_dataset_keeps_the_contract_of_tasks(name: str) -> None:
    check_task(ReasoningGymTask(name, **FEW), samples=6)


def test_skills_are_datasets_under_their_categories() -> None:
    task = make_task("reasoning-gym", datasets=["leg_counting", "gcd", "letter_counting"])
    assert [(s.name, s.parent) for s in task.skills] == [
        ("arithmetic", None),
        ("algorithmic", None),
        ("leg_counting", "arithmetic"),
        ("gcd", "arithmetic"),
        ("letter_counting", "algorithmic"),
    ]
    assert task.skills[2] == Skill(
        "leg_counting", "arithmetic", "Generates leg counting arithmetic tasks"
    )


def test_levels_are_the_curriculum_s_first_ones() -> None:
    """Attribute level l of leg_counting is at most l + 1 animals, and it starts at l = 1."""
    task = ReasoningGymTask("leg_counting", **FEW)
    assert task.levels == (0.0, 0.5, 1.0)

    def animals(level: float) -> int:
        rng = np.random.default_rng(0)
        made = [task.make("leg_counting", level, rng).prompt for _ in range(30)]
        return max(prompt.split("if you have ")[1].count(",") + 1 for prompt in made)

    assert [animals(level) for level in task.levels] == [2, 3, 4]


def test_levels_that_cannot_be_configured_and_missing_curricula_leave_fewer_levels() -> None:
    assert ReasoningGymTask("caesar_cipher", **FEW).levels == (0.0, 0.5)
    assert ReasoningGymTask("gsm_symbolic", **FEW).levels == (0.0,)
    assert ReasoningGymTask("knight_swap", **FEW).levels == (0.0,)


def test_the_nearest_level_that_the_dataset_has_is_used() -> None:
    task = ReasoningGymTask(["leg_counting", "gsm_symbolic"], **FEW)
    rng = np.random.default_rng(0)
    assert task.make("gsm_symbolic", 1.0, rng).difficulty == 0.0
    assert task.make("leg_counting", 0.8, rng).difficulty == 1.0
    assert {task.make("leg_counting", None, rng).difficulty for _ in range(30)} == {0.0, 0.5, 1.0}


def test_seeds_choose_different_items_and_equal_seeds_the_same() -> None:
    one, same, other = (ReasoningGymTask("gcd", seed=seed, **FEW) for seed in (1, 1, 2))
    assert one.examples("val") == same.examples("val")
    assert {e.prompt for e in one.examples("val")}.isdisjoint(
        e.prompt for e in other.examples("val")
    )


def test_another_task_grades_an_example_by_its_id() -> None:
    example = ReasoningGymTask("gcd", **FEW).examples("test")[0]
    fresh = ReasoningGymTask("gcd", seed=5, **FEW)
    assert fresh.grade(example, example.target) == 1
    assert fresh.grade(example, "no number") < 1


def test_examples_without_an_id_are_compared_with_their_target() -> None:
    task = ReasoningGymTask("gcd", **FEW)
    example = Example("Find the GCD of 4 and 6.", "2", "gcd", source="teacher")
    assert [task.grade(example, response) for response in ("2", " 2\n", "3")] == [1, 1, 0]


def test_partial_scores_of_the_package_are_kept() -> None:
    """The default grader pays the share of the response that is the answer: here 1/2."""
    task = ReasoningGymTask("basic_arithmetic", **FEW)
    example = next(e for e in task.examples("val") if e.target.isdigit())
    padded = example.target + "." * len(example.target)
    assert task.grade(example, padded) == 0.5


@pytest.mark.parametrize("name", ["list_functions", "pool_matrix"])
def test_the_global_generators_are_left_alone(name: str) -> None:
    task = ReasoningGymTask(name, **FEW)
    python, numpy = random.getstate(), np.random.get_state()  # noqa: NPY002
    task.make(name, None, np.random.default_rng(0))
    assert random.getstate() == python
    assert all(np.array_equal(a, b) for a, b in zip(np.random.get_state(), numpy, strict=True))  # noqa: NPY002


@pytest.mark.slow
def test_examples_are_the_same_in_another_process() -> None:
    """Whatever seed Python's hashes have."""
    code = (
        "from teachgym.tasks.reasoning_gym import ReasoningGymTask, offered_datasets\n"
        "from hashlib import sha256\n"
        "for name in offered_datasets():\n"
        "    if name == 'knight_swap': continue\n"
        "    cells = ReasoningGymTask(name)._cells[name]\n"
        "    entries = [c.entry(k) for c in cells for k in range(20)]\n"
        "    texts = repr([(e['question'], e['answer']) for e in entries if e is not None])\n"
        "    print(name, sha256(texts.encode()).hexdigest())\n"
    )

    def digests(hash_seed: str) -> list[str]:
        out = subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
        )
        return out.stdout.splitlines()

    one, other = digests("1"), digests("2")
    assert len(one) > 70
    assert one == other


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"datasets": "leg_countin"}, "Did you mean 'leg_counting'"),
        ({"datasets": ["gcd", "rush_hour", "bf"]}, r"rush_hour \(it does not say.*bf \(it prints"),
        ({"datasets": []}, "datasets is empty"),
        ({"levels": 0}, "levels is 0; it must be 1 or more"),
        ({"val_per_cell": 0}, "val_per_cell is 0"),
    ],
)
def test_bad_settings_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        ReasoningGymTask(**settings)


def test_excluded_datasets_exist_and_are_not_offered() -> None:
    registered = set(reasoning_gym._registry().DATASETS)
    assert set(EXCLUDED) <= registered
    assert set(offered_datasets()) == registered - set(EXCLUDED)


def test_a_level_with_too_few_prompts_is_an_error_and_not_an_endless_loop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Level 0 of tower_of_hanoi has six prompts, which is why the task starts higher."""
    monkeypatch.setattr(reasoning_gym, "_FIRST_LEVELS", {})
    monkeypatch.setattr(procedural, "MAX_DRAWS", 200)
    task = ReasoningGymTask("tower_of_hanoi", levels=1)
    with pytest.raises(ConfigError, match=r"tower_of_hanoi level 0: .*lower val_per_cell"):
        task.examples("val")


def test_an_unknown_skill_is_answered_with_a_suggestion() -> None:
    task = ReasoningGymTask("gcd", **FEW)
    with pytest.raises(UnknownSkillError, match="unknown leaf skill 'arithmetic'"):
        task.make("arithmetic", None, np.random.default_rng(0))


def test_a_missing_package_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "reasoning_gym", None)
    reasoning_gym._registry.cache_clear()
    try:
        with pytest.raises(MissingExtraError, match=r"teachgym\[reasoning-gym\]"):
            ReasoningGymTask("gcd")
    finally:
        reasoning_gym._registry.cache_clear()
