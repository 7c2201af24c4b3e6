"""Datasets of reasoning-gym as tasks: graded by their own graders, and always the same."""

from __future__ import annotations

import random
import string
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("reasoning_gym")

from teachgym.errors import ConfigError, MissingExtraError, UnknownSkillError
from teachgym.tasks import make_task, procedural, reasoning_gym
from teachgym.tasks.reasoning_gym import ReasoningGymTask, offered_datasets
from teachgym.tasks.reasoning_gym_tables import EXCLUDED, FLAWED, REPAIRS
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
    "word_ladder",  # chooses from unsorted sets
)
BREACHES = (
    "boxnet",  # makes the same item twice
    "codeio",  # may make another item of the same number
    "game_of_life_halting",  # gives full marks to any response
)


@pytest.mark.sweep(4)
@pytest.mark.parametrize("name", QUICK)
def test_a_dataset_keeps_the_contract_of_tasks(name: str) -> None:
    check_task(ReasoningGymTask(name, **FEW), samples=10)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", sorted(set(offered_datasets(accept_flaws=True)) - {*QUICK, *BREACHES})
)
def test_every_other_dataset_keeps_the_contract_of_tasks(name: str) -> None:
    check_task(ReasoningGymTask(name, accept_flaws=True, **FEW), samples=6)


@pytest.mark.slow
@pytest.mark.parametrize("name", BREACHES)
def test_where_a_flaw_breaks_the_contract_right_answers_still_score_one(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # Items of codeio may write files.
    task = ReasoningGymTask(name, accept_flaws=True, **FEW)
    rng = np.random.default_rng(0)
    made = [task.make(name, None, rng) for _ in range(30)]
    for example in (*task.examples("train"), *task.examples("val"), *task.examples("test"), *made):
        assert task.grade(example, example.target) == 1


@pytest.mark.parametrize("name", sorted(n for n in FLAWED if "runs the response" in FLAWED[n]))
def test_graders_said_to_run_the_response_do(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    task = ReasoningGymTask(name, accept_flaws=True, levels=1)
    example = task.make(name, None, np.random.default_rng(0))
    assert task.grade(example, "print('I run')") < 1
    assert "I run" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "response"),
    [("coin_flip", "{}0001"), ("complex_arithmetic", "nan"), ("game_of_life_halting", "no idea")],
)
def test_graders_said_to_give_full_marks_to_wrong_answers_do(name: str, response: str) -> None:
    task = ReasoningGymTask(name, accept_flaws=True, levels=1)
    example = task.make(name, None, np.random.default_rng(0))
    assert task.grade(example, response.format(example.target)) == 1


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


def test_an_example_is_graded_against_its_own_target() -> None:
    """An item made again can have another answer where the dataset is flawed."""
    task = ReasoningGymTask("gcd", **FEW)
    example = replace(task.examples("val")[0], target="1234567")
    assert task.grade(example, "1234567") == 1


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
    """Whatever seed Python's hashes have. Left out: what is flawed, and what takes minutes."""
    code = (
        "from teachgym.tasks.reasoning_gym import ReasoningGymTask, offered_datasets\n"
        "from hashlib import sha256\n"
        "for name in offered_datasets(accept_flaws=True):\n"
        "    if name in ('codeio', 'knight_swap'): continue\n"
        "    cells = ReasoningGymTask(name, accept_flaws=True)._cells[name]\n"
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
    assert len(one) == len(offered_datasets(accept_flaws=True)) - 2
    assert one == other


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"datasets": "leg_countin"}, "Did you mean 'leg_counting'"),
        ({"datasets": ["gcd", "composite"]}, r"composite \(it mixes other .* cannot be a task"),
        (
            {"datasets": ["gcd", "coin_flip"]},
            r"coin_flip \(its grader gives full marks .*\); .* accept_flaws=True",
        ),
        ({"datasets": "composite", "accept_flaws": True}, "cannot be a task"),
        ({"datasets": []}, "datasets is empty"),
        ({"levels": 0}, "levels is 0; it must be 1 or more"),
        ({"val_per_cell": 0}, "val_per_cell is 0"),
    ],
)
def test_bad_settings_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        ReasoningGymTask(**settings)


def test_every_dataset_is_offered_but_the_excluded_and_unless_accepted_the_flawed() -> None:
    registered = set(reasoning_gym._registry().DATASETS)
    assert set(EXCLUDED) == {"composite"}
    assert EXCLUDED.keys() | FLAWED.keys() | REPAIRS.keys() <= registered
    assert set(offered_datasets(accept_flaws=True)) == registered - EXCLUDED.keys()
    assert set(offered_datasets()) == registered - EXCLUDED.keys() - FLAWED.keys()


def test_levels_whose_items_take_minutes_are_left_out() -> None:
    assert ReasoningGymTask("jugs", **FEW).levels == (0.0,)
    assert ReasoningGymTask("number_sequence", **FEW).levels == (0.0,)


def test_items_whose_own_answer_is_wrong_are_none() -> None:
    """The package solves puzzles of four jugs with three of them, which cannot always be done."""
    (four_jugs,) = ReasoningGymTask("jugs", **FEW)._cells["jugs"]
    entries = [four_jugs.entry(key) for key in range(6)]
    assert None in entries
    assert all("No solution" not in entry["answer"] for entry in entries if entry is not None)


def test_items_are_made_without_printing(capsys: pytest.CaptureFixture[str]) -> None:
    """The compiler of bf prints a dot for each pass."""
    ReasoningGymTask("bf", levels=1, **FEW).make("bf", None, np.random.default_rng(0))
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("name", ["isomorphic_strings", "ransom_note"])
def test_sets_that_items_are_chosen_from_are_sorted(name: str) -> None:
    letters = ReasoningGymTask(name, **FEW)._cells[name][0].dataset.letters
    assert "".join(letters) == string.ascii_lowercase
    assert "".join(letters - {"a", "c"}) == "b" + string.ascii_lowercase[3:]


def test_a_level_with_too_few_prompts_is_an_error_and_not_an_endless_loop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Level 0 of tower_of_hanoi has six prompts, which is why the task starts higher."""
    monkeypatch.setattr(reasoning_gym, "FIRST_LEVELS", {})
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


def test_an_id_that_is_none_of_the_task_is_graded_like_no_id() -> None:
    task = ReasoningGymTask("chain_sum", **FEW)
    for id_ in ("", "x", "nowhere/0/1", "a/b/c/d"):
        example = Example("how many?", "4", task.examples("val")[0].skill, id=id_)
        assert task.grade(example, " 4 ") == 1
        assert task.grade(example, "5") == 0
        assert task.verify(example) == 1
