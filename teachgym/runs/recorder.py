"""``record_episode``: ``run_episode`` that records every step and can be resumed after a crash.

A step is written in this order: data, metrics, checkpoint, and last the journal's line, which
commits it. Resuming cuts the files back to the last line of the journal, so a process may die at
any moment and the episode is the same as if it had not. A step is written while the next one is
made, so what a dying process loses and makes again is at most two steps.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import closing
from functools import partial
from typing import Any

import gymnasium as gym

from teachgym.errors import ConfigError
from teachgym.forest.space import experience_to_json
from teachgym.loop import Observer, ends, live, observed
from teachgym.protocols import Teacher, Tracker
from teachgym.records import Record, example_to_json
from teachgym.redaction import redact
from teachgym.runs.beside import Beside
from teachgym.runs.checkpoints import (
    drop_old_snapshots,
    prune_predictions,
    save_snapshot,
    steps_of_predictions,
    write_report,
)
from teachgym.runs.files import append_lines, keep_lines, read_json, replacing, strict
from teachgym.runs.folder import RunFolder
from teachgym.runs.journal import Journal, describe_step, to_jsonable
from teachgym.runs.replay import Reliving
from teachgym.runs.retention import Keep
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
    keep: Keep | None = None,
) -> Episode:
    """Teach to the end of the episode, from the last step in ``run.journal`` or from the start.

    Collects the transitions of ``record_steps`` in an ``Episode``, which holds all in memory.

    Args:
        env: a stack of wrappers on ``teachgym.envs.TeacherEnv``.
        teacher: chooses the actions.
        run: the folder to write to.
        seed: seed of environment and teacher.
        trackers: receive the metrics of new steps, which ``run.metrics`` has anyway.
        observers: called with each step's number and transition, those replayed too.
        keep: which files of the steps are kept.

    Raises:
        RunError: before anything is done, if files do not agree with the journal; later, if
            environment or teacher do not repeat what the journal says they did.
    """
    steps = record_steps(env, teacher, run, seed=seed, trackers=trackers, keep=keep)
    with closing(steps):
        return Episode(tuple(observed(steps, observers)), seed, teacher.name)


def record_steps(
    env: gym.Env[Any, Any],
    teacher: Teacher[Any, Any],
    run: RunFolder,
    *,
    seed: int,
    trackers: Iterable[Tracker] = (),
    keep: Keep | None = None,
) -> Generator[Transition]:
    """The transitions of the episode, one at a time, recorded ones first.

    A transition is on disk once the next one is there, the episode has ended or the generator was
    closed; each of them raises what kept it from being written. A step takes the same time and
    memory however many came before it, apart from the training data and its prompts, which stay
    in memory. The arguments are those of ``record_episode``.

    Raises:
        ConfigError: for snapshots of some steps only, and a budget of seconds.
        RunError: before anything is done, if files do not agree with the journal; later, if
            environment or teacher do not repeat what the journal says they did.
    """
    keep, journal, base = keep or Keep(), Journal(run.journal), _base(env)
    if keep.snapshot_every > 1 and base.rules.budget.seconds is not None:
        raise ConfigError(
            f"keep.snapshot_every is {keep.snapshot_every}, and the budget is of seconds, which no "
            "step takes twice; keep a snapshot of every step"
        )
    journal.require_intact()
    teacher.reset(seed)
    observation, info = env.reset(seed=seed)
    recorder = _Recorder(env, run, journal, Trackers(*trackers), keep)
    last: Transition | None = None
    if journal.has("started"):
        reliving = Reliving(env, teacher, run, journal, keep)
        for last in reliving.transitions(observation):
            yield last
        recorder.go_on(reliving.counts, reliving.snapshot)
    else:
        recorder.start(observation, info)
    if last is not None and ends(last):
        return
    observation = observation if last is None else last.next_observation
    base.probe_log.record()
    with Beside() as beside:
        for step, transition in enumerate(live(env, teacher, observation), journal.n_steps + 1):
            beside.wait()
            beside(recorder(step, transition))
            yield transition


class _Recorder:
    """Writes a run's folder."""

    def __init__(
        self,
        env: gym.Env[Any, Any],
        run: RunFolder,
        journal: Journal,
        tracker: Tracker,
        keep: Keep,
    ) -> None:
        self._env, self._run, self._journal = env, run, journal
        self._metrics, self._tracker, self._keep = JsonlTracker(run.metrics), tracker, keep
        self._base = _base(env)
        self._moves = self._place = 0
        self._needed = {0}

    def start(self, observation: Any, info: Record) -> None:
        """Record the evaluation of the untrained student."""
        self._cut_back({}, metrics=0)
        write_report(self._run.val_predictions(0), self._base.state.report)
        self._metrics.log(info["metrics"], 0)
        self._tracker.log(info["metrics"], 0)
        self._journal.append(
            "started",
            run=read_json(self._run.config),
            observation=to_jsonable(self._env.observation_space, observation),
        )

    def go_on(self, counts: Mapping[str, int], snapshot: Snapshot | None) -> None:
        """Go on after the journal's last step; delete what was written of a step after it.

        Args:
            counts: ``Reliving.counts``.
            snapshot: what the environment was restored from, if it was.
        """
        step = self._journal.n_steps
        self._cut_back(counts, metrics=step + 1)
        self._moves = counts.get("moves", 0)
        if snapshot is not None:
            self._place = snapshot.step
            drop_old_snapshots(self._run, snapshot)
        best = self._base.state.best.step
        self._prune(step, steps_of_predictions(self._run), best=best)

    def __call__(self, step: int, transition: Transition) -> Callable[[], None]:
        """Take what is to be recorded of a step before the next one; what writes it down.

        To be called once the step before is written.
        """
        info, spent = transition.info, self._base.spent.as_dict()
        metrics = {**info["metrics"], "reward": transition.reward}
        metrics |= {f"spent/{currency}": n for currency, n in spent.items()}
        self._tracker.log(metrics, step)
        snapshot: Snapshot | None = None
        if self._keep.snapshot_of(step) or ends(transition):
            snapshot = self._env.get_wrapper_attr("snapshot")()
        if self._keep.student_of(step):
            self._save_student(step)
        line = {"step": step, **describe_step(self._env, transition)}
        if probes := self._base.probe_log.take():
            line["probes"] = probes
        return partial(self._write, line, metrics, info, self._base.state, snapshot)

    def _write(
        self,
        line: Record,
        metrics: Mapping[str, float],
        info: Mapping[str, Any],
        state: Snapshot,
        snapshot: Snapshot | None,
    ) -> None:
        """Write a step to disk; the journal's line comes last."""
        run, step = self._run, line["step"]
        append_lines(run.examples, map(example_to_json, info["data"]))
        append_lines(run.rejected, (_verdict_to_json(step, v) for v in info["rejected"]))
        incidents = (
            {"step": step, "event": incident.event, "detail": redact(incident.detail)}
            for incident in info["incidents"]
        )
        append_lines(run.incidents, incidents)
        self._metrics.log(metrics, step)
        if snapshot is None:
            write_report(run.val_predictions(step), state.report)
        else:
            self._save_snapshot(snapshot)
        self._journal.append("step", **line)
        if snapshot is not None:
            self._place = step
            drop_old_snapshots(run, snapshot)
        self._prune(step, self._keep.outlived(step), best=state.best.step)

    def _save_snapshot(self, snapshot: Snapshot) -> None:
        if snapshot.forest is not None:
            history = snapshot.forest.history
            append_lines(self._run.moves, map(experience_to_json, history[self._moves :]))
            self._moves = len(history)
        save_snapshot(self._run, snapshot)

    def _save_student(self, step: int) -> None:
        with replacing(self._run.student_of(step)) as temporary:
            temporary.mkdir()
            self._base.student.export(temporary)

    def _prune(self, step: int, others: Iterable[int], *, best: int) -> None:
        """Delete what the step made superfluous, of the predictions needed before and of others."""
        needed = {best, step, self._place}
        superfluous = {s for s in others if not self._keep.prediction_of(s, last=step)}
        superfluous |= {s for s in self._needed if not self._keep.prediction_of(s, last=step)}
        prune_predictions(self._run, superfluous - needed)
        self._needed = needed

    def _cut_back(self, counts: Mapping[str, int], *, metrics: int) -> None:
        self._run.sweep()
        self._journal.mend()
        keep_lines(self._run.examples, counts.get("accepted", 0))
        keep_lines(self._run.rejected, counts.get("rejected", 0))
        keep_lines(self._run.incidents, counts.get("incidents", 0))
        keep_lines(self._run.moves, counts.get("moves", 0))
        keep_lines(self._run.metrics, metrics)


def _base(env: gym.Env[Any, Any]) -> Any:
    """The ``TeacherEnv`` under a stack of wrappers."""
    return env.unwrapped


def _verdict_to_json(step: int, verdict: Verdict) -> Record:
    record: Record = strict(
        {
            "step": step,
            "reason": verdict.reason,
            "detail": verdict.detail,
            "example": verdict.example and example_to_json(verdict.example),
            "item": verdict.item,
        }
    )
    return record
