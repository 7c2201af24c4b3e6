"""Whatever moment a process dies at, the resumed episode is that of one that did not."""

from __future__ import annotations

import json
import math
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from teachgym.errors import RunError
from teachgym.loop import run_episode
from teachgym.records import by_step, read_examples
from teachgym.runs import Journal, RunFolder, record_episode, record_steps
from teachgym.runs.checkpoints import steps_of_predictions
from teachgym.runs.journal import to_jsonable
from teachgym.runs.taught import read_taught
from teachgym.testing import RecordingTrainer
from teachgym.types import Data, Episode, TrainResult, Transition
from tests.runs.dying import Death, Killed, contents, stop_clocks, toy_tree

SEED = 3


@pytest.fixture(autouse=True)
def _clocks_stand_still(monkeypatch: pytest.MonkeyPatch) -> None:
    stop_clocks(monkeypatch)


def record(run: RunFolder) -> Episode:
    env, teacher = toy_tree()
    return record_episode(env, teacher, run, seed=SEED)


def as_json(episode: Episode) -> list[Any]:
    env, _ = toy_tree()
    return [
        [
            to_jsonable(env.observation_space, t.observation),
            to_jsonable(env.action_space, t.action),
            t.reward,
            to_jsonable(env.observation_space, t.next_observation),
            t.terminated,
            t.truncated,
            t.info["metrics"],
            t.info["cost"],
            t.info["stop_reason"],
        ]
        for t in episode.transitions
    ]


def test_recording_changes_nothing_about_the_episode(tmp_path: Path) -> None:
    env, teacher = toy_tree()
    plain = run_episode(env, teacher, seed=SEED)
    recorded = record(RunFolder.create(tmp_path / "run", {}))
    assert as_json(recorded) == as_json(plain)
    assert recorded.return_ != 0
    assert any(t.info["rejected"] for t in recorded.transitions)


@pytest.mark.slow
def test_a_kill_at_any_moment_leaves_no_trace_after_resuming(tmp_path: Path) -> None:
    """Every moment is tried: each write (torn, and whole), rename, deletion and training."""
    whole = RunFolder.create(tmp_path / "whole", {})
    counting = Death()
    with counting.around():
        expected = as_json(record(whole))
    files = contents(whole.path)
    assert counting.moments > 60
    for at in range(1, counting.moments + 1):
        run = RunFolder.create(tmp_path / f"killed-{at}", {})
        with Death(at).around(), pytest.raises(Killed):
            record(run)
        assert as_json(record(run)) == expected, at
        assert contents(run.path) == files, at


def test_a_run_that_is_killed_again_and_again_gets_there(tmp_path: Path) -> None:
    whole = RunFolder.create(tmp_path / "whole", {})
    expected = as_json(record(whole))
    run = RunFolder.create(tmp_path / "run", {})
    deaths, episode = 0, None
    while episode is None:
        try:
            with Death(at=30).around():
                episode = record(run)
        except Killed:
            deaths += 1
            assert deaths < 10
    assert deaths >= 2
    assert as_json(episode) == expected
    assert contents(run.path) == contents(whole.path)


def die_after(steps: int, run: RunFolder) -> None:
    """Record so many steps and no more."""

    def die(step: int, transition: Transition) -> None:
        if step == steps:
            raise Killed

    env, teacher = toy_tree()
    with pytest.raises(Killed):
        record_episode(env, teacher, run, seed=SEED, observers=[die])


def test_observers_see_recorded_steps_too(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path / "run", {})
    die_after(2, run)
    seen: list[int] = []
    env, teacher = toy_tree()
    record_episode(env, teacher, run, seed=SEED, observers=[lambda step, _: seen.append(step)])
    assert seen == [1, 2, 3]


def test_an_ended_episode_is_not_continued(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path / "run", {})
    expected = as_json(record(run))
    before = contents(run.path)
    assert as_json(record(run)) == expected
    assert contents(run.path) == before


