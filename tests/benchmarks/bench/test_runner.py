"""The runner: nothing is done twice, nothing is lost, and how it is run changes nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from multiprocessing import active_children
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest

from teachgym.benchmarks.bench.jobs import Job, Outcome, attempt, do
from teachgym.benchmarks.bench.leaderboard import leaderboard_rows, stand
from teachgym.benchmarks.bench.outcomes import outcomes_of
from teachgym.benchmarks.bench.runner import (
    RETRIES,
    Processes,
    prepare,
    read_results,
    read_suite,
    run_suite,
    status,
)
from teachgym.benchmarks.bench.suites import Arm, Suite
from teachgym.errors import ConfigError, RunError
from teachgym.runs.lock import holding
from tests.benchmarks.bench.dying_worker import dawdle, die_of_weak, die_once
from tests.benchmarks.bench.small_bench import IN_TURN, SMALL, SUITE, run_all, scores


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bench as this process runs it, one cell after another."""
    folder = tmp_path_factory.mktemp("here")
    assert sorted(run_all(SUITE, folder)) == [
        "uniform/seed_00",
        "uniform/seed_01",
        "weak/seed_00",
        "weak/seed_01",
    ]
    return folder


def test_every_cell_is_run_once_and_then_read(here: Path) -> None:
    assert run_all(SUITE, here) == []
    assert len(scores(SUITE, here)) == 4


def test_more_seeds_only_run_what_is_new(here: Path, tmp_path: Path) -> None:
    copytree(here, tmp_path, dirs_exist_ok=True)
    assert run_all(SUITE.narrowed(("weak",), 3), tmp_path) == ["uniform/seed_02", "weak/seed_02"]


def test_a_bench_that_has_to_wait_leaves_the_record_of_the_running_one(tmp_path: Path) -> None:
    prepare(SUITE, tmp_path)
    before = (tmp_path / "suite.json").read_bytes()
    with holding(tmp_path, "bench"), pytest.raises(RunError, match="is held by process"):
        run_suite(SUITE.narrowed(seeds=9), tmp_path, IN_TURN)
    assert (tmp_path / "suite.json").read_bytes() == before


@pytest.mark.sweep(1)
@pytest.mark.parametrize("together", [1, 3])
def test_processes_give_what_this_process_gives(here: Path, tmp_path: Path, together: int) -> None:
    done = run_all(SUITE, tmp_path / "there", Processes(2, together=together))
    assert sorted(done) == sorted(cell.path for cell in SUITE.cells())
    assert scores(SUITE, here) == scores(SUITE, tmp_path / "there")


def test_a_cell_that_was_interrupted_is_resumed(here: Path, tmp_path: Path) -> None:
    class Stopped(BaseException):
        pass

    def stop_in_the_second(jobs: Sequence[Job]) -> Iterator[Outcome]:
        yield attempt(jobs[0])
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("teachgym.experiment._finish", _raise(Stopped))
            yield attempt(jobs[1])

    with pytest.raises(Stopped):
        run_all(SUITE, tmp_path / "stopped", stop_in_the_second)
    states = [status(cell, tmp_path / "stopped") for cell in SUITE.cells()]
    assert states == ["finished", "begun", "missing", "missing"]
    run_all(SUITE, tmp_path / "stopped")
    assert scores(SUITE, tmp_path / "stopped") == scores(SUITE, here)


def _raise(error: type[BaseException]) -> Any:
    def finish(*_: Any) -> None:
        raise error

    return finish


def test_the_cells_of_a_worker_that_dies_are_done_by_another(tmp_path: Path) -> None:
    suite = SUITE.narrowed(("weak",), 1)
    done = run_all(suite, tmp_path, Processes(1, together=2, task=die_once))
    assert sorted(done) == ["uniform/seed_00", "weak/seed_00"]


@pytest.mark.slow
def test_a_cell_that_kills_every_worker_is_given_up_and_the_others_are_done(tmp_path: Path) -> None:
    """It has one worker at first and one each time it is tried again, and costs no other a try."""
    suite = SUITE.narrowed(seeds=1)
    with pytest.raises(RunError, match=r"^1 of 2 runs failed; first .*weak/seed_00: its worker di"):
        run_all(suite, tmp_path, Processes(2, task=die_of_weak))
    states = {cell.path: status(cell, tmp_path) for cell in suite.cells()}
    assert states == {"uniform/seed_00": "finished", "weak/seed_00": "missing"}
    assert len(list((tmp_path / "weak").glob("*.mark"))) == 1 + RETRIES


def test_who_stops_waiting_leaves_no_process_behind(tmp_path: Path) -> None:
    """The two cells of seed 0 are done; those of seed 1, of which one is begun, never would be."""
    cells = run_suite(SUITE, tmp_path, Processes(2, task=dawdle))
    assert {next(cells).seed, next(cells).seed} == {0}
    cells.close()  # type: ignore[attr-defined]
    assert active_children() == []


@pytest.mark.parametrize("execute", [IN_TURN, Processes(1, together=4)])
def test_a_cell_that_fails_does_not_keep_the_others_from_running(
    tmp_path: Path, execute: Any
) -> None:
    """Who finds something in the folder of a new run refuses it; so do both cells of seed 0."""
    for arm in ("uniform", "weak"):
        (tmp_path / arm / "seed_00" / "something").mkdir(parents=True)
    with pytest.raises(RunError, match=r"^2 of 4 runs failed; first .*uniform/seed_00: ") as caught:
        run_all(SUITE, tmp_path, execute)
    assert not hasattr(caught.value, "__notes__")  # The message says all.
    assert {seed for _, seed in read_results(SUITE, tmp_path)} == {1}
    table = leaderboard_rows(SUITE, stand(SUITE, outcomes_of(read_results(SUITE, tmp_path))))
    assert [row[1] for row in table[1:]] == ["1 of 2", "1 of 2"]


