"""Word problems: answers by hand, one story told twice, splits that cannot meet, wrong targets."""

from __future__ import annotations

import re
from difflib import SequenceMatcher
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from teachgym.errors import ConfigError
from teachgym.evaluation import report_on
from teachgym.gate import Gate, GateSettings
from teachgym.tasks import make_task
from teachgym.tasks.gsm8k import INSTRUCTION
from teachgym.tasks.procedural import many_numbers_of
from teachgym.tasks.stories import LARGEST, Solution, solve
from teachgym.tasks.story_rules import ROOTS, RULES
from teachgym.tasks.word_problems import WordProblems
from teachgym.testing import check_task
from teachgym.types import SPLITS, Draft, Example, Prediction, leaf_skills, leaves_by_root

TASK = WordProblems(val_per_cell=4, test_per_cell=4, train_per_cell=4)
SKILLS = leaf_skills(TASK.skills)
ANSWERS = {
    "get": ("Ann finds 5 pens. How many pens does Ann have?", 17),
    "lose": ("A thief takes 5 pens from Ann. How many pens does Ann have?", 7),
    "grow": ("Soon Ann has 3 times as many pens. How many pens does Ann have?", 36),
    "split": ("Ann shares the pens equally, 3 people in all. How many pens does Ann have?", 4),
    "more": ("Ben has 5 more pens than Ann. How many pens does Ben have?", 17),
    "fewer": ("Ben is 5 pens short of what Ann has. How many pens does Ben have?", 7),
    "times": ("Ben has 3 times as many pens as Ann. How many pens does Ben have?", 36),
    "fraction": (
        "Ben makes do with a third of what Ann has in pens. How many pens does Ben have?",
        4,
    ),
    "above": (
        "With 5 pens on top, Ben would have as many as Ann. How many pens does Ben have?",
        7,
    ),
    "below": (
        "Were 5 pens of Ben gone, Ann would have as many. How many pens does Ben have?",
        17,
    ),
    "multiple": (
        "It takes 3 people like Ben to match Ann in pens. How many pens does Ben have?",
        4,
    ),
    "portion": (
        "All that Ann has is a third of the pens of Ben. How many pens does Ben have?",
        36,
    ),
    "together": (
        "Ben has 6 pens. Eva has as many pens as Ann and Ben together. "
        "How many pens does Eva have?",
        18,
    ),
    "mean": (
        "Ben has 6 pens. Sharing their pens evenly, Ann and Ben would each be like Eva. "
        "How many pens does Eva have?",
        9,
    ),
    "missing": (
        "Ann needs 20 pens, and Ben has just what is missing. How many pens does Ben have?",
        8,
    ),
    "bags": ("Ann buys 2 bags with 4 pens each. How many pens does Ann have?", 20),
    "guests": ("Each of 2 guests takes 4 pens from Ann. How many pens does Ann have?", 4),
    "spare": ("Of the pens of Ann, a quarter must go. How many pens does Ann have?", 9),
    "percent": ("Ann keeps 25 percent of the pens. How many pens does Ann have?", 3),
    "swap": ("Ann swaps each of the pens for 2 figs. How many figs does Ann have?", 24),
    "trade": ("For every 4 pens, a dealer pays Ann 3 figs. How many figs does Ann have?", 9),
    "rest": ("Ann fills boxes of 5 pens and keeps the rest. How many pens does Ann have?", 2),
    "gap": (
        "The last tray of 5 pens of Ann is not full, and Ben can just fill it. "
        "How many pens does Ben have?",
        3,
    ),
    "square": (
        "Ann lays the largest square of pens and picks up the others. How many pens does Ann have?",
        3,
    ),
}
"""What is told of Ann, who has 12 pens, and what is found."""


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_answers_are_those_that_a_person_finds(rule: object) -> None:
    name = next(r.name for r in RULES if r is rule)
    told, answer = ANSWERS[name]
    problem = f"Ann has 12 pens. {told}"
    assert solve(problem) == Solution(answer, frozenset([name]))
    assert TASK.verify(Example(problem, f"#### {answer}", name)) == 1
    assert TASK.verify(Example(problem, f"#### {answer + 1}", name)) == 0


def test_skills_are_in_groups_and_every_one_has_an_answer_by_hand() -> None:
    assert [r.name for r in RULES] == list(SKILLS) == list(ANSWERS)
    assert len(SKILLS) == 24
    assert leaves_by_root(TASK.skills).keys() == ROOTS.keys()
    assert all(len(leaves) >= 2 for leaves in leaves_by_root(TASK.skills).values())


