"""``record_episode``: ``run_episode`` that writes everything down and can go on after a crash.

A step is written in this order: data, checkpoint, metrics, and last the journal's line, which
makes it count. Whoever resumes cuts the files back to the last line of the journal, so a process
may die at any moment and the episode is the same as if it had not.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

import gymnasium as gym

from teachgym.errors import RunError
from teachgym.loop import Observer, continue_episode
from teachgym.protocols import Teacher, Tracker
from teachgym.records import Record, example_to_json
from teachgym.runs.checkpoints import drop_old_snapshots, load_snapshot, save_snapshot, write_report
from teachgym.runs.files import append_lines, keep_lines, strict
from teachgym.runs.folder import RunFolder
from teachgym.runs.journal import Journal, describe_step, recall_step, to_jsonable
from teachgym.runs.trackers import JsonlTracker, Trackers
from teachgym.snapshot import Snapshot
from teachgym.types import Episode, Transition, Verdict


def record_episode(
    env: gym.Env[Any, Any],
    teacher: Teacher[Any, Any],
    run: RunFolder,
    *,
    seed: int,
    trackers: Iterable[Tracker] = (),
    observers: Iterable[Observer] = (),
) -> Episode:
    """Teach to the end of the episode, from the last step in ``run.journal`` or from the start.

    A resumed episode begins by living through the recorded steps again: the teacher acts and
    observes as it did, without the student, so any teacher whose actions depend on its seed and
    on what it sees can be resumed; nothing of it has to be stored.

    Args:
        env: a stack of wrappers on ``teachgym.envs.TeacherEnv``.
        teacher: chooses the actions.
        run: where to write.
        seed: of environment and teacher.
        trackers: get the metrics of new steps, besides ``run.metrics``.
        observers: see every transition, recorded ones too.

    Raises:
        RunError: if environment or teacher do not do again what the journal says they did.
    """
    journal = Journal(run.journal)
    _cut_back(run, journal)
    observers = tuple(observers)
    teacher.reset(seed)
    observation, info = env.reset(seed=seed)
    recorder = _Recorder(env, run, journal, Trackers(JsonlTracker(run.metrics), *trackers))
    past: tuple[Transition, ...] = ()
    if journal.has("started"):
        past = _live_again(env, teacher, observation, journal)
        if past:
            snapshot = load_snapshot(run, len(past))
            drop_old_snapshots(run, snapshot)
            env.get_wrapper_attr("restore")(snapshot)
            observation = past[-1].next_observation
        for step, transition in enumerate(past, 1):
            for observe in observers:
                observe(step, transition)
    else:
        recorder.start(observation, info)
    return continue_episode(
        env, teacher, observation, seed=seed, observers=(recorder, *observers), past=past
    )


class _Recorder:
    """The observer that writes a run's folder."""

    def __init__(
        self, env: gym.Env[Any, Any], run: RunFolder, journal: Journal, tracker: Tracker
    ) -> None:
        self._env, self._run, self._journal, self._tracker = env, run, journal, tracker

    def start(self, observation: Any, info: Record) -> None:
        """Write down the untrained student."""
        snapshot = self._snapshot()
        write_report(self._run.val_predictions(0), snapshot.report)
        self._tracker.log(info["metrics"], 0)
        self._journal.append(
            "started", observation=to_jsonable(self._env.observation_space, observation)
        )

    def __call__(self, step: int, transition: Transition) -> None:
        """Write down a step; the journal's line comes last."""
        snapshot, info = self._snapshot(), transition.info
        append_lines(self._run.examples, map(example_to_json, info["data"]))
        append_lines(self._run.rejected, (_verdict_to_json(step, v) for v in info["rejected"]))
        incidents = ({"round": step, **asdict(incident)} for incident in info["incidents"])
        append_lines(self._run.incidents, incidents)
        save_snapshot(self._run, snapshot)
        spent = {f"spent/{currency}": n for currency, n in snapshot.spent.as_dict().items()}
        self._tracker.log({**info["metrics"], "reward": transition.reward, **spent}, step)
        self._journal.append("step", step=step, **describe_step(self._env, transition))
        drop_old_snapshots(self._run, snapshot)

    def _snapshot(self) -> Snapshot:
        snapshot: Snapshot = self._env.get_wrapper_attr("snapshot")()
        return snapshot


def _cut_back(run: RunFolder, journal: Journal) -> None:
    """Forget what was written of a step that is not in the journal."""
    run.sweep()
    journal.mend()
    metrics = [line["metrics"] for line in journal.steps]
    keep_lines(run.examples, sum(m["accepted"] for m in metrics))
    keep_lines(run.rejected, sum(m["rejected"] for m in metrics))
    keep_lines(run.incidents, sum(m["incidents"] for m in metrics))
    keep_lines(run.metrics, len(metrics) + journal.has("started"))


def _live_again(
    env: gym.Env[Any, Any], teacher: Teacher[Any, Any], observation: Any, journal: Journal
) -> tuple[Transition, ...]:
    """The recorded transitions; the teacher ends up as it was after the last of them."""
    if not _same(to_jsonable(env.observation_space, observation), journal.started["observation"]):
        raise RunError(
            "the untrained student is not the one this run started with; resume it with the same "
            "versions and files (see config.json)"
        )
    past: list[Transition] = []
    for line in journal.steps:
        action = teacher.act(observation)
        if not _same(to_jsonable(env.action_space, action), line["action"]):
            raise RunError(
                f"teacher {teacher.name!r} does not repeat its action of step {line['step']}; it "
                "must depend on its seed and observations alone, and be of the same version"
            )
        transition = recall_step(env, observation, action, line)
        teacher.observe(transition)
        past.append(transition)
        observation = transition.next_observation
    return tuple(past)


def _same(value: Any, recorded: Any) -> bool:
    """Equal as JSON, where nan equals nan and a tuple equals a list."""
    return json.dumps(value, sort_keys=True) == json.dumps(recorded, sort_keys=True)


def _verdict_to_json(step: int, verdict: Verdict) -> Record:
    record: Record = strict(
        {
            "round": step,
            "reason": verdict.reason,
            "detail": verdict.detail,
            "example": example_to_json(verdict.example),
        }
    )
    return record
