"""Aids: measured beside what the student can do alone, paid for, never rewarded."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

from teachgym.agents import make_teacher
from teachgym.envs import TeacherEnv
from teachgym.envs.aids import Aided, choose_aids
from teachgym.envs.base import base_of
from teachgym.envs.rules import EpisodeRules
from teachgym.errors import ConfigError, UnsupportedError
from teachgym.evaluation import GenerateAndGrade
from teachgym.experiment import RunConfig, run
from teachgym.loop import run_episode
from teachgym.runs import RunFolder
from teachgym.testing import RecordingTrainer, TableStudent, ToyTask, check_task
from teachgym.testing.toy import solve
from teachgym.types import Aid, Budget, Example, Prompt
from teachgym.types.scores import floor_error
from tests.report.html.page_parts import page_of

N_VAL = 8
"""Items of val: four skills at two levels."""
HELP = "The answer is given: "


class Helped(TableStudent):
    """Answers with two characters; right if the prompt helps, and never otherwise."""

    def generate(self, prompts: Sequence[Prompt], *, stop: Sequence[str] = ()) -> list[str]:
        return [
            solve(p.text.removeprefix(HELP)) if p.text.startswith(HELP) else "no" for p in prompts
        ]


def make(tokens: int | None = None, steps: int = 4) -> TeacherEnv:
    rules = EpisodeRules(budget=Budget(steps=steps, generated_tokens=tokens))
    env = TeacherEnv(
        ToyTask(per_cell=1), Helped(), RecordingTrainer(), GenerateAndGrade(), rules=rules
    )
    env.reset(seed=0)
    return env


def step(env: TeacherEnv, number: int) -> dict[str, Any]:
    """Train on one more example of the pool."""
    return env.step((env.task.examples("train")[number],))[4]


def test_an_aided_evaluation_stands_beside_the_other_and_is_not_rewarded() -> None:
    env = make()
    assert "aided" not in step(env, 0)
    assert env.probes.aid((Aid(HELP),)) == ()
    after, reward, *_, info = env.step((env.task.examples("train")[1],))
    assert (after.accuracy, reward) == (0, 0)
    assert info["aided"].accuracy == 1
    assert [p.example.prompt for p in info["aided"].predictions] == [
        HELP + e.prompt for e in env.task.examples("val")
    ]
    aided = {name: x for name, x in info["metrics"].items() if name.startswith("aided/")}
    assert aided == {
        "aided/accuracy": 1,
        "aided/stderr": floor_error(N_VAL),
        "aided/n": N_VAL,
        "aided/given": N_VAL,
    }
    assert info["metrics"]["accuracy"] == 0
    assert env.state.best.step == 0


def test_aids_of_a_skill_stand_before_that_skill_alone() -> None:
    env = make()
    env.probes.aid((Aid(HELP, "copy"),))
    report = step(env, 0)["aided"]
    assert {skill: score.mean for skill, score in report.by_skill().items()} == {
        "copy": 1,
        "reverse": 0,
        "next": 0,
        "double": 0,
    }


def test_aids_can_be_for_single_items_of_val() -> None:
    """Two of eight items are helped, and only they are right."""
    env = make()
    env.probes.aid((Aid(HELP, places=(1, 6)), Aid("none. ", places=(99,))))
    info = step(env, 0)
    assert [p.score for p in info["aided"].predictions] == [0, 1, 0, 0, 0, 0, 1, 0]
    assert info["metrics"]["aided/given"] == 2


ITEMS = (
    Example("How many apples are left?", "3", "copy"),
    Example("How many pears are left?", "2", "next"),
    Example("Sort the words: b a", "a b", "copy"),
)


def test_of_several_aids_the_one_for_the_most_similar_prompt_is_taken() -> None:
    store = (Aid("S", like="Sort the words: d c"), Aid("P", like="How many pears are there?"))
    assert choose_aids(store, ITEMS, "val")[1:] == ["P", "S"]
    assert choose_aids(store[::-1], ITEMS, "val")[1:] == ["P", "S"]
    assert choose_aids((), ITEMS, "val") == ["", "", ""]


def test_aids_for_prompts_unlike_all_others_are_given_all_the_same() -> None:
    """No two of the texts share as much as two letters."""
    items = (Example("cd", "", "copy"),)
    assert choose_aids([Aid("help ", like="ab"), Aid("other ", "reverse")], items, "val") == [
        "help "
    ]


def test_an_aid_of_the_own_skill_comes_first_and_a_place_is_one_of_val() -> None:
    any_skill, own = Aid("A"), Aid("O", "copy")
    assert choose_aids((any_skill, own), ITEMS, "val") == ["O", "A", "O"]
    there = Aid("T", "copy", places=(2,))
    assert choose_aids((any_skill, there), ITEMS, "val") == ["A", "A", "T"]
    assert choose_aids((any_skill, there), ITEMS, "test") == ["A", "A", "A"]


def test_what_is_no_aid_is_refused() -> None:
    env, wrong = make(), {"copy": HELP}
    with pytest.raises(ConfigError, match=r"an aid is 'copy'; it must be a teachgym\.types\.Aid"):
        env.probes.aid(wrong)  # type: ignore[arg-type]


def test_aids_last_until_others_are_given_or_the_episode_ends() -> None:
    env = make()
    env.probes.aid((Aid(HELP),))
    assert [step(env, n)["aided"].accuracy for n in range(2)] == [1, 1]
    env.probes.aid((Aid(HELP, "copy"),))
    assert step(env, 2)["aided"].accuracy == 0.25
    env.probes.aid(())
    assert "aided" not in step(env, 3)
    env.probes.aid((Aid(HELP),))
    env.reset(seed=0)
    assert "aided" not in step(env, 0)


def test_both_evaluations_are_charged_and_set_aside() -> None:
    env = make(tokens=10**6)
    assert env.next_evaluation.generated_tokens == 20  # 8 x 2 characters, and a fifth: 19.2
    env.probes.aid((Aid(HELP),))
    assert env.next_evaluation.generated_tokens == 39  # 38.4
    answers = [p.response for p in env.state.report.predictions]
    aided = [e.target for e in env.task.examples("val")]
    cost = step(env, 0)["cost"]
    assert cost.generated_tokens == env.student.count_tokens([*answers, *aided])


def test_an_episode_ends_where_two_evaluations_cannot_be_paid() -> None:
    env = make(tokens=1000)
    price = env.next_evaluation.generated_tokens
    tight = make(tokens=2 * price)
    assert not step(tight, 0)["stop_reason"]
    tight = make(tokens=2 * price)
    tight.probes.aid((Aid(HELP),))
    info = step(tight, 0)
    assert info["stop_reason"] == "generated_tokens"
    assert tight.spent.generated_tokens <= 2 * price


@pytest.mark.parametrize(
    ("skill", "text", "reason"),
    [
        ("no such skill", HELP, "format"),
        ("copy", "", "format"),
        ("copy", 7, "format"),
        ("copy", "a" * 100_000, "length"),
        ("copy", "An item: {item}", "overlap"),
    ],
)
def test_what_is_not_used_is_told_with_its_reason(skill: str, text: Any, reason: str) -> None:
    env = make()
    if isinstance(text, str):
        text = text.replace("{item}", env.task.examples("val")[0].prompt)
    [verdict] = env.probes.aid((Aid(text, skill), Aid(HELP, "reverse")))
    assert verdict.reason == reason
    assert env.state.aids == (Aid(HELP, "reverse"),)


def test_a_snapshot_takes_the_aids_along() -> None:
    env = make()
    env.probes.aid((Aid(HELP),))
    snapshot = env.snapshot()
    env.probes.aid(())
    env.restore(snapshot)
    assert step(env, 0)["aided"].accuracy == 1


def test_the_aided_task_keeps_the_contract_of_a_task() -> None:
    check_task(Aided(ToyTask(per_cell=1), (Aid("Copy it. ", "copy"), Aid("Do it. "))))


def test_few_shot_gives_solved_training_exercises_of_each_skill() -> None:
    env = gym.make(
        "teachgym/SkillList-v0",
        task="teachgym.testing.toy:ToyTask",
        student="simulated",
        budget={"steps": 1, "examples": 8},
    )
    teacher = make_teacher("few-shot", env, shots=2, separator="\n")
    [transition] = run_episode(env, teacher, seed=3).transitions
    np.testing.assert_array_equal(transition.action, np.full((4, 2), 1 / 8, np.float32))
    task: Any = env.get_wrapper_attr("task")
    solved = {f"{e.prompt}{e.target}": e.skill for e in task.examples("train")}
    aids = base_of(env).state.aids
    assert {aid.skill for aid in aids} == {item.skill for item in task.examples("val")}
    for aid in aids:
        *shots, nothing = aid.text.split("\n")
        assert (len(shots), nothing) == (2, "")
        assert {solved[shot] for shot in shots} == {aid.skill}
    assert transition.info["metrics"]["aided/given"] == len(task.examples("val"))
    assert "aided" not in transition.info  # Its items are those of val.
    env.close()


def test_few_shot_has_no_way_to_show_pictures_and_says_so() -> None:
    env = gym.make(
        "teachgym/SkillList-v0", task="teachgym.testing:PictureTask", student="simulated"
    )
    with pytest.raises(UnsupportedError, match="have images; choose another teacher"):
        run_episode(env, make_teacher("few-shot", env), seed=3)
    env.close()


def test_a_run_with_aids_is_logged_and_shown(tmp_path: Path) -> None:
    settings = {"student": "simulated", "task": "teachgym.testing.toy:ToyTask"}
    budget = {"steps": 2, "examples": 16}
    config = RunConfig(teacher="few-shot", env_settings={**settings, "budget": budget})
    run(config, tmp_path / "run")
    lines = (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()
    numbers = [json.loads(line).get("aided/n") for line in lines]
    assert numbers[0] is None
    assert set(numbers[1:]) == {40}  # 4 skills x 2 levels x 5 items
    assert "with aids" in page_of(RunFolder.open(tmp_path / "run"))
