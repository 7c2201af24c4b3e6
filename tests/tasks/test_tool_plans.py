"""Plans of tool calls: every tool run, plans read, run and compared, metrics by hand."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from teachgym.errors import ConfigError
from teachgym.tasks import make_task
from teachgym.tasks.procedural import numbers_of
from teachgym.tasks.tool_graphs import (
    MOST_NODES,
    Node,
    arguments,
    expressions,
    read_plan,
    run_plan,
    write_plan,
)
from teachgym.tasks.tool_plans import ToolPlans
from teachgym.tasks.tool_requests import PLANS, WORDINGS, read_request
from teachgym.tasks.toolbox import TOOLS, ToolError, call
from teachgym.testing import check_task
from teachgym.types import Draft, Example, Grade, Prediction, leaf_skills
from tests.tasks.answering import answer_key, report_of

TASK = ToolPlans(val_per_cell=2, test_per_cell=2, train_per_cell=2)
RESULTS: dict[str, tuple[dict[str, Any], Any]] = {
    "reverse": ({"text": "cat"}, "tac"),
    "upper": ({"text": "cat"}, "CAT"),
    "join": ({"text": "cat", "other": "dog"}, "catdog"),
    "repeat": ({"text": "cat", "n": 3}, "catcatcat"),
    "count": ({"text": "cat"}, 3),
    "codes": ({"text": "cab"}, [3, 1, 2]),
    "roman": ({"n": 1994}, "MCMXCIV"),
    "minus": ({"n": 3, "m": 5}, -2),
    "square": ({"n": -4}, 16),
    "digits": ({"n": 705}, [7, 0, 5]),
    "sort": ({"list": [3, 1, 2]}, [1, 2, 3]),
    "sum": ({"list": [3, 1, 2]}, 6),
    "max": ({"list": [3, 9, 2]}, 9),
}
LOUD_CAT = [Node(0, "reverse", {"text": "cat"}), Node(1, "upper", {"text": "<node-0>.text"})]


@pytest.mark.parametrize("name", TOOLS)
def test_every_tool_runs_and_is_asked_for_in_words(name: str) -> None:
    args, result = RESULTS[name]
    assert call(name, args) == result
    assert len(set(WORDINGS[name].orders)) == 3
    assert any(name in skill.split("+") for own in PLANS.values() for skill in own)


@pytest.mark.parametrize(
    ("name", "args", "message"),
    [
        ("revers", {"text": "cat"}, "unknown tool 'revers'. Did you mean 'reverse'"),
        (["reverse"], {"text": "cat"}, "unknown tool"),
        ("join", {"text": "cat"}, "join takes text and other"),
        ("count", {"text": 3}, "text of count must be a text, not 3"),
        ("square", {"n": True}, "n of square must be a whole number, not True"),
        ("square", {"n": 10**6}, "what square gives must be between"),
        ("square", {"n": 10**10}, "n of square must be between"),
        ("sum", {"list": [1, "2"]}, "must be a list of whole numbers"),
        ("sum", {"list": [1] * 201}, "at most 200 numbers"),
        ("max", {"list": []}, "must have a number"),
        ("roman", {"n": 4000}, "must be 1 to 3999"),
        ("repeat", {"text": "cat", "n": 10**9}, "must be 0 to 200"),
        ("repeat", {"text": "cat", "n": 100}, "at most 200 characters"),
        ("codes", {"text": "c4t"}, "must be letters a to z"),
    ],
)
def test_a_tool_refuses_what_it_cannot_work_on(name: Any, args: Any, message: str) -> None:
    with pytest.raises(ToolError, match=message):
        call(name, args)


def test_plans_are_written_and_read_in_the_form_of_m_and_ms() -> None:
    written = write_plan(LOUD_CAT)
    assert written == (
        '[{"id":0,"name":"reverse","args":{"text":"cat"}},'
        '{"id":1,"name":"upper","args":{"text":"<node-0>.text"}}]'
    )
    assert read_plan(f"Here it is:\n```json\n{written}\n``` Done [1].") == tuple(LOUD_CAT)
    assert run_plan(LOUD_CAT) == ("tac", "TAC")


@pytest.mark.parametrize(
    "text",
    [
        *("", "[", "[]", "{}", "[1]", "null", "[[]]", '[{"id":0}]', "[" * 100_000),
        *('[{"id":"0","name":"count","args":{}}]', '[{"id":0,"name":"count","args":[]}]'),
        *('[{"id":true,"name":"count","args":{}}]', '[{"id":0,"name":1,"args":{}}]'),
        *('[{"id":0,"name":"count","args":{"n":NaN}}]', "__import__('os').system('true')"),
        json.dumps([{"id": 0, "name": "count", "args": {}}] * 2),
        json.dumps([{"id": i, "name": "count", "args": {}} for i in range(MOST_NODES + 1)]),
        f'[{{"id":{"9" * 5000},"name":"count","args":{{}}}}]',
    ],
)
def test_what_is_no_plan_is_none_and_graded_wrong(text: str) -> None:
    assert read_plan(text) is None
    example = TASK.examples("val")[0]
    assert TASK.grade(example, text) == Grade(0.0, {"runs": 0.0, "result": 0.0})


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("<node-1>.text", "<node-1>.text is not an earlier node"),
        ("<node-7>.text", "<node-7>.text is not an earlier node"),
        ("<node-0>.list", "reverse gives a text, not <node-0>.list"),
    ],
)
def test_a_reference_leads_to_an_earlier_node_that_gives_its_kind(value: str, message: str) -> None:
    with pytest.raises(ToolError, match=message):
        run_plan([LOUD_CAT[0], Node(1, "upper", {"text": value})])


def test_plans_are_the_same_whatever_their_ids_and_the_order_of_independent_nodes() -> None:
    example = next(e for e in TASK.examples("val") if e.skill == "reverse+upper+join")
    first, second, _ = read_plan(example.target) or ()
    swapped = [
        Node(5, second.name, second.args),
        Node(0, first.name, first.args),
        Node(9, "join", {"other": "<node-5>.text", "text": "<node-0>.text"}),
    ]
    crossed = [first, second, Node(2, "join", {"text": "<node-1>.text", "other": "<node-0>.text"})]
    assert TASK.grade(example, write_plan(swapped)) == Grade(1.0, {"runs": 1.0, "result": 1.0})
    assert TASK.grade(example, write_plan(crossed)) == Grade(0.0, {"runs": 1.0, "result": 0.0})
    assert TASK.grade(example, write_plan([first, second])) == Grade(
        0.0, {"runs": 1.0, "result": 0.0}
    )


def test_the_right_result_by_other_calls_is_no_right_plan() -> None:
    """What upper gives of ``TAC`` is right, but the student reversed the text in its head."""
    example = Example('Reverse "cat". Capitalise it. Plan:', write_plan(LOUD_CAT), "reverse+upper")
    alone = write_plan([Node(0, "upper", {"text": "tac"})])
    assert TASK.grade(example, alone) == Grade(0.0, {"runs": 1.0, "result": 1.0})
    both = write_plan([LOUD_CAT[0], Node(1, "upper", {"text": "tac"})])
    assert TASK.grade(example, both) == Grade(0.0, {"runs": 1.0, "result": 1.0})


def test_metrics_are_those_of_a_table_by_hand() -> None:
    """Four plans that should be reverse(cat), then upper of that.

    Said: the plan itself; upper(cat) alone; upper(cat), then reverse of that; no plan.
    Plans with the tools in order: 1/4. Tools: reverse is called twice, both times right, and
    wanted 4 times: precision 1, recall 1/2, F1 2/3; upper 3 times of 4: 1, 3/4, 6/7. Mean: 1, 5/8,
    16/21. Arguments wanted: text of reverse is cat, text of upper what that gives; 8 in all, said
    2 + 1 + 2 + 0 = 5, of which right 2: F1 4/13.
    """
    example = Example('Reverse "cat". Capitalise it. Plan:', write_plan(LOUD_CAT), "reverse+upper")
    upper = Node(0, "upper", {"text": "cat"})
    said = [
        write_plan(LOUD_CAT),
        write_plan([upper]),
        write_plan([upper, Node(1, "reverse", {"text": "<node-0>.text"})]),
        "no",
    ]
    predictions = [Prediction(example, text, 0.0) for text in said]
    predictions.append(Prediction(example, write_plan(LOUD_CAT), math.nan))
    found = TASK.metrics(predictions)
    expected = {
        "plan_accuracy": 1 / 4,
        "tool_precision": 1.0,
        "tool_recall": 5 / 8,
        "tool_f1": 16 / 21,
        "argument_f1": 4 / 13,
    }
    assert {name: score.mean for name, score in found.items()} == pytest.approx(expected)
    assert {name: score.n for name, score in found.items()} == {
        **dict.fromkeys(expected, 4),
        "tool_precision": 3,
    }


def test_the_arguments_of_a_plan_say_what_references_refer_to() -> None:
    assert arguments(LOUD_CAT) == {
        ("reverse", "text", '"cat"'),
        ("upper", "text", 'reverse(text="cat").text'),
    }


def test_plans_that_would_be_long_expressions_stay_short() -> None:
    """Each node names the one before it a hundred times."""
    names = [f"a{i}" for i in range(100)]
    nodes = [Node(0, "join", {})]
    for number in range(1, MOST_NODES):
        nodes.append(Node(number, "join", dict.fromkeys(names, f"<node-{number - 1}>.text")))
    assert all(len(text) <= 1000 for text in expressions(nodes))


def test_an_oracle_scores_1_in_everything_and_silence_0() -> None:
    for introduce in (False, True):
        task = make_task("tool-plans", introduce=introduce, val_per_cell=1)
        report = report_of(task, answer_key(task))
        assert report.accuracy == 1
        assert {s.mean for s in report.figures.values()} == {1.0}
        silent = report_of(task, lambda prompt: "")
        assert silent.accuracy == silent.metrics["tool_f1"].mean == 0


def test_it_keeps_the_contract_and_its_lower_level_is_short_printable_ascii() -> None:
    check_task(TASK, samples=8)
    for example in TASK.examples("val"):
        text = example.prompt + example.target
        assert text.isascii()
        assert text.isprintable()
        assert len(text) <= (250 if example.difficulty == 0 else 290)
    assert len(leaf_skills(TASK.skills)) == 24


def test_there_are_enough_requests_of_every_skill_at_every_level() -> None:
    """With the settings as they are: 24 skills, three levels, 50 + 4 + 10 items of each."""
    task = make_task("tool-plans")
    sizes = {split: len(task.examples(split)) for split in ("train", "val", "test")}
    assert sizes == {"train": 24 * 3 * 50, "val": 24 * 3 * 4, "test": 24 * 3 * 10}


@given(st.integers(0, 2**32 - 1))
def test_every_plan_that_is_drawn_runs_along_the_edges_of_the_graph(seed: int) -> None:
    rng = np.random.default_rng(seed)
    skill = str(rng.choice(leaf_skills(TASK.skills)))
    request, nodes = drawn = TASK.draw(skill, int(rng.integers(3)), numbers_of(rng))
    run_plan(nodes)
    assert "+".join(node.name for node in nodes) == skill
    example = TASK.write(skill, drawn, id="", source="teacher", difficulty=0)
    assert example.prompt == f"{request} Plan:"
    assert TASK.verify(example) == 1
    assert sorted(expressions(read_request(request) or ())) == sorted(expressions(nodes))
    for node in nodes:
        for argument, kind in TOOLS[node.name].takes:
            value = str(node.args[argument])
            assert not value.startswith("<node-") or value.endswith(f">.{kind}")


def test_a_wrong_target_fails_verification() -> None:
    prompt, skill = 'Reverse "cat". Capitalise it. Plan:', "reverse+upper"
    assert TASK.verify(Example(prompt, write_plan(LOUD_CAT), skill)) == 1
    other = [Node(0, "reverse", {"text": "dog"}), LOUD_CAT[1]]
    for target, label in (
        (write_plan(other), skill),
        (write_plan(LOUD_CAT), "upper+join"),
        (write_plan(LOUD_CAT[1:]), "upper"),
        ("TAC", skill),
    ):
        assert TASK.verify(Example(prompt, target, label)) == 0


@pytest.mark.parametrize(
    ("request_", "right", "wrong"),
    [
        ("Take 7 from 931.", ("minus", {"n": 931, "m": 7}), ("minus", {"n": 7, "m": 931})),
        ('Reverse "qzx".', ("reverse", {"text": "qzx"}), ("upper", {"text": "qzx"})),
        ("Give the square of 12.", ("square", {"n": 12}), ("square", {"n": 2})),
        # In other words, of which the plan need only use what they say:
        ("What is 931 less 70?", ("minus", {"n": 931, "m": 70}), ("minus", {"n": 931, "m": 7})),
        (
            'Please say "cat" thrice (3).',
            ("repeat", {"text": "cat", "n": 3}),
            ("upper", {"text": "ca"}),
        ),
    ],
)
def test_a_plan_is_verified_against_the_calls_that_are_asked_for(
    request_: str, right: tuple[str, Any], wrong: tuple[str, Any]
) -> None:
    for (name, args), verdict in ((right, 1), (wrong, 0)):
        target = write_plan([Node(0, name, args)])
        assert TASK.verify(Example(f"{request_} Plan:", target, name)) == verdict


@pytest.mark.parametrize(
    ("request_", "calls"),
    [
        (
            'Count "a". Find the length of "bc". Take the second from the first.',
            ["count", "count", "minus"],
        ),
        ('Give the join of the reverse of "a, b" and "it".', ["reverse", "join"]),
        ('Turn "cat" into codes. Total it.', ["codes", "sum"]),
        ("Romanise the square of 5.", ["square", "roman"]),
        ('Give the 3-fold repeat of "the square of 5".', ["repeat"]),
    ],
)
def test_requests_are_read_back(request_: str, calls: list[str]) -> None:
    nodes = read_request(request_)
    assert nodes is not None
    assert [node.name for node in nodes] == calls
    run_plan(nodes)


@pytest.mark.parametrize(
    "request_",
    [
        *("", "Give 5.", "Reverse it.", 'Reverse "cat"', 'Reverse "cat. Capitalise it.'),
        *('Give the reverse of "cat". Capitalise it.', 'Reverse  "cat".', "Square the second."),
        "Give " + "the " * 100_000,
        "Sort " + "[" * 100_000,
    ],
)
def test_requests_in_other_words_are_not_read(request_: str) -> None:
    assert read_request(request_) is None


def test_drafts_become_examples_or_are_refused() -> None:
    task = make_task("tool-plans", introduce=True)
    draft = Draft('Reverse "cat".', '```\n[ {"id": 0, "name": "reverse", "args": {"text": "cat"}}]')
    made = task.compose(draft, "reverse", 0.0)
    assert made.target == write_plan(LOUD_CAT[:1])
    assert made.prompt.startswith("Plan which tools to call. There are:\nreverse(text: text)")
    assert made.prompt.endswith('\n\nReverse "cat". Plan:')
    assert task.verify(made) == 1
    for problem, answer in ((" Plan:", draft.answer), ("Reverse it.", "tac")):
        with pytest.raises(ConfigError, match="needs a request and a plan"):
            task.compose(Draft(problem, answer), "reverse", 0.0)
