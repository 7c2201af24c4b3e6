"""Programs and their answers, the walls that are tried, and workers that are used again."""

from __future__ import annotations

import os
import re
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from teachgym.errors import ConfigError, UnknownNameError
from teachgym.sandbox import Answer, Job, Limits, Sandbox, open_sandbox
from teachgym.sandbox.sandbox import _opened
from teachgym.sandbox.syscalls import ADMITTED, CLONE, CLONE3, MACHINES, filter_for
from teachgym.sandbox.values import decode, encode
from tests.sandbox.walls import walls

__all__ = ["walls"]

HEADERS = {
    "x86_64": Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"),
    "aarch64": Path("/usr/include/asm-generic/unistd.h"),
}


def test_a_function_answers_each_call_with_plain_data(walls: Sandbox) -> None:
    source = "def add(a, b):\n    return a + b\n"
    job = Job(source, "add", ((1, 2), ("a", "b"), ([None], [True]), (1, "b")))
    (outcome,) = walls.run([job])
    values = [answer.value for answer in outcome.answers]
    assert values == [3, "ab", [None, True], None]
    assert outcome.fault.startswith("line 2: TypeError")
    assert outcome.provider == walls.provider


def test_a_script_reads_its_input_and_its_answer_is_what_it_prints(walls: Sandbox) -> None:
    source = "import sys\nfor line in sys.stdin:\n    print(int(line) ** 2)\n"
    assert walls.run([Job(source, stdin="3\n4\n")])[0].answers == (Answer("9\n16\n"),)
    # Straight to the stream, as programs for contests do; and an exit that says all is well.
    raw = "import os, sys\nos.write(1, sys.stdin.buffer.read()[::-1])\nsys.exit()"
    assert walls.run([Job(raw, stdin="abc")])[0].answers == (Answer("cba"),)


ENDINGS = {
    "a thread that nobody waits for": (
        "import threading, time\ndef main():\n    time.sleep(0.05)\n    print(7)\n"
        "threading.Thread(target=main).start()\n",
        "7\n",
    ),
    "deep recursion in a thread": (
        "import sys, threading\ndef depth(n):\n    return n and 1 + depth(n - 1)\n"
        "sys.setrecursionlimit(10**6)\nthreading.stack_size(2**26)\n"
        "threading.Thread(target=lambda: print(depth(2000))).start()\n",
        "2000\n",
    ),
    "a thread that would not end": (
        "import threading, time\nprint(1)\n"
        "threading.Thread(target=time.sleep, args=(99,), daemon=True).start()\n",
        "1\n",
    ),
    "exit handlers after threads": (
        "import atexit, threading, time\natexit.register(print, 3)\natexit.register(print, 2)\n"
        "threading.Thread(target=lambda: time.sleep(0.05) or print(1)).start()\n",
        "1\n2\n3\n",
    ),
    "an exit handler that fails": ("import atexit\natexit.register(int, 'x')\nprint(1)", "1\n"),
    "a stream of its own": (
        "import atexit, io, os, sys\nsys.stdout = io.StringIO()\n"
        "atexit.register(lambda: os.write(1, sys.stdout.getvalue().encode()))\nprint(4)\n",
        "4\n",
    ),
    "the first stream again": (
        "import io, sys\nsys.stdout = io.StringIO()\nprint(4)\n"
        "sys.__stdout__.write(sys.stdout.getvalue())\n",
        "4\n",
    ),
    "exit": ("print(1)\nexit()\nprint(2)\n", "1\n"),
    "quit": ("print(1)\nquit(0)\nprint(2)\n", "1\n"),
}


@pytest.mark.parametrize("name", ENDINGS)
def test_a_script_ends_as_in_python(walls: Sandbox, name: str) -> None:
    source, printed = ENDINGS[name]
    assert walls.run([Job(source)])[0].answers == (Answer(printed),)


def test_modules_that_do_no_harm_can_be_imported(walls: Sandbox) -> None:
    source = (
        "import argparse, contextvars, fileinput, graphlib, logging, pathlib, pickle, sched\n"
        "from concurrent.futures import ThreadPoolExecutor\n"
        "with ThreadPoolExecutor(2) as pool:\n"
        "    print(*pool.map(abs, [-1, 2]), pathlib.PurePath('a', 'b'), pickle.loads(b'I3\\n.'))\n"
    )
    assert walls.run([Job(source)])[0].answers == (Answer("1 2 a/b 3\n"),)


def test_an_entry_is_an_expression(walls: Sandbox) -> None:
    source = "class Solution:\n    def twice(self, x): return 2 * x\n"
    assert walls.run([Job(source, "Solution().twice", ((4,),))])[0].answers[0].value == 8


@pytest.mark.parametrize("source", ["def f(:", "x = 1", "raise ValueError('no')"])
def test_a_program_that_does_not_get_as_far_answers_no_call(walls: Sandbox, source: str) -> None:
    (outcome,) = walls.run([Job(source, "f", ((1,), (2,)))])
    assert len(outcome.answers) == 2
    assert all(answer.fault and answer.value is None for answer in outcome.answers)


