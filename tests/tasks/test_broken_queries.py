"""Queries to be repaired: words, SQL and edits by hand, grades by running, drafts."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from teachgym.errors import ConfigError
from teachgym.tasks import make_task
from teachgym.tasks.broken_queries import BrokenQueries, read_exercise
from teachgym.tasks.query_repairs import (
    KINDS,
    PIECES,
    Query,
    edits,
    kinds_between,
    read_sql,
    read_words,
)
from teachgym.testing import check_task
from teachgym.types import SPLITS, Draft, Example, Grade, Split, score_of
from tests.tasks.answering import answer_key, report_of

TASK = BrokenQueries(val_per_cell=2, test_per_cell=2, train_per_cell=2)
WANTED = Query("SUM", "pay", "years", ">=", "3", " DESC", "1")
JOINED = "FROM staff JOIN teams ON staff.team=teams.id"
RIGHT = f"SELECT MIN(city),SUM(pay) {JOINED} WHERE years>=3 GROUP BY city ORDER BY 2 DESC,1 LIMIT 1"
BROKEN = f"{RIGHT[:-1]}2"
PROBLEM = f"""\
staff(id,team,pay,years): 1 1 5 4, 2 2 7 4, 3 2 1 6, 4 1 3 1, 5 2 2 2
teams(id,city): 1 Rome, 2 Oslo, 3 Rome
Wanted: sum of pay per city, years from 3, largest first, at most 1.
{BROKEN}"""
"""Of three years or more: in Rome one with 5, in Oslo two with 7 + 1."""
PROMPT = f"{PROBLEM}\nIt gives Oslo 8, Rome 5.\nRight: Oslo 8.\nSQL:"
EXAMPLE = Example(PROMPT, RIGHT, "limit")


def queries() -> st.SearchStrategy[Query]:
    return st.builds(Query, **{name: st.sampled_from(sorted(own)) for name, own in PIECES.items()})


@given(queries())
def test_sql_and_words_are_read_as_they_are_written(query: Query) -> None:
    assert read_sql(query.sql) == query
    meant = replace(query, join="team", group=" GROUP BY city")
    assert read_words(query.words) == meant


def test_a_query_in_sql_and_in_words() -> None:
    assert WANTED.sql == RIGHT
    assert WANTED.words == "sum of pay per city, years from 3, largest first, at most 1"


@pytest.mark.parametrize("text", ["", "SELECT 1", f"{RIGHT};", f" {RIGHT}", RIGHT.lower()])
def test_sql_of_another_form_is_not_read(text: str) -> None:
    assert read_sql(text) is None
    assert read_words(text) is None


def test_edits_change_the_piece_of_each_kind_and_nothing_else() -> None:
    """Of a limit of 2: 1 + 3 + 1 + 3 + 1 + 2 edits of one piece; of a limit of 1 one fewer."""
    for query, count in ((replace(WANTED, limit="2"), 11), (WANTED, 10)):
        found = [edit for kind in KINDS for edit in edits(query, (kind,))]
        assert len(set(found)) == count
        assert query not in found
    two = edits(WANTED, ("order", "limit"))
    assert two == (replace(WANTED, order="", limit="2"),)
    assert kinds_between(WANTED, two[0]) == ("order", "limit")
    assert len(edits(WANTED, ("filter", "function"))) == 9


# -- grades --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("response", "score", "shown"),
    [
        (RIGHT, 1, 1),
        (f"{RIGHT};", 1, 1),
        (f"The limit is wrong:\n```sql\n{RIGHT}\n```", 1, 1),
        (RIGHT.replace("years>=3", "NOT years<3").replace("MIN(city)", "city"), 1, 1),
        (BROKEN, 0, 0),
        ("SELECT 'Oslo', 8", 0, 1),  # Right by heart, and wrong on other tables.
        (RIGHT.replace("years>=3", "years>3"), 0, 1),
        (RIGHT.replace("MIN(city),SUM(pay)", "SUM(pay),MIN(city)"), 0, 0),
        ("DROP TABLE staff", 0, 0),
        ("", 0, 0),
    ],
)
def test_a_query_is_right_if_it_gives_the_rows_from_shown_and_hidden_tables(
    response: str, score: float, shown: float
) -> None:
    assert TASK.grade(EXAMPLE, response) == Grade(score, {"shown": shown})


def test_the_prompt_is_that_of_the_exercise_and_names_its_mistakes() -> None:
    exercise = read_exercise(PROBLEM)
    assert exercise is not None
    assert exercise.prompt == PROMPT
    assert TASK.skill_of(PROMPT) == "limit"
    both = PROMPT.replace("2 DESC,1 LIMIT 2", "2,1 LIMIT 2")
    assert TASK.skill_of(both) is None
    assert TASK.skills_of(both) == {"order", "limit"}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("staff(", "stuff("),
        ("1 1 5 4", "1 1 5"),
        ("1 1 5 4", "1 1 5 \ud800"),
        ("1 Rome", "1 Rome 2"),
        ("sum of pay", "total of pay"),
        ("LIMIT 2", "LIMIT two"),
        (PROBLEM, ""),
    ],
)
def test_a_prompt_of_another_form_is_not_measured(old: str, new: str) -> None:
    other = replace(EXAMPLE, prompt=PROMPT.replace(old, new))
    assert str(TASK.grade(other, RIGHT)) == "nan"
    assert TASK.verify(other) == 0
    assert TASK.skills_of(other.prompt) == frozenset()


def test_a_target_is_right_if_the_prompt_is_true() -> None:
    assert TASK.verify(EXAMPLE) == 1
    assert TASK.verify(replace(EXAMPLE, target=BROKEN)) == 0
    assert TASK.verify(replace(EXAMPLE, prompt=PROMPT.replace("Oslo 8.", "Oslo 9."))) == 0


# -- the items -----------------------------------------------------------------------------


@pytest.mark.sweep(1)
@pytest.mark.parametrize("split", SPLITS)
def test_every_item_has_so_many_mistakes_and_no_part_of_a_repair_is_right(split: Split) -> None:
    for example in TASK.examples(split):
        exercise = read_exercise(example.prompt)
        assert exercise is not None
        assert exercise.prompt == example.prompt
        kinds = kinds_between(exercise.wanted, exercise.broken)
        assert example.skill in kinds
        assert len(kinds) == 1 + 2 * (example.difficulty or 0)
        for count in range(1, len(kinds) + 1):
            for left in combinations(kinds, count):
                pieces = {kind: getattr(exercise.broken, kind) for kind in left}
                partly = replace(exercise.wanted, **pieces)
                assert score_of(TASK.grade(example, partly.sql)) == 0


def test_no_query_with_its_mistakes_is_in_two_splits_whatever_the_tables() -> None:
    seen: dict[str, str] = {}
    for split in SPLITS:
        for example in TASK.examples(split):
            assert seen.setdefault("\n".join(example.prompt.split("\n")[2:4]), split) == split


def test_it_keeps_the_contract_and_its_items_are_short_printable_ascii() -> None:
    check_task(TASK, samples=4)
    texts = [e.prompt + e.target for e in TASK.examples("train")]
    assert all(text.replace("\n", "").isprintable() and text.isascii() for text in texts)
    assert max(map(len, texts)) <= 520


def test_seeds_decide() -> None:
    sizes = {"val_per_cell": 2, "test_per_cell": 2, "train_per_cell": 2}
    again, other = (BrokenQueries(seed, **sizes) for seed in (0, 1))
    assert again.examples("val") == TASK.examples("val")
    assert other.examples("val") != TASK.examples("val")


@pytest.mark.slow
def test_there_are_enough_queries_of_every_kind() -> None:
    assert len(BrokenQueries(test_per_cell=40).examples("test")) == 6 * 3 * 40


def test_an_oracle_scores_1_and_silence_0() -> None:
    report = report_of(TASK, answer_key(TASK))
    assert report.accuracy == 1
    assert report_of(TASK, lambda prompt: "").accuracy == 0


def test_drafts_get_their_results_or_are_refused() -> None:
    task = make_task("broken-queries")
    made = task.compose(Draft(PROBLEM, f"```\n{RIGHT}\n```"), "limit", 0.0)
    assert (made.prompt, made.target) == (PROMPT, RIGHT)
    assert task.verify(made) == 1
    for problem, answer in ((PROBLEM, " "), ("Repair it.", RIGHT)):
        with pytest.raises(ConfigError, match="needs an exercise and a query"):
            task.compose(Draft(problem, answer), "limit", 0.0)
