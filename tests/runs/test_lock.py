"""One process at a time works on a folder, and whoever comes second is told who does."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path
from threading import Thread

import pytest

from teachgym.errors import RunError
from teachgym.experiment import RunConfig, draw_curve, resume, run
from teachgym.runs import Journal, RunFolder
from teachgym.runs.export import export_dataset
from teachgym.runs.lock import LOCK, Holder, holding
from teachgym.types import Transition
from tests.runs.dying import Killed

SMALL = RunConfig(
    env_settings={
        "student": "simulated",
        "task_settings": {"val_per_cell": 1, "test_per_cell": 1, "train_per_cell": 1},
        "examples_per_step": 60,
        "budget": {"steps": 2},
    }
)
HOLD = (
    "import sys; from pathlib import Path; from teachgym.runs.lock import holding\n"
    "with holding(Path(sys.argv[1]), 'resume'):\n"
    "    print('held', flush=True); sys.stdin.read()\n"
)


def hold(folder: Path) -> subprocess.Popen[str]:
    """A process that holds a folder until its input ends."""
    command = [sys.executable, "-c", HOLD, str(folder)]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def end(process: subprocess.Popen[str], number: int) -> None:
    process.send_signal(number)
    process.communicate()


def test_who_comes_second_is_told_who_holds_the_folder_and_comes_in_after_a_kill(
    tmp_path: Path,
) -> None:
    process = hold(tmp_path)
    who = rf"is held by process {process.pid} on {socket.gethostname()} \(resume, since .* UTC\)"
    with pytest.raises(RunError, match=who), holding(tmp_path, "report"):
        pass
    process.send_signal(signal.SIGSTOP)
    with pytest.raises(RunError, match=who), holding(tmp_path, "report", reads=True):
        pass
    end(process, signal.SIGKILL)
    assert (tmp_path / LOCK).exists()
    with holding(tmp_path, "report"):
        assert json.loads((tmp_path / LOCK).read_text())["pid"] == os.getpid()
    assert not (tmp_path / LOCK).exists()


def test_threads_of_one_process_keep_each_other_out(tmp_path: Path) -> None:
    raised: list[str] = []

    def intrude() -> None:
        try:
            with holding(tmp_path, "run"):
                raise AssertionError
        except RunError as error:
            raised.append(str(error))

    with holding(tmp_path, "run"):
        thread = Thread(target=intrude)
        thread.start()
        thread.join()
    assert f"process {os.getpid()} " in raised[0]


def test_a_forked_process_does_not_keep_what_its_parent_held(tmp_path: Path) -> None:
    read, write = os.pipe()
    with holding(tmp_path, "run"):
        child = os.fork()
        if child == 0:
            os.close(write)
            os.read(read, 1)  # Lives on until it is told to end.
            os._exit(0)
    with holding(tmp_path, "resume"):
        pass
    os.write(write, b"x")
    assert os.waitpid(child, 0)[1] == 0


@pytest.mark.parametrize(
    ("changes", "refused"),
    [
        ({"host": "elsewhere"}, "on elsewhere .*cannot be seen from here.*delete .*lock"),
        ({"host": "elsewhere", "pid": os.getpid()}, "on elsewhere .*cannot be seen from here"),
        ({}, "is held by process"),
        ({"born": "another boot 1"}, ""),  # The number was given to another process since.
        ({"pid": 2**22 + 5}, ""),
    ],
)
def test_a_file_that_was_left_is_judged_by_its_process(
    tmp_path: Path, changes: dict[str, str | int], refused: str
) -> None:
    """As on a file system where the kernel's lock does not reach the other process."""
    process = hold(tmp_path / "..")
    holder = replace(Holder.here("run"), pid=process.pid, born="")
    left = replace(holder, **changes)  # type: ignore[arg-type]
    (tmp_path / LOCK).write_text(json.dumps(asdict(left)))
    if refused:
        with pytest.raises(RunError, match=refused), holding(tmp_path, "resume"):
            pass
    else:
        with holding(tmp_path, "resume"):
            pass
    assert (tmp_path / LOCK).exists() == bool(refused)
    end(process, signal.SIGKILL)


@pytest.mark.parametrize("content", [b"", b"{", b"7", b"[]", b"{}", b'{"pid": "x"}', b"\xff\0"])
def test_a_lock_file_that_says_nothing_keeps_nobody_out(tmp_path: Path, content: bytes) -> None:
    (tmp_path / LOCK).write_bytes(content)
    with holding(tmp_path, "resume"):
        pass
    assert not (tmp_path / LOCK).exists()


def test_run_resume_report_and_export_all_respect_the_lock(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    run(SMALL, folder)
    finished = RunFolder.open(folder)
    begun = tmp_path / "begun"

    def meet(step: int, transition: Transition) -> None:
        """Everyone is refused within a step of a run, and the run goes on unharmed."""
        with pytest.raises(RunError, match=r"held by process .* \(run, since"):
            resume(begun)
        raise Killed

    with pytest.raises(Killed):
        run(SMALL, begun, observers=[meet])
    process = hold(folder)
    for attempt in (
        lambda: draw_curve(folder),
        lambda: export_dataset(finished, tmp_path / "out"),
    ):
        with pytest.raises(RunError, match=f"held by process {process.pid} "):
            attempt()
    assert not (tmp_path / "out").exists()
    end(process, signal.SIGKILL)
    draw_curve(folder)
    export_dataset(finished, tmp_path / "out")
    resume(begun)
    assert not any(tmp_path.rglob(LOCK))


@pytest.mark.slow
def test_a_run_that_is_stopped_and_continued_overlaps_with_nobody(tmp_path: Path) -> None:
    """SIGSTOP, a refused resume, SIGCONT; then a kill during a resume, and a resume after it."""
    long = replace(SMALL, env_settings={**SMALL.env_settings, "budget": {"steps": 25}})
    (tmp_path / "run.json").write_text(json.dumps(asdict(long)))
    folder, commands = tmp_path / "run", "run(RunConfig.of(json.load(open(sys.argv[1]))), folder)"
    journal = folder / "journal.jsonl"
    for number, command in (
        (signal.SIGKILL, commands),
        (signal.SIGKILL, "resume(folder)"),
        (signal.SIGCONT, "resume(folder)"),
    ):
        before = journal.read_bytes().count(b"\n") if journal.exists() else 0
        process = start(command, tmp_path / "run.json", folder)
        while not (journal.exists() and journal.read_bytes().count(b"\n") > before + 2):
            assert process.poll() is None, "it goes on until it is told otherwise"
        process.send_signal(signal.SIGSTOP)
        with pytest.raises(RunError, match=f"is held by process {process.pid} "):
            resume(folder)
        process.send_signal(number)
        assert process.wait() == (0 if number == signal.SIGCONT else -number)
    expected = asdict(run(long, tmp_path / "whole"))
    result = asdict(resume(folder))
    for one in (expected, result):
        one["spent"]["seconds"] = 0
    assert result == expected
    stages = [line["stage"] for line in Journal(journal).lines]
    assert stages == ["started", *["step"] * 25, "exam", "finished"]


def start(command: str, config: Path, folder: Path) -> subprocess.Popen[bytes]:
    script = (
        "import json, sys; from pathlib import Path; from teachgym.experiment import *; "
        f"folder = Path(sys.argv[2]); {command}"
    )
    return subprocess.Popen([sys.executable, "-c", script, str(config), str(folder)])