def test_no_word_turns_a_sentence_of_a_skill_into_one_of_another() -> None:
    """Without its numbers, people and things, at least two words have to change for that.

    Of sentences that differ in one word a small student has to learn an exclusive or: whether it
    adds or takes away, and for whom. One kind of training turned the other over.
    """
    frames = [
        (rule, re.sub(r"[{][a-z][}]", "_", w).split()) for rule in RULES for w in rule.wordings
    ]
    for (rule, words), (other, others) in combinations(frames, 2):
        if rule is not other:
            same = SequenceMatcher(None, words, others).get_matching_blocks()
            shared = sum(block.size for block in same)
            assert max(len(words), len(others)) - shared >= 2, (rule.name, other.name)


def test_a_problem_of_several_steps_is_read_sentence_by_sentence() -> None:
    """12 + 8 = 20, a fifth of it is 4, twice that is 8; Cleo and the figs have no part in it."""
    told = (
        "Cleo has 7 pens. Ann has 12 pens. Ann has 3 figs. Ann gets 8 more pens. "
        "Ben makes do with a fifth of what Ann has in pens. "
        "All that Ben has is a half of the pens of Dan. "
        "How many pens does Dan have?"
    )
    assert solve(told) == Solution(8, frozenset(["get", "fraction", "portion"]))


@pytest.mark.parametrize(
    "problem",
    [
        "",
        "?",
        "Ann has 12 pens.",
        "How many pens does Ann have?",
        "Ann has 12 pens. How many figs does Ann have?",
        "Ann has 12 pens. Ann eats 3 pens. How many pens does Ann have?",
        "Ann has 12 pens. A thief takes 12 pens from Ann. How many pens does Ann have?",
        "Ann has 12 pens. The last tray of 4 pens of Ann is not full, and Ben can just fill it. "
        "How many pens does Ben have?",
        "Ann has 9 pens. Ann lays the largest square of pens and picks up the others. "
        "How many pens does Ann have?",
        "Ann has 12 pens. Ann splits the pens into 5 equal piles and keeps one. "
        "How many pens does Ann have?",
        "Ann has 12 pens. Ann splits the pens into 0 equal piles and keeps one. "
        "How many pens does Ann have?",
        "Ann has 12 pens. Ben has 3 pens. Ben has 5 more pens than Ann. "
        "How many pens does Ben have?",
        "Ann has 12 pens. Ann has 13 pens. How many pens does Ann have?",
    ],
)
def test_what_makes_no_sense_has_no_solution(problem: str) -> None:
    """Nothing is known, it does not come out even, nothing is left, or it contradicts itself."""
    assert solve(problem) is None
    assert TASK.verify(Example(problem, "#### 12", "get")) == 0
    assert TASK.skills_of(problem) == frozenset()


def test_a_draft_gets_its_answer_marked_after_its_calculations() -> None:
    draft = Draft(
        "Ann has 12 pens. Ann finds 5 pens. How many pens does Ann have?", "17", "12+5=17"
    )
    example = TASK.compose(draft, "get", 0.0)
    assert (example.prompt, example.target) == (f"{draft.problem}\n", "12+5=17\n#### 17")
    assert TASK.verify(example) == 1
    for lacking in (Draft("", "17"), Draft(draft.problem, " ")):
        with pytest.raises(ConfigError, match="a draft needs a problem and an answer"):
            TASK.compose(lacking, "get", 0.0)


def test_the_task_keeps_its_contract() -> None:
    check_task(TASK, samples=20)


def test_an_answerer_of_worked_solutions_is_right_and_one_of_nothing_is_not() -> None:
    items = TASK.examples("test")
    for answer, score in ((lambda e: e.target, 1.0), (lambda e: "", 0.0)):
        graded = [Prediction(e, answer(e), TASK.grade(e, answer(e))) for e in items]
        assert report_on(TASK, graded, "test").accuracy == score


@pytest.mark.parametrize(
    ("response", "score"),
    [
        ("#### 7", 1),
        ("12-5=7\n#### 7", 1),
        ("12-5=8\n#### 7", 1),
        ("12-5=7\n#### 7 pens.", 1),
        ("#### 7.0", 1),
        ("#### 8", 0),
        ("7", 0),
        ("#### 7\n#### 8", 0),
        ("#### 7 or 8", 0),
        ("####", 0),
    ],
)
def test_the_last_marked_number_is_graded(response: str, score: float) -> None:
    assert TASK.grade(Example("p", "12-5=7\n#### 7", "fewer"), response) == score


