"""Jobs done side by side are what they are alone, down to the files; and one loses no other."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from teachgym import experiment
from teachgym.benchmarks.bench.jobs import (
    Group,
    Job,
    Outcome,
    attempt,
    do,
    do_group,
    group_jobs,
    is_done,
)
from teachgym.benchmarks.bench.suites import Arm, Suite
from teachgym.envs.batching import BatchedTrainer
from teachgym.errors import ConfigError, TeachgymError
from teachgym.training.fine_tuning import FineTuner
from teachgym.training.simulated import SimulatedTrainer
from teachgym.types import Data, TrainResult

TREE = "teachgym/SkillTree-v0"
SUITE = Suite(
    "several",
    1,
    "for tests",
    (
        Arm("uniform", "uniform", control=True),
        Arm("alp", "alp"),
        Arm("no-data", "nothing"),
        Arm("tree", "alternating", env=TREE),
    ),
    env_settings={
        "student": "simulated",
        "task_settings": {"val_per_cell": 1, "test_per_cell": 1, "train_per_cell": 1},
        "examples_per_step": 40,
        "budget": {"steps": 2, "examples": 60},
    },
    seeds=2,
)


def jobs_of(suite: Suite, folder: Path) -> Group:
    return tuple(Job(cell.config.to_json(), str(folder / cell.path)) for cell in suite.cells())


def without_clocks(value: Any) -> Any:
    """A JSON value without what differs between equal runs: time, random id, digests of both."""
    if isinstance(value, dict):
        digests = ("files", "previous", "digest")
        vary = ("seconds", "spent/seconds", "id", "together", "time", *digests)
        return {key: without_clocks(v) for key, v in value.items() if key not in vary}
    return [without_clocks(v) for v in value] if isinstance(value, list) else value


def contents(job: Job) -> dict[str, Any]:
    """Every file of a run but its binary ones, by its path within the folder."""
    folder = Path(job.folder)
    paths = sorted(p for p in folder.rglob("*") if p.suffix in (".json", ".jsonl"))
    return {str(p.relative_to(folder)): without_clocks(read(p)) for p in paths}


def read(path: Path) -> Any:
    text = path.read_text()
    return json.loads(text) if path.suffix == ".json" else [*map(json.loads, text.splitlines())]


def assert_same(got: Sequence[Job], wanted: Sequence[Job]) -> None:
    for one, other in zip(got, wanted, strict=True):
        assert is_done(one)
        assert contents(one) == contents(other)


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Group:
    """The suite's jobs, done one by one."""
    return tuple(do(job) for job in jobs_of(SUITE, tmp_path_factory.mktemp("alone")))


# -- what is done ------------------------------------------------------------------------------


def test_jobs_side_by_side_leave_the_files_they_leave_alone(tmp_path: Path, alone: Group) -> None:
    """Four teachers with two seeds, one of them in another environment, are a group of eight."""
    jobs = jobs_of(SUITE, tmp_path)
    groups = group_jobs(jobs, 8)
    for group in groups:
        do_group(group)
    assert_same(jobs, alone)
    assert [[read_together(job) for job in group] for group in groups] == [[8] * 8]
    assert [read_together(job) for job in alone] == [None] * 8


def read_together(job: Job) -> Any:
    return read(Path(job.folder) / "config.json").get("together")


MIXED = Suite(
    "mixed",
    1,
    "for tests: one student, and of each seed another task",
    (
        Arm("uniform", "uniform", env_settings={"engine": "pool"}),
        Arm("tree", "alternating", env=TREE),
    ),
    env_settings={
        "student": "tiny",
        "task_settings": {"val_per_cell": 1, "test_per_cell": 1, "train_per_cell": 1},
        "examples_per_step": 8,
        "limit": 40,
        "budget": {"steps": 1, "examples": 8},
    },
    seeds=2,
    seeded=("task_settings.seed",),
)


def test_students_of_different_tasks_are_trained_at_once_and_learn_what_they_learn_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To the digit: two arms with two tasks, four students in one step."""
    alone = [do(job) for job in jobs_of(MIXED, tmp_path / "alone")]
    sizes: list[int] = []
    train_together = FineTuner.train_together

    def count(trainer: FineTuner, students: Sequence[Any], *rest: Any) -> list[TrainResult]:
        sizes.append(len(students))
        return train_together(trainer, students, *rest)

    monkeypatch.setattr(FineTuner, "train_together", count)
    jobs = jobs_of(MIXED, tmp_path / "together")
    [group] = group_jobs(jobs, 4)
    assert [outcome.error for outcome in do_group(group)] == [""] * 4
    assert sizes == [4]
    assert_same(jobs, alone)


def test_students_side_by_side_are_trained_at_once(
    tmp_path: Path, alone: Group, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Six of the eight, in each of two steps: the teacher ``nothing`` has nothing to train on."""
    sizes: list[int] = []

    def train_together(
        self: SimulatedTrainer, students: Sequence[Any], data: Sequence[Data], rngs: Sequence[Any]
    ) -> list[TrainResult]:
        sizes.append(len(students))
        return [self.train(*each) for each in zip(students, data, rngs, strict=True)]

    monkeypatch.setattr(SimulatedTrainer, "batchable", True)
    monkeypatch.setattr(SimulatedTrainer, "train_together", train_together, raising=False)
    jobs = jobs_of(SUITE, tmp_path)
    do_group(jobs)
    assert sizes == [6, 6]
    assert_same(jobs, alone)