def test_another_teacher_cannot_resume_the_run(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path / "run", {})
    record(run)
    env, teacher = toy_tree()
    with pytest.raises(RunError, match="does not repeat its action of step 1"):
        record_episode(env, _Impostor(teacher), run, seed=SEED)


def test_another_student_cannot_resume_the_run(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path / "run", {})
    record(run)
    env, teacher = toy_tree()
    env.unwrapped.student._taught[:] = 50  # type: ignore[attr-defined]
    env.unwrapped.untrained = env.unwrapped.student.save()  # type: ignore[attr-defined]
    with pytest.raises(RunError, match="not the one this run started with"):
        record_episode(env, teacher, run, seed=SEED)


def test_a_lost_checkpoint_is_named(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path / "run", {})
    record(run)
    (run.checkpoints / "state_003.json").unlink()
    with pytest.raises(RunError, match=r"state_003\.json is missing"):
        record(run)


def test_lost_training_data_is_named(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path / "run", {})
    record(run)
    run.examples.write_bytes(b"")
    with pytest.raises(RunError, match=r"examples\.jsonl has 0 bytes and lacks"):
        record(run)


def test_the_data_is_written_down_with_its_rounds_and_the_reasons_against_it(
    tmp_path: Path,
) -> None:
    run = RunFolder.create(tmp_path / "run", {})
    episode = record(run)
    infos = [t.info for t in episode.transitions]
    assert by_step(read_examples(run.examples)) == tuple(i["data"] for i in infos if i["data"])
    rejected = [json.loads(line) for line in run.rejected.read_text().splitlines()]
    assert [(r["step"], r["reason"], r["example"]["prompt"]) for r in rejected] == [
        (step, verdict.reason, verdict.example.prompt)
        for step, info in enumerate(infos, 1)
        for verdict in info["rejected"]
    ]