def test_levels_are_steps_of_the_skill_and_others() -> None:
    """One or two, three or four, five or six calculations, the skill's own among them."""
    for e in TASK.examples("test"):
        level, steps = TASK.levels.index(e.difficulty or 0.0), e.target.count("\n")
        assert steps in (2 * level + 1, 2 * level + 2)
        found = TASK.skills_of(e.prompt)
        assert e.skill in found
        allowed = [set(), {"get", "lose"}, {"get", "lose", "grow", "split"}][level]
        assert found - {e.skill} <= allowed
    assert TASK.skill_of(f"Ann has 12 pens. {ANSWERS['mean'][0]}") == "mean"


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from(SKILLS), st.integers(0, 2))
def test_every_line_is_true_and_leads_to_the_answer(seed: int, skill: str, level: int) -> None:
    """Each calculation is right, its number is positive, and the last one is what is asked."""
    example = TASK.make(skill, TASK.levels[level], np.random.default_rng(seed))
    *lines, final = example.target.split("\n")
    for line in lines:
        left, _, right = line.partition("=")
        first, sign, second = next(left.partition(s) for s in "+-*/" if s in left)
        a, b, c = int(first), int(second), int(right)
        assert c > 0
        assert {"+": a + b == c, "-": a - b == c, "*": a * b == c, "/": b * c == a}[sign]
    answer = int(lines[-1].partition("=")[2])
    assert final == f"#### {answer}"
    assert answer <= LARGEST
    assert solve(example.prompt) == Solution(answer, TASK.skills_of(example.prompt))


def test_a_story_with_other_people_or_in_other_words_stays_in_its_split() -> None:
    """Of a small cell the same things, rule and calculations are drawn often, and held out once.

    At level 0 all sentences are of one rule, so things and target are the whole identity.
    """
    numbers = many_numbers_of(np.random.default_rng(0))
    drawn = [TASK.draw("spare", 0, numbers) for _ in range(600)]
    assert len({p.identity for p in drawn}) < len({p.text for p in drawn})
    told = {
        split: {
            (e.prompt.rsplit(" does ")[0].split()[-1], e.target)
            for seed in range(2)
            for e in WordProblems(seed, val_per_cell=3, test_per_cell=3)._cell(
                "spare", 0, split, set()
            )
        }
        for split in SPLITS
    }
    assert not told["train"] & told["val"]
    assert not told["train"] & told["test"]
    assert not told["val"] & told["test"]


def test_one_problem_in_two_tells_of_something_idle() -> None:
    """Of n draws half tell of a second count, give or take four standard deviations."""
    numbers = many_numbers_of(np.random.default_rng(0))
    texts = [TASK.draw("get", 0, numbers).text for _ in range(400)]
    idle = sum(text.count(" has ") > 1 for text in texts)
    assert idle == pytest.approx(200, abs=4 * 10)


@pytest.mark.sweep(1)
@pytest.mark.parametrize("skill", ["spare", "percent", "split"])
def test_there_are_questions_enough_for_a_suite(skill: str) -> None:
    """Of the cells with the fewest, a tenth is well above the 80 items of test that suites ask."""
    numbers = many_numbers_of(np.random.default_rng(0))
    assert len({TASK.draw(skill, 0, numbers).identity for _ in range(4000)}) > 1000


def test_what_is_made_passes_the_gate_but_for_few() -> None:
    """Templates repeat themselves: the words of the format are told apart from an item's own."""
    rng = np.random.default_rng(0)
    made = [TASK.make(skill, None, rng) for skill in SKILLS for _ in range(20)]
    counts = Gate(TASK, GateSettings()).inspect(made).counts
    assert counts["overlap"] + counts["contamination"] <= len(made) / 100
    assert sum(counts.values()) - counts.get("accepted", 0) <= len(made) / 20


def test_an_instruction_comes_first_and_is_no_part_of_the_story() -> None:
    task = make_task("word-problems", instruction=INSTRUCTION, test_per_cell=1, val_per_cell=1)
    example = task.examples("test")[0]
    assert example.prompt.startswith(f"{INSTRUCTION}\n\n")
    assert task.verify(example) == 1
    assert example.skill in task.skills_of(example.prompt)
