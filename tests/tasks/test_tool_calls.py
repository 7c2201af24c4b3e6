"""Conversations with tools: replies, recovery from errors, grades and metrics by hand."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from teachgym.errors import ConfigError
from teachgym.experiment import RunConfig, run
from teachgym.records import read_examples
from teachgym.runs import RunFolder
from teachgym.tasks import make_task
from teachgym.tasks.procedural import numbers_of
from teachgym.tasks.tool_calls import ToolCalls
from teachgym.tasks.tool_replies import conversation, reply
from teachgym.testing import check_task
from teachgym.types import Draft, Example, Prediction, Prompt, Turn, leaf_skills
from tests.tasks.answering import report_of

SMALL = {"val_per_cell": 2, "test_per_cell": 2, "train_per_cell": 2}
TASK = ToolCalls(**SMALL)
OPEN, OPEN_NEW = '{"name":"open","args":{"note":"kqz"}}', '{"name":"open","args":{"note":"abcd"}}'
REVERSE = '{"name":"reverse","args":{"text":"cat"}}'
HARD = Example(
    "Open note kqz. Reverse it. Call:",
    '{"answer":"tac"}',
    "reverse",
    meta={
        "calls": [
            {"name": "open", "args": {"note": "abcd"}},
            {"name": "reverse", "args": {"text": "cat"}},
        ],
        "notes": {"abcd": "cat"},
        "moved": {"kqz": "abcd"},
        "busy": "reverse",
    },
)
MOVED, BUSY = "error: note kqz is now note abcd", "error: reverse is busy, call it again"
WHOLE = (
    Turn(OPEN, MOVED),
    Turn(OPEN_NEW, '"cat"'),
    Turn(REVERSE, BUSY),
    Turn(REVERSE, '"tac"'),
)


def oracle(task: ToolCalls, split: Any = "val") -> Callable[[Prompt], str]:
    """What a perfect student says next."""
    items = {e.prompt: e for e in task.examples(split)}

    def answer(prompt: Prompt) -> str:
        said = [turn.response for turn in conversation(items[prompt.text])]
        return [*said, items[prompt.text].target][len(prompt.turns)]

    return answer


def test_a_perfect_student_recovers_from_a_moved_note_and_a_busy_tool() -> None:
    assert tuple(conversation(HARD)) == WHOLE
    (grade,) = TASK.grade_conversations([HARD], [WHOLE], [HARD.target])
    assert (grade.score, dict(grade.parts)) == (1.0, {"calls": 1.0, "recovered": 1.0})


@pytest.mark.parametrize(
    ("response", "said"),
    [
        (HARD.target, None),
        ('{"answer":[1,{}]}', None),
        ("the note says cat", "error: that is neither a call nor an answer"),
        ('{"name":"reverse"}', "error: that is neither a call nor an answer"),
        ('{"name":"reverse","args":["cat"]}', "error: that is neither a call nor an answer"),
        ("{" * 100_000, "error: that is neither a call nor an answer"),
        ('{"name":"open","args":{"note":"cat"}}', "error: there is no note 'cat'"),
        ('{"name":"open","args":{"note":7}}', "error: open takes note, a text"),
        ('{"name":"open","args":{}}', "error: open takes note, a text"),
        ('{"name":"count","args":{"text":"cat"}} ok', "3"),
        ('{"name":"count","args":{"text":3}}', "error: text of count must be a text, not 3"),
        ('{"name":"roman","args":{"n":0}}', "error: n of roman must be 1 to 3999, not 0"),
    ],
)
def test_every_response_is_answered_or_is_the_answer(response: str, said: str | None) -> None:
    assert reply(HARD, [], response) == said


def test_an_unknown_tool_is_answered_shortly() -> None:
    said = reply(HARD, [], '{"name":"revers","args":{}}') or ""
    assert said.startswith("error: unknown tool 'revers'. Did you mean 'reverse'")
    assert len(said) <= 100


def test_grades_and_metrics_are_those_of_a_table_by_hand() -> None:
    """Three conversations; needed are open and reverse.

    All of them: 5 responses, both calls, errors recovered from. Open, then the answer to the error
    of reverse: 3 responses, 1 of 2 calls, 0 of 1 errors. No JSON, then a right answer: 2
    responses, 0 calls, 0 of 1 errors. Tools called: open in the first two, so precision 1, recall
    2/3; reverse too, as a call that failed is a call. Turns 5, 3, 2: mean 10/3.
    """
    easy = replace(HARD, meta={**HARD.meta, "moved": {}})
    cases = [
        (HARD, WHOLE, HARD.target),
        (easy, (WHOLE[1], WHOLE[2]), '{"answer":"cat"}'),
        (HARD, (Turn("?", "error: that is neither a call nor an answer"),), HARD.target),
    ]
    grades = TASK.grade_conversations(*map(list, zip(*cases, strict=True)))
    assert [grade.score for grade in grades] == [1, 0, 1]
    assert [dict(grade.parts) for grade in grades] == [
        {"calls": 1.0, "recovered": 1.0},
        {"calls": 0.5, "recovered": 0.0},
        {"calls": 0.0, "recovered": 0.0},
    ]
    predictions = [
        Prediction(example, said, grade.score, turns=turns)
        for (example, turns, said), grade in zip(cases, grades, strict=True)
    ]
    found = TASK.metrics([*predictions, replace(predictions[0], score=math.nan)])
    assert {name: score.mean for name, score in found.items()} == pytest.approx(
        {"tool_precision": 1.0, "tool_recall": 2 / 3, "tool_f1": 4 / 5, "turns": 10 / 3}
    )
    assert found["turns"].stderr == pytest.approx((7 / 9) ** 0.5)


def test_an_oracle_scores_1_in_at_most_6_turns_and_silence_0() -> None:
    for introduce in (False, True):
        task = ToolCalls(introduce=introduce, **SMALL)
        report = report_of(task, oracle(task))
        assert report.accuracy == report.metrics["tool_f1"].mean == 1
        assert {score.mean for score in report.by_part().values()} == {1.0}
        turns: dict[float | None, set[int]] = {}
        for p in report.predictions:
            turns.setdefault(p.example.difficulty, set()).add(len(p.responses))
        assert turns == {0.0: {3, 4}, 0.5: {4, 5}, 1.0: {5, 6}}
    silent = report_of(TASK, lambda prompt: "")
    assert silent.accuracy == 0
    assert silent.metrics["turns"].mean == 6


def test_it_keeps_the_contract_and_is_short_printable_ascii() -> None:
    check_task(TASK, samples=8)
    assert len(leaf_skills(TASK.skills)) == 16
    for example in TASK.examples("train"):
        text = example.question.transcript.replace("\n", "") + example.target
        assert text.isascii()
        assert text.isprintable()
        assert len(text) <= (250 if example.difficulty == 0 else 410)


def test_there_are_enough_requests_of_every_skill_at_every_level() -> None:
    task = make_task("tool-calls")
    sizes = {split: len(task.examples(split)) for split in ("train", "val", "test")}
    assert sizes == {"train": 16 * 3 * 50, "val": 16 * 3 * 4, "test": 16 * 3 * 10}


@given(st.integers(0, 2**32 - 1))
def test_what_is_trained_on_is_a_conversation_that_verifies(seed: int) -> None:
    rng = np.random.default_rng(seed)
    skill, level = str(rng.choice(leaf_skills(TASK.skills))), int(rng.integers(3))
    drawn = TASK.draw(skill, level, numbers_of(rng))
    example = TASK.write(skill, drawn, id="", source="teacher", difficulty=TASK.levels[level])
    assert TASK.verify(example) == 1
    assert sum(turn.reply.startswith("error: ") for turn in example.turns) == level
    assert len(example.turns) == 1 + len(skill.split("+")) + level
    item = TASK.write(skill, drawn, id="val/1", source="task", difficulty=0.0)
    assert not item.turns
    assert TASK.verify(item) == 1


@pytest.mark.parametrize(
    "changed",
    [
        {"target": '{"answer":"cat"}'},
        {"target": "tac"},
        {"skill": "upper"},
        {"turns": (Turn(OPEN_NEW, '"dog"'),)},
        {"meta": {}},
        {"meta": {**HARD.meta, "calls": [{"name": "reverse", "args": {"text": 3}}]}},
        {"meta": {**HARD.meta, "calls": ["reverse"]}},
        {"meta": {**HARD.meta, "calls": 1}},
    ],
)
def test_a_conversation_that_is_not_as_the_tools_have_it_fails_verification(
    changed: dict[str, Any],
) -> None:
    assert TASK.verify(replace(HARD, turns=WHOLE)) == 1
    assert TASK.verify(replace(HARD, **changed)) == 0


def test_drafts_become_conversations_or_are_refused() -> None:
    solution = f'{OPEN} => "cat"\n\n{REVERSE}  =>  "tac"'
    made = TASK.compose(Draft("Open note kqz. Reverse it.", '"tac"', solution), "reverse", 0.0)
    assert made.prompt == HARD.prompt
    assert made.target == HARD.target
    assert made.turns == (Turn(OPEN, '"cat"'), Turn(REVERSE, '"tac"'))
    assert TASK.verify(made) == 1
    untrue = TASK.compose(
        Draft("Open note kqz. Reverse it.", '"act"', solution.replace("tac", "act")), "reverse", 0.0
    )
    assert TASK.verify(untrue) == 0
    for draft in (
        Draft(" Call:", '"tac"', solution),
        Draft("Open note kqz.", "tac", solution),
        Draft("Open note kqz.", '"tac"', ""),
        Draft("Open note kqz.", '"tac"', OPEN),
        Draft("Open note kqz.", '"tac"', f"{OPEN} => cat"),
    ):
        with pytest.raises(ConfigError, match="a draft needs"):
            TASK.compose(draft, "reverse", 0.0)


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["", "open", "kqz"]),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(["name", "args", "note", "kqz"]), inner, max_size=2)
    ),
    max_leaves=5,
)


@given(
    st.dictionaries(st.sampled_from(["calls", "notes", "moved", "busy"]), JUNK),
    st.lists(st.sampled_from([OPEN, REVERSE, "", HARD.target]), max_size=2),
    st.sampled_from([OPEN, REVERSE, "", HARD.target]),
)
def test_whatever_a_teacher_writes_beside_an_example_nothing_raises(
    meta: dict[str, Any], said: list[str], response: str
) -> None:
    example = replace(HARD, meta=meta, turns=tuple(Turn(text, MOVED) for text in said))
    assert TASK.verify(example) == 0
    TASK.respond(example, (), response)
    (grade,) = TASK.grade_conversations([example], [()], [response])
    TASK.metrics([Prediction(example, response, grade.score)])


@pytest.mark.slow
def test_the_tiny_student_is_trained_on_conversations(tmp_path: Path) -> None:
    settings = {
        "task": "tool-calls",
        "task_settings": {"val_per_cell": 1, "test_per_cell": 1, "train_per_cell": 1},
        "student": "tiny",
        "examples_per_step": 40,
        "budget": {"steps": 1},
    }
    run(RunConfig(env_settings=settings), tmp_path / "run")
    examples = read_examples(RunFolder(tmp_path / "run").examples)
    assert len(examples) == 40
    assert all(e.turns for e in examples)