def test_every_example_is_written_down_with_its_loss(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The trainer says 0.5, nan, 2.5, ... of the examples of each step."""
    train = RecordingTrainer.train

    def tell(trainer: Any, student: Any, data: Data, rng: np.random.Generator) -> TrainResult:
        losses = tuple(math.nan if i == 1 else i + 0.5 for i in range(len(data)))
        return replace(train(trainer, student, data, rng), losses=losses)

    monkeypatch.setattr(RecordingTrainer, "train", tell)
    run = RunFolder.create(tmp_path / "run", {})
    episode = record(run)
    told = [
        None if i == 1 else i + 0.5 for t in episode.transitions for i in range(len(t.info["data"]))
    ]
    assert [loss for _, loss in read_taught(run)] == told
    assert tuple(example for example, _ in read_taught(run)) == read_examples(run.examples)
    again = record(run)
    assert [t.info["losses"] for t in again.transitions] == [
        t.info["losses"] for t in episode.transitions
    ]


def test_a_run_from_before_losses_and_digests_is_read_but_not_resumed(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path / "run", {})
    die_after(2, run)
    lines = [json.loads(line) for line in run.journal.read_text().splitlines()]
    for line in lines:
        for key in ("losses", "previous", "digest", "files"):
            line.pop(key, None)
    run.journal.write_text("".join(json.dumps(line) + "\n" for line in lines))
    examples = read_examples(run.examples)
    assert len(examples) > 0
    assert read_taught(run) == tuple((example, None) for example in examples)
    with pytest.raises(RunError, match="begun before journals had digests"):
        record(run)


def test_losses_without_their_examples_are_an_error(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path / "run", {})
    record(run)
    n_examples = len(run.examples.read_text().splitlines())
    run.examples.unlink()
    with pytest.raises(RunError, match=rf"examples\.jsonl has 0 of {n_examples} examples; restore"):
        read_taught(run)


def test_examples_of_a_step_that_was_not_finished_are_for_resume(tmp_path: Path) -> None:
    """As after a kill between the data of a step and its line of the journal."""
    run = RunFolder.create(tmp_path / "run", {})
    record(run)
    started, first, *_ = run.journal.read_text().splitlines(keepends=True)
    run.journal.write_text(started + first)
    with pytest.raises(RunError, match=r"continue with: teachgym resume .*run"):
        read_taught(run)


def test_a_line_that_a_dead_process_left_torn_is_not_read(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path / "run", {})
    record(run)
    whole = read_taught(run)
    for torn in (b'{"prompt": "1 + 1', b'{"prompt": "1 + 1"}'):
        with run.examples.open("ab") as file:
            file.write(torn)
        assert read_taught(run) == read_taught(run, going_on=True) == whole


@pytest.mark.parametrize("name", ["checkpoints/state_002", "predictions/step_002"])
def test_a_copy_beside_a_file_of_a_step_is_no_step(tmp_path: Path, name: str) -> None:
    """As file managers and clouds make them; a number that is not one belongs to no step."""
    run = RunFolder.create(tmp_path / "run", {})
    env, teacher = toy_tree()
    with closing(record_steps(env, teacher, run, seed=SEED)) as steps:
        expected = [next(steps).reward, next(steps).reward]
    [path] = run.path.glob(f"{name}.json*")
    for copy in ("_002 (copy)", "_2.sync", "_x"):
        path.with_name(path.name.replace("_002", copy)).write_bytes(path.read_bytes())
    assert [t.reward for t in record(run).transitions][:2] == expected
    assert steps_of_predictions(run) == [0, 1, 2, 3]


def test_a_line_that_is_no_example_is_named(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path / "run", {})
    record(run)
    first, *others = run.examples.read_text().splitlines(keepends=True)
    run.examples.write_text("".join([first, '{"prompt": "1 + 1 = "}\n', *others[1:]]))
    with pytest.raises(RunError, match=r"examples\.jsonl:2 is not an example: .*; restore it"):
        read_taught(run)


def test_metrics_have_a_line_per_step_and_one_for_the_untrained_student(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path / "run", {})
    episode = record(run)
    lines = [json.loads(line) for line in run.metrics.read_text().splitlines()]
    assert [line["step"] for line in lines] == [0, 1, 2, 3]
    gained = np.diff([line["accuracy"] for line in lines])
    assert gained.tolist() == pytest.approx([t.reward for t in episode.transitions])
    assert [line["spent/steps"] for line in lines[1:]] == [1, 2, 3]


def test_only_the_last_checkpoint_and_the_best_weights_are_kept(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path / "run", {})
    record(run)
    best = json.loads((run.checkpoints / "state_003.json").read_text())["best"]["step"]
    kept = {"state_003.json", "weights_003.safetensors", f"weights_{best:03d}.safetensors"}
    assert {path.name for path in run.checkpoints.iterdir()} == kept


def test_the_journal_says_what_happened_in_order(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path / "run", {})
    record(run)
    stages = [line["stage"] for line in Journal(run.journal).lines]
    assert stages == ["started", "step", "step", "step"]


class _Impostor:
    """Acts like a teacher in another mood."""

    name = "impostor"

    def __init__(self, teacher: Any) -> None:
        self.teacher = teacher

    def reset(self, seed: int) -> None:
        self.teacher.reset(seed + 1)

    def act(self, observation: Any) -> Any:
        return self.teacher.act(observation)

    def observe(self, transition: Transition) -> None:
        self.teacher.observe(transition)


@pytest.mark.parametrize("kept", [0, 1])
def test_a_journal_that_lost_its_end_is_not_taken_for_a_younger_run(
    tmp_path: Path, kept: int
) -> None:
    run = RunFolder.create(tmp_path / "run", {})
    die_after(2, run)
    lines = run.journal.read_text().splitlines(keepends=True)
    run.journal.write_text("".join(lines[:kept]))
    before = contents(run.path)
    with pytest.raises(RunError, match=r"journal\.jsonl lacks lines at its end: .*state_00"):
        record(run)
    assert contents(run.path) == before
