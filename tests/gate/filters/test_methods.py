"""Each filter by name: values derived by hand, what it refuses, and what the student is charged."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from teachgym.agents import make_teacher
from teachgym.errors import ConfigError, UnsupportedError
from teachgym.gate.filters.diverse import Diverse, edit_distance, farthest
from teachgym.gate.filters.ifd import Ifd
from teachgym.gate.filters.least_perplexing import LeastPerplexing
from teachgym.gate.filters.less import Less, influence
from teachgym.gate.filters.llkd_like import LlkdLike, uncertainty
from teachgym.gate.filters.loss import Loss
from teachgym.gate.filters.pass_rate import PassRate
from teachgym.gate.filters.teachability import Teachability
from teachgym.loop import run_episode
from teachgym.testing import ToyTask
from teachgym.types import Data, Example, Items, Provenance
from tests.gate.filters.asking import Answers, kept

RNG = np.random.default_rng
TASK = ToyTask()


def asked(*prompts: str, target: str = "right") -> Data:
    return tuple(Example(prompt, target, "copy") for prompt in prompts)


def choose(chooser: Any, data: Data, answers: Answers, memory: Any = None) -> list[int]:
    return kept(chooser.choose(data, answers, RNG(0), {} if memory is None else memory))


# -- pass-rate -----------------------------------------------------------------------------


def test_pass_rates_are_shares_of_right_samples() -> None:
    """Of four samples 4, 3, 1 and 0 are right: rates 1, 3/4, 1/4 and 0."""
    right = {"all": 4, "most": 3, "one": 1, "none": 0}
    answers = Answers({p: ["right"] * n + ["wrong"] * (4 - n) for p, n in right.items()})
    data = asked(*right)
    assert choose(PassRate(TASK), data, answers) == [1, 2, 3]
    assert choose(PassRate(TASK, most=0.74, least=0.25), data, answers) == [2]
    assert [how["k"] for how in answers.asked] == [4, 4]


def test_what_is_not_graded_is_not_passed_too_often() -> None:
    """Auxiliary text is not asked about; an answer that nobody can grade says nothing."""

    class Ungraded(ToyTask):
        def grade(self, example: Example, response: str) -> float:
            return math.nan

    answers = Answers({"a": ["right"] * 4})
    auxiliary = replace(asked("b")[0], kind="critique")
    assert choose(PassRate(TASK), (*asked("a"), auxiliary), answers) == [1]
    assert choose(PassRate(Ungraded()), asked("a"), answers) == [0]


def test_pass_rate_refuses_an_empty_range_and_tasks_that_answer_back() -> None:
    class Asking(ToyTask):
        max_turns = 2

    with pytest.raises(ConfigError, match=r"least is 0.5 and most 0.25"):
        PassRate(TASK, least=0.5, most=0.25)
    for made in (PassRate, Teachability):
        with pytest.raises(ConfigError, match="answers back"):
            made(Asking())


# -- loss and ifd --------------------------------------------------------------------------


def test_losses_are_means_over_tokens() -> None:
    """Mean losses 1, 2, 3 and 6: the two highest, the two lowest, the two nearest to 2.5."""
    scores = {"a": [-1.0], "b": [-1.0, -3.0], "c": [-3.0, -3.0], "d": [-6.0]}
    answers, data = Answers(scores=scores), asked(*scores)
    found = {keep: choose(Loss(keep=keep), data, answers) for keep in ("high", "low", "middle")}  # type: ignore[arg-type]
    assert found == {"high": [2, 3], "low": [0, 1], "middle": [1, 2]}


def test_ifd_is_the_ratio_of_losses_with_and_without_the_prompt() -> None:
    """Losses 1, 3, 2, 5 over 4 alone: IFD 1/4, 3/4, 1/2 and 5/4, which is out."""
    scores = {"a": [-1.0], "b": [-3.0], "c": [-2.0], "d": [-5.0], "\n": [-4.0]}
    answers, data = Answers(scores=scores), asked("a", "b", "c", "d")
    assert choose(Ifd(share=0.5), data, answers) == [1, 2]
    assert choose(Ifd(share=0.25), data, answers) == [1]
    faults = Ifd(share=1.0).choose(data, answers, RNG(0), {})
    assert faults == [None, None, None, "IFD 1.25 is not below 1: the prompt does not help"]
    assert answers.asked == [["a", "b", "c", "d"], ["\n"] * 4] * 3


# -- least-perplexing ----------------------------------------------------------------------


def test_of_versions_of_a_seed_one_stays() -> None:
    """Losses 2, 1 and 3 of one seed, 4 and 4 of another; the last two have no seed or its own."""
    scores = {"a": [-2.0], "b": [-1.0, -1.0], "c": [-3.0], "d": [-4.0], "e": [-4.0], "f": [-9.0]}
    seeds = {"a": "1", "b": "1", "c": "1", "d": "2", "e": "2"}
    data = tuple(
        replace(e, provenance=Provenance((seeds[e.prompt],))) if e.prompt in seeds else e
        for e in asked(*scores)
    )
    other = replace(data[2], target="wrong")
    answers = Answers(scores=scores)
    assert choose(LeastPerplexing(), (*data, other), answers) == [1, 3, 5, 6]
    assert choose(LeastPerplexing(keep="most"), (*data, other), answers) == [2, 3, 5, 6]
    by_chance = [
        kept(LeastPerplexing(keep="any").choose(data, answers, RNG(seed), {})) for seed in range(30)
    ]
    assert {tuple(chosen) for chosen in by_chance} == {
        (one, two, 5) for one in (0, 1, 2) for two in (3, 4)
    }
    fault = LeastPerplexing().choose(data, answers, RNG(0), {})[0]
    assert fault == "perplexity 7.39; another version has 2.72"


# -- diverse -------------------------------------------------------------------------------


def test_the_most_different_answers_to_a_question_stay() -> None:
    """Abcd first; bcde is 2 away, abcx 1, and wxyz 4. Then bcde, whose nearest is 2 away."""
    targets = ["abcd", "abcx", "bcde", "wxyz"]
    data = tuple(Example("a", target, "copy") for target in targets)
    assert edit_distance("abcd", "bcde") == 2
    assert choose(Diverse(share=0.5), data, Answers()) == [0, 3]
    assert choose(Diverse(share=0.75), data, Answers()) == [0, 2, 3]
    apart = tuple(replace(e, prompt=str(i)) for i, e in enumerate(data))
    assert choose(Diverse(share=0.5), apart, Answers()) == [0, 1, 2, 3]
    assert choose(Diverse(share=0.5, within="skill"), apart, Answers()) == [0, 3]


words = st.text("ab", max_size=8)


@given(words, words, words)
def test_edit_distance_is_a_metric(a: str, b: str, c: str) -> None:
    assert (edit_distance(a, b) == 0) == (a == b)
    assert edit_distance(a, b) == edit_distance(b, a) <= max(len(a), len(b))
    assert edit_distance(a, c) <= edit_distance(a, b) + edit_distance(b, c)


@given(st.lists(words, min_size=2, max_size=6), st.data())
def test_nobody_left_out_is_farther_than_the_chosen(texts: list[str], data: Any) -> None:
    """Nobody who is left out is farther from the chosen than they are from each other."""
    count = data.draw(st.integers(2, len(texts)))
    chosen = farthest(texts, count)
    assert len(chosen) == count
    gaps = [edit_distance(texts[i], texts[j]) for i in chosen for j in chosen if i < j]
    for left in set(range(len(texts))) - chosen:
        assert min(edit_distance(texts[left], texts[i]) for i in chosen) <= min(gaps)


# -- llkd-like -----------------------------------------------------------------------------

SURE, UNSURE = ["x"] * 4, ["x", "x", "y", "y"]
"""Entropies 0 and log 2, over log 4: uncertainties 0 and 1/2."""


def told(prompt: str, confidence: Any, skill: str = "copy") -> Example:
    return Example(prompt, "right", skill, meta={"confidence": confidence})


def test_uncertainty_is_normalised_entropy() -> None:
    assert uncertainty(SURE) == 0
    assert uncertainty(["a", "b", "c", "d"]) == pytest.approx(1)
    assert uncertainty(["a", "a", "a", "b"]) == pytest.approx(
        -(0.75 * math.log(0.75) + 0.25 * math.log(0.25)) / math.log(4)
    )


def test_both_signals_must_reach_the_mean_of_their_class() -> None:
    """Confidences 0.9, 0.9, 0.3, 0.3 (mean 0.6), uncertainties 0, 1/2, 0, 1/2 (mean 1/4)."""
    data = (told("a", 0.9), told("b", 0.9), told("c", 0.3), told("d", 0.3))
    answers = Answers({"a": SURE, "b": UNSURE, "c": SURE, "d": UNSURE})
    assert choose(LlkdLike(samples=4), data, answers) == [1]
    assert choose(LlkdLike(samples=4, signals="writer"), data, answers) == [0, 1]
    assert choose(LlkdLike(samples=4, signals="student"), data, answers) == [1, 3]


def test_without_classes_the_hardest_skill_takes_all() -> None:
    """Skill b is uncertain throughout and a is not, so that one threshold leaves none of a."""
    data = (told("a", 0.9), told("b", 0.5), told("c", 0.9, "reverse"), told("d", 0.5, "reverse"))
    answers = Answers({"a": SURE, "b": SURE, "c": UNSURE, "d": UNSURE})
    assert choose(LlkdLike(samples=4), data, answers) == [0, 2]
    assert choose(LlkdLike(samples=4, by_class=False), data, answers) == [2]


def test_thresholds_move_by_class_and_come_back_with_the_memory() -> None:
    """After a batch of confidence 0.4, one of 0.8: 0.75 * 0.4 + 0.25 * 0.8 = 0.5."""
    chooser, memory = LlkdLike(signals="writer", momentum=0.75), dict[str, Any]()
    choose(chooser, (told("a", 0.4),), Answers(), memory)
    assert memory == {"confidence": {"copy": 0.4}}
    assert choose(chooser, (told("a", 0.8), told("b", 0.8)), Answers(), memory) == [0, 1]
    assert memory["confidence"]["copy"] == pytest.approx(0.5)
    assert choose(chooser, (told("a", 0.3), told("b", 0.6)), Answers(), memory) == [1]


@pytest.mark.parametrize("confidence", [None, "0.5", True, -0.1, 1.1, math.nan])
def test_a_confidence_that_is_none_is_refused(confidence: Any) -> None:
    with pytest.raises(ConfigError, match="it must be a number in"):
        LlkdLike().choose((told("a", confidence),), Answers(), RNG(0), {})
    with pytest.raises(ConfigError, match="samples is 1"):
        LlkdLike(samples=1)


# -- teachability --------------------------------------------------------------------------


class Reading(Answers):
    """Copies if it has read how; else it says nothing."""

    def greedy(self, items: Any, *, prefix: str = "") -> list[str]:
        self.asked.append([example.prompt for example in items])
        return [e.target if "copy: ab\nab" in e.prompt else "" for e in items]


def test_what_helps_with_siblings_stays() -> None:
    """Who has read the first example answers all three exams, who has read the other none."""
    data = (Example("copy: xy\n", "yx", "copy", difficulty=0.0), *asked("copy: ab\n", target="ab"))
    data = (data[0], replace(data[1], difficulty=0.0))
    probes = Reading()
    assert choose(Teachability(TASK), data, probes) == [1]
    (prompts,) = probes.asked
    assert len(prompts) == 6
    assert prompts[0].startswith("copy: xy\nyx\n\n")
    exams = {prompt.rpartition("\n\n")[2] for prompt in prompts}
    trained = {e.prompt for e in TASK.examples("train") if (e.skill, e.difficulty) == ("copy", 0.0)}
    assert TASK.is_procedural or exams <= trained


# -- less ----------------------------------------------------------------------------------


class Pulling(Answers):
    """Gradients by prompt, and a target split of two skills with two items each."""

    def labels(self, items: Items) -> list[tuple[str, float | None]]:
        assert items == Items("train")
        return [("up", 0.0), ("up", 0.0), ("right", 0.0), ("right", 0.0)]

    def gradients(self, items: Any, *, dimensions: int) -> np.ndarray:
        if isinstance(items, Items):
            assert items.places is not None
            targets = [[0.0, 9.0], [0.0, 0.1], [2.0, 0.0], [3.0, 0.0]]
            return np.array([targets[place] for place in items.places])
        return np.array([OWN[example.prompt] for example in items])


OWN = {"a": [0.0, 1.0], "b": [3.0, 4.0], "c": [1.0, -1.0], "d": [-5.0, 0.0], "e": [0.0, 0.0]}


def test_influence_is_the_highest_cosine_with_a_skill() -> None:
    """With up and right: 1 and 0; 0.8 and 0.6; -0.7 and 0.7; 0 and -1; and 0 of no gradient."""
    data = asked(*OWN)
    for share, expected in ((0.2, [0]), (0.4, [0, 1]), (0.6, [0, 1, 2])):
        assert choose(Less(TASK, share=share), data, Pulling()) == expected
    faults = Less(TASK, share=0.4).choose(data, Pulling(), RNG(0), {})
    assert faults[2] == "influence 0.707 is not among the highest, from 0.8 on"
    assert influence(np.array([[-1.0, 0.0]]), np.eye(2)).tolist() == [0.0]


def test_less_needs_items_and_a_trainer_that_tells_gradients() -> None:
    class Empty(ToyTask):
        def examples(self, split: Any) -> Data:
            return ()

    with pytest.raises(ConfigError, match="has no train items to choose by"):
        Less(Empty())
    env = gym.make("teachgym/SkillList-v0", student="simulated", task=TASK, gate_checks=["less"])
    env.reset(seed=0)
    with pytest.raises(UnsupportedError, match="SimulatedTrainer cannot give gradients"):
        env.step(env.action_space.sample() * 0 + 0.1)


@pytest.mark.slow
def test_gradients_are_charged_as_a_pass_of_training() -> None:
    """What is chosen is trained on, and the batch and 64 items are read once more."""
    spent = []
    for check in ({"name": "random", "share": 0.25}, {"name": "less", "share": 0.25, "items": 2}):
        env = gym.make(
            "teachgym/SkillList-v0",
            student="tiny",
            task_settings={"val_per_cell": 1, "test_per_cell": 1, "train_per_cell": 1},
            examples_per_step=32,
            gate_checks=[check],
            budget={"steps": 1},
        )
        episode = run_episode(env, make_teacher("uniform", env), seed=0)
        spent.append(episode.transitions[0].info["cost"].train_tokens)
    assert spent[1] > spent[0]


# -- in an environment ---------------------------------------------------------------------

ASKING = ("pass-rate", "teachability", "loss", "ifd", "least-perplexing")


@pytest.mark.sweep(3)
@pytest.mark.parametrize("name", [*ASKING, "diverse"])
def test_an_episode_with_each(name: str) -> None:
    """What the student is asked is charged: more than the evaluations alone, where it is."""
    spent = []
    for check in ({"name": "random", "share": 1.0}, name):
        env = gym.make(
            "teachgym/SkillList-v0",
            student="simulated",
            task=TASK,
            examples_per_step=12,
            gate_checks=[check],
            budget={"steps": 1},
        )
        episode = run_episode(env, make_teacher("uniform", env), seed=0)
        info = episode.transitions[0].info
        assert 0 < info["metrics"]["yield"] <= 1
        assert info["metrics"]["quality"] == 1
        spent.append(info["cost"].generated_tokens)
    assert (spent[1] > spent[0]) == (name in ASKING)
