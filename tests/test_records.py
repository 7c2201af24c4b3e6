"""Words survive the journey to JSON and back, and files have one type per column."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from teachgym.errors import ConfigError
from teachgym.records import (
    by_step,
    example_from_json,
    example_to_json,
    prediction_from_json,
    prediction_to_json,
    read_examples,
    report_from_json,
    report_to_json,
)
from teachgym.types import Cost, Example, Prediction, Provenance, Report, Score, Turn
from tests.example_files import write_examples

numbers = st.floats(0, 1)
pairs = st.lists(st.tuples(st.text(), numbers), max_size=3).map(tuple)
costs = st.builds(Cost, teacher_calls=st.integers(0, 9), dollars=numbers)
provenances = st.builds(
    Provenance,
    seeds=st.lists(st.text(), max_size=3).map(tuple),
    teacher=st.text(),
    step=st.integers(0, 99),
    cost=st.none() | costs,
)
examples = st.builds(
    Example,
    prompt=st.text(),
    target=st.text(),
    skill=st.text(),
    id=st.text(),
    source=st.sampled_from(["task", "teacher"]),
    difficulty=st.none() | numbers,
    rejected=st.none() | st.text(),
    spans=pairs,
    soft_labels=pairs,
    images=st.lists(st.text("0123456789abcdef", min_size=64, max_size=64)).map(tuple),
    turns=st.lists(st.builds(Turn, st.text(), st.text(), st.booleans())).map(tuple),
    provenance=st.none() | provenances,
)


@given(examples)
def test_an_example_survives_the_journey(example: Example) -> None:
    assert example_from_json(json.loads(json.dumps(example_to_json(example)))) == example


@settings(max_examples=30)  # Examples one by one are above.
@given(st.lists(examples, max_size=5))
def test_a_file_of_examples_survives_the_journey(
    tmp_path_factory: pytest.TempPathFactory, data: list[Example]
) -> None:
    path = tmp_path_factory.mktemp("records") / "examples.jsonl"
    write_examples(path, data)
    assert read_examples(path) == tuple(data)


def test_a_score_that_was_not_measured_is_null() -> None:
    record = prediction_to_json(Prediction(Example("p", "t", "s"), "r", math.nan))
    assert record["score"] is None
    assert math.isnan(prediction_from_json(record).score)


def test_a_report_survives_the_journey() -> None:
    report = Report((Prediction(Example("p", "t", "s"), "r", 0.5),), "val")
    assert report_from_json(json.loads(json.dumps(report_to_json(report)))) == report


def test_parts_and_metrics_are_written_where_there_are_some() -> None:
    graded = Prediction(Example("p", "t", "s"), "r", 0.5, {"name": 1.0, "arguments": 0.0})
    report = Report((graded,), "val", {"groups": Score(3, 0.5, 0.1)})
    assert report_from_json(json.loads(json.dumps(report_to_json(report)))) == report
    unknown = Prediction(Example("p", "t", "s"), "r", 0.5, {"name": math.nan})
    record = prediction_to_json(unknown)
    assert record["parts"] == {"name": None}
    assert math.isnan(prediction_from_json(record).parts["name"])
    plain = report_to_json(Report((Prediction(Example("p", "t", "s"), "r", 0.5),), "val"))
    assert "metrics" not in plain
    assert "parts" not in plain["predictions"][0]


def test_every_line_has_the_same_keys_and_pairs_are_objects(tmp_path: Path) -> None:
    full = Example(
        "p", "t", "s", spans=(("t", 1.0),), soft_labels=(("t", 0.9),), provenance=Provenance()
    )
    path = tmp_path / "examples.jsonl"
    write_examples(path, [Example("p", "t", "s"), full])
    one, other = (json.loads(line) for line in path.read_text().splitlines())
    assert list(one) == list(other)
    assert other["spans"] == [{"text": "t", "weight": 1.0}]
    assert other["soft_labels"] == [{"response": "t", "probability": 0.9}]
    keys = ["seeds", "teacher", "step", "cost", "hint", "subskill"]
    assert list(other["provenance"]) == keys


def test_writing_replaces_the_file(tmp_path: Path) -> None:
    path = tmp_path / "examples.jsonl"
    for prompt in ("old", "new"):
        write_examples(path, [Example(prompt, "t", "s")])
    assert [e.prompt for e in read_examples(path)] == ["new"]


def test_hand_made_lines_need_prompt_target_and_skill_only(tmp_path: Path) -> None:
    path = tmp_path / "mine.jsonl"
    path.write_text('{"prompt": "p", "target": "t", "skill": "s"}\n\n')
    assert read_examples(path) == (Example("p", "t", "s"),)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"prompt": "p", "skill": "s"}', "no 'target'"),
        ('{"prompt": "p", "target": "t", "skill": "s", "promt": ""}', "Did you mean 'prompt'"),
        ('{"prompt": "p", ', "is not an example"),
        ("[]", "is not an example"),
        ('{"prompt": "p", "target": "t", "skill": "s", "spans": [["t", 1]]}', "is not an example"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, line: str, message: str) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_text('{"prompt": "p", "target": "t", "skill": "s"}\n' + line + "\n")
    with pytest.raises(ConfigError, match=r"bad\.jsonl:2") as raised:
        read_examples(path)
    assert message in str(raised.value)


def test_steps_are_the_actions_of_a_recorded_run_in_order() -> None:
    def made(prompt: str, step: int) -> Example:
        return Example(prompt, "t", "s", provenance=Provenance(step=step))

    a, b, c = made("a", 2), made("b", 1), made("c", 2)
    assert by_step((a, b, c)) == ((b,), (a, c))


def test_kind_and_meta_are_written_where_they_say_something() -> None:
    made = Example("p", "t", "s", kind="critique", meta={"tests": [1, {"deep": None}]})
    record = json.loads(json.dumps(example_to_json(made)))
    assert record["meta"] == {"tests": [1, {"deep": None}]}
    assert example_from_json(record) == made
    assert hash(example_from_json(record)) == hash(made)
    assert not {"kind", "meta"} & example_to_json(Example("p", "t", "s")).keys()
