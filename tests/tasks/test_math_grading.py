"""Equal or not: a table checked by hand, and comparisons that never end or kill their process."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from teachgym.errors import MissingExtraError
from teachgym.tasks import math_grading
from teachgym.tasks.math_answers import tidy
from teachgym.tasks.math_grading import grade_answers, require_math_verify

pytest.importorskip("math_verify")

BOMB = r"9^{9^{9^9}}"
EQUAL = [
    (r"\frac{1}{2}", "0.5"),
    (r"\frac12", "1/2"),
    (r"\frac\pi2", r"\dfrac{\pi}{2}"),
    (r"-\frac{1}{2}", r"\frac{-1}{2}"),
    (r"1\frac34", "1.75"),
    (r"\frac{1}{3}", "0.333333"),
    (r"50\%", "50"),
    (r"50\%", "0.5"),
    ("10", r"10\text{ cm}"),
    (r"12\mbox{ inches}", "12"),
    (r"90^\circ", "90"),
    (r"\$18", r"18.00"),
    ("10{,}000", "10000"),
    (r"1\,000", "1,000"),
    (r"\sqrt{8}", r"2\sqrt2"),
    ("2^{10}", "1024"),
    ("x^2-1", "(x-1)(x+1)"),
    ("x=5", "5"),
    ("5", "x = 5"),
    ("x<3", "3>x"),
    (r"x \in [1,2]", "[1, 2]"),
    ("(1,2)", r"\left( 1, 2 \right)"),
    (r"\{1,2\}", "2, 1"),
    (r"(-\infty,2]\cup[3,\infty)", r"(-\infty, 2] \cup [3, \infty)"),
    (r"\begin{pmatrix}1\\2\end{pmatrix}", r"\begin{pmatrix} 1 \\ 2 \end{pmatrix}"),
    ("2+3i", "3i + 2"),
    (r"\text{Evelyn}", "Evelyn"),
    (r"\text{(A)}", "A"),
]
UNEQUAL = [
    (r"\frac{1}{2}", r"\frac{2}{1}"),
    (r"\frac{1}{2}", r"-\frac{1}{2}"),
    (r"\frac{1}{3}", "0.33"),
    (r"50\%", "5"),
    ("18", "I think it is 18"),
    (r"\pi", "3.14"),
    (r"\sqrt{8}", r"\sqrt{2}"),
    ("x^2-1", "(x-1)^2"),
    ("x", "y"),
    ("5", "x=6"),
    ("x<3", r"x\le3"),
    ("(1,2)", "(2,1)"),
    ("[1,2)", "[1,2]"),
    (r"\{1,2\}", r"\{1,3\}"),
    ("1,2,3", "1,2"),
    (r"(-\infty,2]\cup[3,\infty)", r"(-\infty,2)\cup[3,\infty)"),
    (r"\begin{pmatrix}1\\2\end{pmatrix}", r"\begin{pmatrix}2\\1\end{pmatrix}"),
    ("2+3i", "2-3i"),
    (r"\text{odd}", "even"),
    (r"\text{(A)}", "B"),
]


def grade(gold: str | None, answer: str | None, deadline: float = 20.0) -> float:
    return grade_answers([gold], [answer], deadline=deadline)[0]


def test_answers_that_say_the_same_are_equal_and_others_are_not() -> None:
    pairs = [(tidy(gold), tidy(answer)) for gold, answer in EQUAL + UNEQUAL]
    golds, answers = zip(*pairs, strict=True)
    scores = grade_answers(golds, answers, deadline=20)
    expected = [1] * len(EQUAL) + [0] * len(UNEQUAL)
    assert [p for p, s, e in zip(pairs, scores, expected, strict=True) if s != e] == []


def test_what_cannot_be_read_is_never_equal_and_never_counted_against_the_student() -> None:
    assert math.isnan(grade("???", "???"))
    assert math.isnan(grade(r"\frac{1}{", "1"))
    assert math.isnan(grade(None, "1"))
    assert math.isnan(grade(None, None))
    assert math.isnan(grade("???", None))
    assert grade("1", None) == 0
    assert grade("1", "???") == 0
    assert grade("x", "???") == 0
    assert grade("x", None) == 0


def test_plain_numbers_need_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(math_grading, "_pool", None)
    golds = ["18", "1,000", "2.50", "7", "7", None]
    answers = ["18.0", "1000", "2.5", "8", None, "7"]
    scores = grade_answers(golds, answers, deadline=1)
    assert scores[:5] == [1, 1, 1, 0, 0]
    assert math.isnan(scores[5])


@pytest.mark.slow
def test_an_endless_comparison_scores_0_and_the_others_get_their_scores() -> None:
    golds, answers = [r"\frac{1}{2}"] * 5, ["0.5", "0.2", BOMB, "0.5", r"\frac{2}{4}"]
    assert grade_answers(golds, answers, deadline=5.0) == [1, 0, 0, 1, 1]


def test_many_pairs_keep_their_order() -> None:
    """200 halves against their numerators over 2, every third one wrong; 7 chunks."""
    golds = [rf"\frac{{{n}}}{{2}}" for n in range(200)]
    answers = [f"{n + (n % 3 == 0)}/2" for n in range(200)]
    assert grade_answers(golds, answers, deadline=20) == [float(n % 3 != 0) for n in range(200)]


def test_grading_works_from_many_threads_at_once() -> None:
    def scores(n: int) -> list[float]:
        return grade_answers([rf"\frac{{{n}}}{{7}}"] * 2, [f"{n}/7", "x"], deadline=20)

    with ThreadPoolExecutor(6) as threads:
        assert list(threads.map(scores, range(1, 31))) == [[1, 0]] * 30


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[math_grading._Process]:
    """A process that starts at once, calls all answers equal, and dies of the answer ``deadly``.

    The file ``starts`` has a letter for each time that it was started.
    """
    script = tmp_path / "fake.py"
    script.write_text(
        "import json, os, sys\n"
        f"open({str(tmp_path / 'starts')!r}, 'a').write('x')\n"
        "print('ready', flush=True)\n"
        "for line in sys.stdin:\n"
        "    for gold, answer in json.loads(line)[1]:\n"
        "        if answer == 'deadly':\n"
        "            os.kill(os.getpid(), 9)\n"
        "        print(1.0, flush=True)\n"
    )
    monkeypatch.setattr(math_grading.math_worker, "__file__", str(script))
    process = math_grading._Process()
    yield process
    process.stop()


def test_a_process_killed_from_outside_costs_nothing(fake: math_grading._Process) -> None:
    assert fake.compare([("x", "x")], 20) == [1]
    assert fake._running is not None
    os.kill(fake._running.pid, signal.SIGKILL)
    assert fake.compare([("x", "x"), ("x", "y")], 20) == [1, 1]


def test_an_answer_that_its_process_dies_of_is_tried_twice_and_scores_0(
    fake: math_grading._Process, tmp_path: Path
) -> None:
    """One start for the first pair, one more for the second, one for the last two."""
    assert fake.compare([("x", "x"), ("x", "deadly"), ("x", "x"), ("x", "x")], 20) == [1, 0, 1, 1]
    assert (tmp_path / "starts").read_text() == "xxx"


def test_an_interruption_leaves_no_answers_for_the_next_caller(
    fake: math_grading._Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*args: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(math_grading, "islice", interrupt)
        with pytest.raises(KeyboardInterrupt):
            fake.compare([("x", "x")] * 3, 20)
    assert fake._running is None
    assert fake.compare([("x", "x")], 20) == [1]


def test_a_worker_that_cannot_start_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "broken.py").write_text("raise SystemExit(3)\n")
    monkeypatch.setattr(math_grading.math_worker, "__file__", str(tmp_path / "broken.py"))
    with pytest.raises(MissingExtraError, match=r"a working math-verify.*teachgym\[math\]"):
        math_grading._Process().compare([("x", "x")], 20)


UNGUARDED = """
import multiprocessing, os
from teachgym.tasks import math_grading

def grade(answer):
    return math_grading.grade_answers(["x"], [answer], deadline=20)

context = multiprocessing.get_context("fork")
print(grade("x"))
child = context.Process(target=lambda: print(grade("y"), flush=True), daemon=True)
child.start()
child.join()
processes = math_grading._pool(os.getpid())._processes
print(*(p._running.pid for p in processes if p._running))
"""


def test_scripts_without_a_main_guard_forks_and_daemons_can_grade_and_leave_no_process(
    tmp_path: Path,
) -> None:
    script = tmp_path / "script.py"
    script.write_text(UNGUARDED)
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True)
    own, childs, pid = done.stdout.splitlines()
    assert (own, childs) == ("[1.0]", "[0.0]")
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid), 0)


def test_without_math_verify_the_error_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(math_grading, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"teachgym\[math\]"):
        require_math_verify()