def test_of_an_error_that_nobody_foresaw_the_notes_say_where(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("teachgym.experiment._finish", _raise(ZeroDivisionError))
    with pytest.raises(RunError, match=r"^4 of 4 runs failed; .*: ZeroDivisionError: ") as caught:
        run_all(SUITE, tmp_path)
    assert "in finish\n    raise error" in caught.value.__notes__[0]


def test_settings_that_cannot_be_run_are_refused_before_anything_is_written(tmp_path: Path) -> None:
    arms = (*SUITE.arms, Arm("odd", "weakest", env_settings={"stress": {"wrong_label": 0.5}}))
    with pytest.raises(ConfigError, match="Did you mean 'wrong_labels'"):
        run_suite(replace(SUITE, arms=arms), tmp_path / "bench", IN_TURN)
    assert not (tmp_path / "bench").exists()


def test_there_is_a_process_at_least() -> None:
    with pytest.raises(ConfigError, match="workers is 0; it must be 1 or more"):
        Processes(0)


def test_a_folder_is_of_one_suite_and_a_cell_of_one_configuration(
    here: Path, tmp_path: Path
) -> None:
    copytree(here, tmp_path, dirs_exist_ok=True)
    other = Suite("other", 1, "", SUITE.arms, env_settings=SMALL)
    with pytest.raises(RunError, match="holds suite small version 1, not other version 1"):
        run_all(other, tmp_path)
    changed = json.loads((tmp_path / "weak/seed_00/config.json").read_text())
    assert changed["config"]["teacher_settings"] == {"power": 2.0}
    job = Job(SUITE.cells()[0].config.to_json(), str(tmp_path / "weak/seed_00"))
    with pytest.raises(
        RunError, match=r'holds a run with teacher = "weakest", wanted is "uniform"'
    ):
        do(job)


def test_finished_runs_of_another_student_are_not_taken_for_those_wanted(
    here: Path, tmp_path: Path
) -> None:
    copytree(here, tmp_path, dirs_exist_ok=True)
    noted = (tmp_path / "suite.json").read_text()
    other = SUITE.changed({"task_settings": {"val_per_cell": 3}})
    for refused in (lambda: run_all(other, tmp_path), lambda: read_results(other, tmp_path)):
        with pytest.raises(
            RunError,
            match=r"settings.val_per_cell = 1, wanted is 3; give another",
        ):
            refused()
    assert (tmp_path / "suite.json").read_text() == noted
    assert len(read_results(SUITE, tmp_path)) == 4


def test_arms_that_were_run_before_stay_in_the_report(here: Path, tmp_path: Path) -> None:
    copytree(here, tmp_path, dirs_exist_ok=True)
    run_all(SUITE.narrowed(("weak",), 1), tmp_path)
    noted = read_suite(tmp_path)
    assert (noted.arms, noted.seeds) == (SUITE.arms, SUITE.seeds)


def test_other_seeds_are_other_runs_and_those_between_are_not_missing(tmp_path: Path) -> None:
    run_all(SUITE, tmp_path)
    later = SUITE.narrowed(seeds=1, first_seed=3)
    assert run_all(later, tmp_path) == ["uniform/seed_03", "weak/seed_03"]
    noted = read_suite(tmp_path)
    assert noted.all_seeds == (0, 1, 3)
    assert [line.wanted for line in stand(noted, outcomes_of(read_results(noted, tmp_path)))] == [
        3,
        3,
    ]
    assert {seed for _, seed in read_results(later, tmp_path)} == {3}
    (run,) = (cell for cell in later.cells() if cell.arm.name == "weak")
    assert (run.drawn, run.config.seed) == (3, 3)
    assert run.digest == SUITE.cells()[1].digest


POLICY = """
from pathlib import Path


class Policy:
    name = "policy"

    def __init__(self, env, *, path: str):
        self.action = env.action_space.low + float(Path(path).read_text())

    def reset(self, seed): ...
    def observe(self, transition): ...
    def act(self, observation):
        return self.action
"""


def test_finished_runs_of_a_policy_that_has_changed_are_no_runs_of_the_present_one(
    tmp_path: Path,
) -> None:
    """A policy would be averaged with what it was; other code may do the same."""
    code, weights, bench = tmp_path / "policy.py", tmp_path / "weights.txt", tmp_path / "bench"
    code.write_text(POLICY)
    weights.write_text("0.01")
    arms = (SUITE.arms[0], Arm("policy", f"{code}:Policy", {"path": str(weights)}))
    suite = Suite("mine", 1, "", arms, env_settings=SMALL, seeds=1)
    assert run_all(suite, bench) == ["uniform/seed_00", "policy/seed_00"]
    assert run_all(suite, bench) == []
    noted = (bench / "suite.json").read_text()
    weights.write_text("0.02")
    with pytest.raises(
        RunError, match=r"finished runs \(1, first .*policy/seed_00\).*weights.txt"
    ) as told:
        run_all(suite.narrowed(seeds=2), bench)
    assert f"delete {bench / 'policy'}, or give another folder" in str(told.value)
    assert (bench / "suite.json").read_text() == noted
    assert len(read_results(suite, bench)) == 2  # They can be read all the same,
    assert run_all(suite.narrowed(("uniform",)), bench) == []  # and other arms go on.
    weights.write_text("0.01")
    code.write_text(POLICY + "# the same\n")
    with pytest.warns(UserWarning, match=r"policy/seed_00.*code: .*delete .*policy"):
        assert run_all(suite, bench) == []