@pytest.mark.sweep(1)
@pytest.mark.parametrize("size", [1, 4])
def test_jobs_begun_side_by_side_go_on_in_any_company(
    tmp_path: Path, alone: Group, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    """Who trains is stopped in the second step, and then finished ``size`` at a time."""

    class Stopped(BaseException):
        pass

    jobs = jobs_of(SUITE, tmp_path)
    counts: dict[int, int] = {}

    def stop_in_the_second(seat: BatchedTrainer, student: Any, data: Data, rng: Any) -> TrainResult:
        counts[seat.row] = counts.get(seat.row, 0) + 1
        if counts[seat.row] == 2:
            raise Stopped
        return seat.trainer.train(student, data, rng)

    with monkeypatch.context() as patch:
        patch.setattr(BatchedTrainer, "train", stop_in_the_second)
        with pytest.raises(Stopped):
            do_group(jobs)
    assert {Path(job.folder).parent.name for job in jobs if is_done(job)} == {"no-data"}
    for start in range(0, len(jobs), size):
        do_group(jobs[start : start + size])
    assert_same(jobs, alone)


def test_a_job_that_fails_loses_no_other(
    tmp_path: Path, alone: Group, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second of eight has a folder of other settings; the fifth breaks in its training."""
    train = BatchedTrainer.train

    def fail_in_the_fifth(seat: BatchedTrainer, *arguments: Any) -> TrainResult:
        if seat.row == 4:
            raise ZeroDivisionError("broken")
        return train(seat, *arguments)

    jobs = jobs_of(SUITE, tmp_path)
    do(Job(jobs[0].config, jobs[1].folder))
    (Path(jobs[1].folder) / "journal.jsonl").write_text("")
    with monkeypatch.context() as patch:
        patch.setattr(BatchedTrainer, "train", fail_in_the_fifth)
        outcomes = do_group(jobs)
    assert [outcome.folder for outcome in outcomes] == [job.folder for job in jobs]
    failed = {place: outcome for place, outcome in enumerate(outcomes) if outcome.error}
    assert sorted(failed) == [1, 4]
    assert "alp/seed_00 holds a run with " in failed[1].error
    assert (failed[1].trace, failed[4].error) == ("", "ZeroDivisionError: broken")
    assert "in fail_in_the_fifth" in failed[4].trace
    assert [place for place, job in enumerate(jobs) if not is_done(job)] == [1, 4]
    do_group(jobs[2:])
    assert_same([jobs[0], *jobs[2:]], [alone[0], *alone[2:]])


def test_an_error_without_words_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: Any, **settings: Any) -> None:
        raise TeachgymError

    monkeypatch.setattr(experiment, "run", fail)
    assert attempt(jobs_of(SUITE, tmp_path)[0]).error == "TeachgymError"


def test_what_is_finished_in_a_group_is_not_done_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = jobs_of(SUITE.narrowed(("uniform",)), tmp_path)
    done = do_group(jobs)
    assert done == [Outcome(job.folder) for job in jobs]
    monkeypatch.setattr(experiment, "assemble", None)  # Whoever begins would call it.
    assert do_group(jobs) == done


# -- who is in a group -------------------------------------------------------------------------


def plain(name: str, *, env: str = "teachgym/SkillList-v0", **settings: Any) -> Job:
    return Job({"env": env, "env_settings": settings}, name)


def names(groups: Sequence[Group]) -> list[str]:
    return ["".join(job.folder for job in group) for group in groups]


def test_groups_of_language_models_have_one_student_and_one_trainer() -> None:
    """All but c, with its own trainer, and h, with its own student; f is in another environment.

    Even groups of at most four out of six are three and three.
    """
    jobs = [
        plain("a"),
        plain("b", task="other", engine="pool"),
        plain("c", trainer_settings={"epochs": 2}),
        plain("d", task_settings={"seed": 1}),
        plain("e", student="tiny", trainer="auto"),
        plain("f", env=TREE),
        plain("g"),
        plain("h", student_settings={"base": 1}),
    ]
    assert names(group_jobs(jobs, 8)) == ["abdefg", "c", "h"]
    assert names(group_jobs(jobs, 4)) == ["abd", "c", "efg", "h"]
    assert names(group_jobs(jobs, 1)) == list("abcdefgh")


def test_groups_of_learners_that_hang_on_the_task_have_one_task() -> None:
    """b, d and g have other tasks than a and c; a teacher's model, in e and f, may ask for it."""
    jobs = [
        plain("a", student="simulated"),
        plain("b", student="simulated", task="other"),
        plain("c", student="simulated", engine="pool"),
        plain("d", student="simulated", task_settings={"seed": 1}),
        plain("e", teacher_model="tiny"),
        plain("f", teacher_model="tiny", task="other"),
        plain("g", student="simulated", stress={"rugged": True}),
        plain("h", trainer="on-policy"),
        plain("i", trainer="on-policy", task="other"),
    ]
    assert names(group_jobs(jobs, 8)) == ["ac", "b", "d", "e", "f", "g", "h", "i"]


def test_who_counts_seconds_or_is_nobody_known_is_alone() -> None:
    jobs = [
        *(plain(name, budget={"seconds": 60}) for name in "ab"),
        *(plain(name, env="Somebody/Elses-v0") for name in "cd"),
    ]
    assert names(group_jobs(jobs, 8)) == ["a", "b", "c", "d"]


@given(st.integers(0, 40), st.integers(1, 12))
def test_groups_are_as_few_and_as_even_as_can_be(n: int, together: int) -> None:
    """The fewest groups of at most ``together`` are n / together, rounded up."""
    jobs = [plain(f"{place:02d}") for place in range(n)]
    groups = group_jobs(jobs, together)
    sizes = [len(group) for group in groups]
    assert [job for group in groups for job in group] == jobs
    assert len(groups) == -(-n // together)
    assert not sizes or max(sizes) - min(sizes) <= 1


def test_a_group_has_at_least_one_job() -> None:
    with pytest.raises(ConfigError, match="together is 0; it must be 1 or more"):
        group_jobs([], 0)
