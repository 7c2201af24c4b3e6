"""The Skill-Tree teacher: legal moves from any answer, whole histories, and the coin."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

from teachgym.agents.context import Classroom
from teachgym.agents.llm.moves import REASON, fit_moves, toss_moves
from teachgym.agents.llm.skill_tree import LLMSkillTree
from teachgym.errors import ConfigError
from teachgym.forest.forest import Experience, Forest, Subskill
from teachgym.forest.moves import describe
from teachgym.forest.space import TreeReport
from teachgym.ledger import Ledger
from teachgym.loop import run_episode
from teachgym.testing import check_teacher
from teachgym.types import Exploit, Explore, Move, Score
from tests.agents.llm.classroom import Replies, events, make_classroom, make_report

LINES = Subskill("lines", allocation=4, taught=12, answered=4, right=1.0)
CURVES = Subskill("curves", allocation=1, parent="lines")
FOREST = Forest({"algebra": (LINES, CURVES), "geometry": (Subskill("angles", 5),)}, 4)


def explore(count: int, examples: int = 2, skill: str = "algebra") -> dict[str, Any]:
    return {
        "reasoning": "too narrow",
        "action": "explore",
        "skill": skill,
        "new_subskills": count,
        "examples_for_new": examples,
        "allocation": [],
    }


def exploit(**allocation: int) -> dict[str, Any]:
    shares = [{"subskill": name, "examples": count} for name, count in allocation.items()]
    return {**explore(0, 0), "reasoning": "it pays", "action": "exploit", "allocation": shares}


def act(
    answers: Mapping[str, Any], forest: Forest = FOREST, per_step: int = 100, **settings: Any
) -> tuple[tuple[Move, ...], Replies, Ledger]:
    """The moves, given what is answered for each root; ``[]`` where nothing is said."""
    classroom, ledger = make_classroom(per_step=per_step)
    replies = Replies(lambda prompt: answers.get(root_of(prompt), []))
    teacher = LLMSkillTree(classroom, chat=replies.chat, workers=1, **settings)
    return teacher.act(TreeReport(make_report({"linear": 4}), forest)), replies, ledger


def root_of(prompt: str) -> str:
    return next(root for root in ("algebra", "geometry") if f"The skill: {root}" in prompt)


def test_moves_are_what_was_answered_and_say_why() -> None:
    moves, _, _ = act({"algebra": [explore(2, 3)], "geometry": [exploit(angles=7)]})
    assert moves == (
        Explore("algebra", 2, 3, "too narrow"),
        Exploit("geometry", {"angles": 7}, "it pays"),
    )


def test_who_is_not_named_gets_nothing_and_who_does_not_exist_is_counted() -> None:
    moves, _, ledger = act({"algebra": [exploit(lines=6, triangles=9)]})
    assert moves == (Exploit("algebra", {"lines": 6, "curves": 0}, "it pays"),)
    assert events(ledger)["unknown-skill"] == 1


def test_a_subskill_can_be_explored_and_an_unknown_one_cannot() -> None:
    moves, _, _ = act({"algebra": [explore(1, skill="lines")]})
    assert moves == (Explore("lines", 1, 2, "too narrow"),)
    moves, _, ledger = act({"algebra": [explore(1, skill="angles")]})
    assert moves == ()
    assert events(ledger) == {"unknown-skill": 1, "kept": 2}


def test_exploring_asks_for_no_more_than_there_is_room_for() -> None:
    """Four slots: algebra has room for two more, and a full root keeps its allocation."""
    moves, _, _ = act({"algebra": [explore(50)]})
    assert moves == (Explore("algebra", 2, 2, "too narrow"),)
    full = Forest({"algebra": (LINES, CURVES), "geometry": ()}, 2)
    moves, replies, ledger = act({"algebra": [explore(1)]}, full)
    assert [move.skill for move in moves] == ["geometry"]
    assert "no room for more subskills" in replies.prompts[0]
    assert events(ledger)["kept"] == 1


@pytest.mark.parametrize("reply", ["hm", [], [exploit()], [{"action": "wait"}], [explore(0)]])
def test_a_root_whose_answer_is_of_no_use_keeps_its_allocation(reply: Any) -> None:
    moves, _, ledger = act({"algebra": reply, "geometry": [exploit(angles=1)]})
    assert moves == (Exploit("geometry", {"angles": 1}, "it pays"),)
    assert events(ledger)["kept"] == 1


def test_negative_numbers_cannot_come_through() -> None:
    moves, _, ledger = act({"algebra": [exploit(lines=-5)]})
    assert moves == ()
    assert events(ledger)["bad-item"] >= 1


def test_a_root_of_which_nothing_is_known_explores_without_a_question() -> None:
    """Ten examples for two roots: 5 each, so 2 for each of two new subskills."""
    bare = Forest.bare(("algebra", "geometry"), 4)
    moves, replies, ledger = act({}, bare, per_step=10)
    assert [(m.skill, m.subskills, m.examples) for m in moves if isinstance(m, Explore)] == [
        ("algebra", 2, 2),
        ("geometry", 2, 2),
    ]
    assert replies.prompts == []
    assert ledger.spent.teacher_calls == 0


def test_moves_that_ask_for_too_much_are_scaled_down_to_a_step() -> None:
    """2 x 30 new, 40 and 20 known: 120 to 12 is a tenth: 3 each, 4 and 2."""
    moves = (Explore("algebra", 2, 30), Exploit("geometry", {"angles": 40, "areas": 20}))
    assert fit_moves(moves, 12) == (
        Explore("algebra", 2, 3),
        Exploit("geometry", {"angles": 4, "areas": 2}),
    )
    assert fit_moves(moves, 120) == moves


def test_the_frontier_takes_at_most_so_much_per_subskill() -> None:
    answers = {"algebra": [exploit(lines=90)], "geometry": [explore(1, 90, "geometry")]}
    moves, replies, _ = act(answers, per_step=1000, objective="frontier")
    assert moves == (
        Exploit("algebra", {"lines": 30, "curves": 0}, "it pays"),
        Explore("geometry", 1, 30, "too narrow"),
    )
    assert "at most 30 examples for a subskill" in replies.prompts[0]
    assert "worst" in replies.prompts[0]
    moves, replies, _ = act(answers, per_step=1000)
    assert moves[0] == Exploit("algebra", {"lines": 90, "curves": 0}, "it pays")
    assert "as little data as you can" in replies.prompts[0]


def test_the_prompt_tells_the_whole_history_of_its_root_and_of_no_other() -> None:
    before, after = Score(8, 0.25, 0.1531), Score(8, 0.5, 0.1768)
    history = (
        Experience("algebra", 1, Explore("algebra", 2, 4), Score.nothing(), before),
        Experience("geometry", 1, Explore("geometry", 1, 5), before, before),
        Experience("algebra", 2, Exploit("algebra", {"lines": 4, "curves": 1}), before, after),
    )
    _, replies, _ = act({}, Forest(FOREST.trees, 4, history))
    algebra, geometry = replies.prompts[0], replies.prompts[1]
    assert (
        "- step 1: explored algebra, for 2 new subskills with 4 examples each; "
        "accuracy before: not measured; after: 25.0 % right (standard error 15.3, n = 8); "
        "reward: not measured"
    ) in algebra
    assert "- step 2: exploited, with lines: 4, curves: 1;" in algebra
    assert "reward: +0.250" in algebra
    assert "geometry" not in algebra
    assert "explored geometry" in geometry


def test_the_prompt_tells_allocation_total_and_the_accuracy_on_a_subskills_own_data() -> None:
    """Lines: one of four right, sqrt(3/16 / 4) = 21.7 %. Algebra on val: 4 of 8."""
    _, replies, _ = act({})
    prompt = replies.prompts[0]
    assert (
        "- lines: 4 examples per step now, 12 taught in all; the student's accuracy in the data "
        "made for it: 25.0 % right (standard error 21.7, n = 4)"
    ) in prompt
    assert "- curves (under lines): 1 examples per step now, 0 taught in all" in prompt
    assert "made for it: not measured" in prompt
    assert "exercises of this skill: 50.0 % right (standard error 17.7, n = 8)" in prompt


def test_the_coin_decides_without_any_call() -> None:
    moves, replies, _ = act({}, state=False)
    assert replies.prompts == []
    assert [move.reason for move in moves] == [REASON, REASON]


def test_the_coin_is_fair_and_its_numbers_are_those_of_the_paper() -> None:
    """1000 tosses: heads within 5 standard errors of a half; 1-3 new, 1-10 each; 12 divided."""
    rng = np.random.default_rng(0)
    tosses = [toss_moves(FOREST, 12, rng)[0] for _ in range(1000)]
    explored = [move for move in tosses if isinstance(move, Explore)]
    exploited = [move for move in tosses if isinstance(move, Exploit)]
    assert abs(len(explored) - 500) < 5 * 1000**0.5 / 2
    assert {move.subskills for move in explored} == {1, 2, 3}
    assert {move.examples for move in explored} == {*range(1, 11)}
    assert all(sum(move.allocation.values()) == 12 for move in exploited)
    assert {move.allocation["lines"] for move in exploited} == {*range(13)}


def test_the_coin_explores_bare_roots_and_exploits_full_ones() -> None:
    forest = Forest({"algebra": (), "geometry": (LINES, CURVES)}, 2)
    rng = np.random.default_rng(0)
    kinds = Counter(
        (move.skill, type(move).__name__) for _ in range(50) for move in toss_moves(forest, 6, rng)
    )
    assert kinds == {("algebra", "Explore"): 50, ("geometry", "Exploit"): 50}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"objective": "fame"}, "unknown objective 'fame'. Known: frontier, improvement"),
        ({"subskills": 0}, "subskills is 0"),
        ({"most_per_subskill": 0}, "most_per_subskill is 0"),
    ],
)
def test_settings_out_of_range_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        act({}, **settings)


def test_moves_are_described_in_words() -> None:
    assert describe(Exploit("algebra", {"lines": 3})) == "exploited, with lines: 3"


@pytest.mark.sweep(1)
@pytest.mark.parametrize("state", [True, False])
def test_it_keeps_the_contract_of_teachers_in_a_real_environment(state: bool) -> None:
    """The first step explores every root; after it, every root is asked about, if anybody is."""
    env = gym.make(
        "teachgym/SkillTree-v0",
        student="simulated",
        task_settings={"train_per_cell": 1, "val_per_cell": 4, "test_per_cell": 1},
        action="moves",
        observation="report",
        examples_per_step=60,
        pretest=True,
        budget={"steps": 3},
    )
    classroom = Classroom.of(env)
    replies = Replies(lambda prompt: [explore(1, 1, "")])
    teacher = LLMSkillTree(classroom, chat=replies.chat, state=state)
    check_teacher(teacher, env)
    replies.prompts.clear()
    episode = run_episode(env, teacher, seed=0)
    assert episode.length == 3
    first = episode.transitions[0].action
    assert all(isinstance(move, Explore) for move in first)
    assert len(first) == len(classroom.leaves)
    asked = 2 * len(classroom.leaves) if state else 0
    assert len(replies.prompts) == asked
    forest = episode.transitions[-1].next_observation.forest
    taught = [subskill for subskill in forest if subskill.taught]
    assert taught
    assert all(subskill.own.n for subskill in taught)