def test_classes_of_the_library_work_in_a_program(walls: Sandbox) -> None:
    source = (
        "from __future__ import annotations\nfrom dataclasses import dataclass\n"
        "from collections import Counter\nimport random, threading\n"
        "@dataclass\nclass Point:\n    x: int\n"
        "def f(n):\n    got = []\n"
        "    t = threading.Thread(target=lambda: got.append(Point(n).x)); t.start(); t.join()\n"
        "    return got, Counter('aab'), random.random()\n"
    )
    one, two = walls.run([Job(source, "f", ((5,),))] * 2)
    assert one.answers[0].value[:2] == ([5], {"a": 2, "b": 1})
    assert one == two  # The generator of ``random`` starts from the same state.


def test_many_programs_from_many_threads_each_get_their_own_answer(walls: Sandbox) -> None:
    jobs = [Job(f"f = lambda x: {n} * x", "f", ((2,),)) for n in range(40)]
    with ThreadPoolExecutor(4) as threads:
        batches = list(threads.map(walls.run, [jobs] * 4))
    for outcomes in batches:
        assert [outcome.answers[0].value for outcome in outcomes] == [2 * n for n in range(40)]


def test_a_worker_that_is_lost_is_replaced(walls: Sandbox) -> None:
    # More than a pipe holds, which a program that is late from the start does not read.
    late = Job("#" * 10**6 + "\nwhile True: pass", limits=Limits(seconds=0.0001))
    assert walls.run([late])[0].fault
    assert walls.run([Job("print(1)")])[0].answers == (Answer("1\n"),)


def test_a_fork_of_this_process_gets_workers_of_its_own(walls: Sandbox) -> None:
    named = walls.provider.split()[0]
    child = os.fork()
    if child == 0:
        said = open_sandbox(named).run([Job("print(7)")])[0].answers == (Answer("7\n"),)
        os._exit(0 if said else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert walls.run([Job("print(8)")])[0].answers == (Answer("8\n"),)


# -- providers ---------------------------------------------------------------------------------


def test_a_command_without_walls_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"command env does not hold: files of the user can be"):
        open_sandbox(["env"])


@pytest.mark.parametrize("words", [["no-such-program"], []])
def test_a_command_that_is_not_there_is_named(words: list[str]) -> None:
    with pytest.raises(ConfigError, match="there is no such program"):
        open_sandbox(words)


def test_a_command_that_says_something_else_is_no_provider() -> None:
    with pytest.raises(ConfigError, match=r"does not start: .*hello"):
        open_sandbox(["sh", "-c", "echo hello >&2"])


def test_without_a_provider_no_program_is_run_and_what_helps_is_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("teachgym.sandbox.sandbox.providers", lambda named: [])
    with pytest.raises(ConfigError, match=r"no sandbox to run programs in .*apt install"):
        open_sandbox("nobody")


def test_an_unknown_provider_is_named() -> None:
    with pytest.raises(UnknownNameError, match="unknown sandbox 'jail'"):
        open_sandbox("jail")


# -- values ------------------------------------------------------------------------------------

_keys = st.none() | st.booleans() | st.integers() | st.text() | st.binary()
_plain = st.recursive(
    _keys | st.floats(allow_nan=False),
    lambda inner: (
        st.lists(inner)
        | st.lists(inner).map(tuple)
        | st.sets(_keys)
        | st.frozensets(_keys)
        | st.dictionaries(_keys, inner)
    ),
    max_leaves=20,
)


@settings(max_examples=50)
@given(_plain)
def test_values_come_back_as_they_were(value: Any) -> None:
    assert repr(decode(encode(value))) == repr(value) or decode(encode(value)) == value


@pytest.mark.parametrize("found", [{"set": 1}, {"object": []}, {}, {"set": [[]]}, {"bytes": "x"}])
def test_what_is_no_value_is_refused(found: Any) -> None:
    with pytest.raises((ValueError, TypeError)):
        decode(found)


# -- the filter --------------------------------------------------------------------------------


@pytest.mark.parametrize("machine", MACHINES)
def test_the_numbers_of_system_calls_are_those_of_the_kernel(machine: str) -> None:
    if not HEADERS[machine].exists():
        pytest.skip(f"{HEADERS[machine]} is not here; it comes with linux-libc-dev")
    text = HEADERS[machine].read_text()
    known = {n: int(v) for n, v in re.findall(r"#define __NR_?(\w+)\s+(\d+)", text)}
    known |= {n: int(v) for n, v in re.findall(r"#define __NR3264_(\w+)\s+(\d+)", text)}
    column = list(MACHINES).index(machine)
    wanted = {**ADMITTED, "clone": CLONE, "clone3": CLONE3}
    for name, numbers in wanted.items():
        own = "fstatat" if name == "newfstatat" and machine == "aarch64" else name
        assert known[own] == numbers[column], name


@pytest.mark.parametrize("machine", MACHINES)
def test_a_filter_is_whole_instructions_and_ends_with_a_refusal(machine: str) -> None:
    rules = filter_for(machine)
    assert len(rules) % 8 == 0
    assert rules[-8:] == bytes([6, 0, 0, 0, 1, 0, 5, 0])  # return, errno 1 (EPERM)


def test_without_any_provider_it_is_said_how_to_get_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in an environment with neither the extra nor bubblewrap: not even a version is known."""

    def no_such_package(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr("teachgym.sandbox.providers.version", no_such_package)
    monkeypatch.setattr("teachgym.errors.find_spec", lambda name: None)
    monkeypatch.setattr("teachgym.sandbox.providers.shutil.which", lambda name: None)
    with pytest.raises(ConfigError, match=r"sandlock is not installed.*bwrap.*teachgym\[code\]"):
        _opened.__wrapped__("auto", os.getpid())
