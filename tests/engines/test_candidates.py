"""Candidates of critiques: answers of students, chosen and priced by hand."""

from __future__ import annotations

import math
import pickle
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from teachgym.engines import ENGINES, require_engine
from teachgym.engines.candidates import StudentAnswers
from teachgym.errors import ConfigError, UnknownNameError
from teachgym.gate import Gate, GateSettings
from teachgym.gate.kinds import fault_of_judgement
from teachgym.ledger import Ledger
from teachgym.protocols import Task
from teachgym.students import make_student
from teachgym.tasks import make_task
from teachgym.testing import ToyTask, check_engine
from teachgym.testing.fakes import TableStudent
from teachgym.types import Budget, Cost, Data, Example, Order, Plan, Prompt

TASK = ToyTask()
LETTERS = make_task("arithmetic-and-strings", val_per_cell=1, test_per_cell=1, train_per_cell=1)
ITEMS = (Example("copy: abc", "abc", "copy"), Example("copy: abcd", "abcd", "copy"))


class Sure(TableStudent):
    """Knows everything."""

    def __init__(self, task: Task) -> None:
        super().__init__()

    def generate(self, prompts: Sequence[Prompt], *, stop: Sequence[str] = ()) -> list[str]:
        return [self.solve(prompt) for prompt in prompts]


class Lost(Sure):
    """Knows nothing."""

    def generate(self, prompts: Sequence[Prompt], *, stop: Sequence[str] = ()) -> list[str]:
        return ["?"] * len(prompts)


SURE, LOST = ({"student": f"{__name__}:{name}"} for name in ("Sure", "Lost"))
BOTH = {"sure": SURE, "lost": LOST}
SEVERAL = {"student": "several", "student_settings": {"students": BOTH}}


def made(count: int, task: Task = TASK, skill: str = "copy", **settings: Any) -> Data:
    engine = ENGINES.make("critique", task, settings=settings)
    return engine.generate(Plan((Order(skill, count),)), np.random.default_rng(0))


def verdicts(data: Data) -> list[str]:
    return [example.target.partition("\n")[0] for example in data]


def test_the_contract() -> None:
    check_engine(ENGINES.make("critique", TASK, settings={"students": BOTH}), TASK)


def test_where_there_are_both_kinds_the_share_decides_which_as_without_students() -> None:
    data, borrowed = made(40, students=BOTH), made(40)
    assert verdicts(data) == verdicts(borrowed)
    assert {"right", "wrong"} == set(verdicts(data))
    for example in data:
        is_right = example.target == "right"
        assert example.meta["author"] == ("sure" if is_right else "lost")
        assert example.meta["candidate"] == (example.meta["answer"] if is_right else "?")
        assert fault_of_judgement(TASK, example) is None
    assert all("author" not in example.meta for example in borrowed)


@pytest.mark.parametrize(
    ("students", "wrong", "verdict"),
    [({"a": SURE}, 1.0, "right"), ({"a": LOST}, 0.0, "wrong"), (BOTH, 1.0, "wrong")],
)
def test_candidates_of_one_kind_are_taken_as_they_are(
    students: Any, wrong: float, verdict: str
) -> None:
    assert verdicts(made(5, students=students, wrong=wrong)) == [verdict] * 5


@pytest.mark.parametrize(("lot", "author"), [(0.0, "a"), (0.33, "a"), (0.34, "b"), (0.99, "c")])
def test_a_lot_chooses_one_of_three_who_are_wrong(lot: float, author: str) -> None:
    students = {"a": Lost(TASK), "sure": Sure(TASK), "b": Lost(TASK), "c": Lost(TASK)}
    picked = StudentAnswers(TASK, students, ITEMS, None).pick(ITEMS[0], lot, wrong=True)
    assert picked is not None
    assert (picked.text, picked.is_wrong, picked.author) == ("?", True, author)


def test_answers_are_calls_of_the_teacher_and_who_cannot_be_paid_is_not_asked() -> None:
    """Prompts of 9 and 10 characters; answers of 3 and 4, then of one each."""
    students, ledger = {"sure": Sure(TASK), "lost": Lost(TASK)}, Ledger(Budget())
    StudentAnswers(TASK, students, ITEMS, ledger.meter)
    paid = Cost(teacher_calls=4, teacher_tokens_in=2 * 19, teacher_tokens_out=7 + 2)
    assert ledger.spent == paid
    scarce = Ledger(Budget(teacher_calls=2))
    answers = StudentAnswers(TASK, students, ITEMS, scarce.meter)
    assert scarce.spent.teacher_calls == 2
    only = answers.pick(ITEMS[0], 0.0, wrong=True)
    assert only is not None
    assert only.author == "sure"
    assert StudentAnswers(TASK, students, ITEMS, scarce.meter).pick(ITEMS[0], 0, wrong=True) is None


def test_a_limit_of_calls_is_never_passed() -> None:
    """A batch used to be asked whole while anything was left: 40 answers for a limit of 10."""
    ledger = Ledger(Budget(teacher_calls=10))
    engine = ENGINES.make("critique", TASK, settings={"students": BOTH}, meter=ledger.meter)
    data = engine.generate(Plan((Order("copy", 40),)), np.random.default_rng(0))
    assert ledger.spent.teacher_calls == len(data) == 10
    assert {example.meta["author"] for example in data} == {"sure"}


def test_answers_without_a_grade_are_no_candidates() -> None:
    class Unsure(ToyTask):
        def grade(self, example: Example, response: str) -> float:
            return math.nan if response == "?" else super().grade(example, response)

    assert made(3, Unsure(), students={"lost": LOST}) == ()
    assert verdicts(made(3, Unsure(), students=BOTH, wrong=1.0)) == ["right"] * 3


def test_words_can_be_those_that_a_student_reads_and_the_verdict_bare() -> None:
    data = made(8, students=BOTH, asks=" right or wrong ", corrected=False)
    assert {example.target for example in data} == {"right", "wrong"}
    for example in data:
        assert example.prompt == (
            f"{example.meta['question']}{example.meta['candidate']} right or wrong "
        )
        other = replace(example, target="wrong" if example.target == "right" else "right")
        assert fault_of_judgement(TASK, other) is not None
    gate = Gate(TASK, GateSettings(duplicates="allow"))
    assert {v.reason for v in gate.inspect(data).rejected} <= {"overlap"}


def test_bases_of_tiny_answer_for_themselves_and_are_loaded_when_asked() -> None:
    bases = {f"base {n}": {"student": "tiny", "student_settings": {"base": n}} for n in (1, 2)}
    engine = ENGINES.make("critique", LETTERS, settings={"students": bases})
    assert "authors" not in vars(engine)
    data = engine.generate(Plan((Order("rev", 12),)), np.random.default_rng(0))
    authors = engine.authors
    assert engine.generate(Plan((Order("rev", 12),)), np.random.default_rng(0)) == data
    assert engine.authors is authors
    sent = pickle.loads(pickle.dumps(engine))
    assert sent.generate(Plan((Order("rev", 12),)), np.random.default_rng(0)) == data
    assert len(data) == 12
    for number in (1, 2):
        own = [e for e in data if e.meta["author"] == f"base {number}"]
        questions = [Prompt(str(e.meta["question"])) for e in own]
        answers = make_student("tiny", LETTERS, base=number).generate(questions)
        assert [e.meta["candidate"] for e in own] == answers
    assert all((e.target == "right") == (e.meta["candidate"] == e.meta["answer"]) for e in data)


def tiny(**settings: Any) -> dict[str, Any]:
    return {"students": {"a": {"student": "tiny", **settings}}}


@pytest.mark.parametrize(
    ("settings", "error", "said"),
    [
        ({"students": {"a": {"student": "tinyy"}}}, UnknownNameError, "unknown student 'tinyy'"),
        (tiny(student_settings={"base": 7}), ConfigError, "bases 0 to 6"),
        (tiny(student_settings={"temperatur": 7}), ConfigError, "temperatur"),
        (tiny(base=1), ConfigError, "base"),
        ({"students": {"a": SEVERAL}}, ConfigError, "'several', which answer"),
        ({"students": {"a/b": {"student": "tiny"}}}, ConfigError, "students are called 'a/b'"),
        ({"students": ["tiny"]}, ConfigError, "students is"),
        ({"reasons": True, "corrected": False}, ConfigError, "reasons stand below"),
    ],
)
def test_what_cannot_be_asked_is_refused_before_it_is_loaded(
    settings: Any, error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        ENGINES.make("critique", LETTERS, settings=settings)
    if "a" in settings.get("students", ()) and "several" not in str(settings):
        with pytest.raises(error, match=said):
            require_engine("critique", settings, None)


def test_a_task_that_answers_back_is_refused() -> None:
    task = make_task("second-try", task="arithmetic-and-strings")
    with pytest.raises(ConfigError, match=r"answers back; leave engine_settings\.students out"):
        ENGINES.make("critique", task, settings=tiny())
