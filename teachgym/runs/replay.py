"""``Reliving``: replays the recorded steps of a run, so that the run can go on from the last one.

The teacher acts and observes as it did, without the student, so any teacher whose actions depend
on its seed and on what it sees can be resumed, and none of its state is stored. Its probes of the
student are answered from the journal. The environment is restored from the last snapshot; steps
after the snapshot are made again.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from typing import Any

import gymnasium as gym

from teachgym.errors import RunError
from teachgym.loop import StepResult
from teachgym.protocols import Teacher
from teachgym.records import Record, example_from_json
from teachgym.runs.checkpoints import last_snapshot, load_snapshot
from teachgym.runs.files import stream_lines
from teachgym.runs.folder import RunFolder
from teachgym.runs.journal import Journal, recall_step, to_jsonable
from teachgym.runs.retention import Keep
from teachgym.snapshot import Snapshot
from teachgym.types import Cost, Transition


class Reliving:
    """Replays the steps of a journal.

    Attributes:
        counts: sums of the steps' numbers of examples ``accepted`` and ``rejected`` and of
            ``incidents``; ``moves`` on the skill forest up to the snapshot.
        snapshot: what the environment was restored from; None if there was none yet.
    """

    def __init__(
        self,
        env: gym.Env[Any, Any],
        teacher: Teacher[Any, Any],
        run: RunFolder,
        journal: Journal,
        keep: Keep,
    ) -> None:
        self._env, self._teacher, self._run, self._journal = env, teacher, run, journal
        self._base: Any = env.unwrapped
        self.counts: Counter[str] = Counter()
        self.snapshot: Snapshot | None = None
        self._place = last_snapshot(run, journal.n_steps, keep.snapshot_every)

    def transitions(self, observation: Any) -> Iterator[Transition]:
        """The recorded transitions, one at a time; ``observation`` is that of ``reset``.

        Afterwards environment and teacher are as they were after the last one.

        Raises:
            RunError: if environment or teacher do not repeat what the journal says they did.
        """
        started = self._journal.started["observation"]
        if not _same(to_jsonable(self._env.observation_space, observation), started):
            raise RunError(
                "the untrained student is not the one this run started with; resume it with the "
                "same versions and files (see config.json)"
            )
        spent, examples = Cost(), stream_lines(self._run.examples)
        for line in self._journal.read_steps():
            self._base.probe_log.replay(line.get("probes", ()))
            action = self._act(observation, line)
            repeated = line["step"] > self._place
            if repeated:
                self._repeat(action, line)
            accepted = islice(examples, line["metrics"]["accepted"])
            data = tuple(map(example_from_json, accepted))
            transition = recall_step(self._env, observation, action, line, data)
            spent = spent + transition.info["cost"]
            if not repeated:  # What the teacher sees of the budget is what it saw.
                self._base.ledger.reset(spent)
            self._teacher.observe(transition)
            self._check_probes(line)
            if repeated:
                self._set_clock(line["step"])
            if line["step"] == self._place:
                self._restore()
            self.counts.update(
                {name: line["metrics"][name] for name in ("accepted", "rejected", "incidents")}
            )
            yield transition
            observation = transition.next_observation

    def _act(self, observation: Any, line: Record) -> Any:
        action = self._teacher.act(observation)
        if not _same(to_jsonable(self._env.action_space, action), line["action"]):
            raise RunError(
                f"teacher {self._teacher.name!r} does not repeat its action of step "
                f"{line['step']}; it must depend on its seed and observations alone, and be of "
                "the same version"
            )
        return action

    def _repeat(self, action: Any, line: Record) -> None:
        """Make a step after the snapshot again, and check that it comes out as recorded."""
        result: StepResult = self._env.step(action)
        if not _same(to_jsonable(self._env.observation_space, result[0]), line["observation"]):
            raise RunError(
                f"step {line['step']} does not come out as it did when it is made again; on this "
                "machine runs need keep.snapshot_every=1"
            )

    def _set_clock(self, step: int) -> None:
        """Set the seconds spent after a repeated step to those that were recorded."""
        for numbers in stream_lines(self._run.metrics, step + 1):
            if numbers["step"] == step:
                seconds, state = numbers["spent/seconds"], self._base.state
                self._base.ledger.spent = replace(self._base.ledger.spent, seconds=seconds)
                # Else the next step would cost less than nothing, where this one was faster then.
                reckoned = replace(state.reckoned, seconds=seconds)
                self._base.take_up(replace(state, reckoned=reckoned))

    def _check_probes(self, line: Record) -> None:
        if self._base.probe_log.left:
            raise RunError(
                f"teacher {self._teacher.name!r} does not ask the student again what it asked in "
                f"step {line['step']}; it must depend on its seed and observations alone, and be "
                "of the same version"
            )

    def _restore(self) -> None:
        self.snapshot = snapshot = load_snapshot(self._run, self._place)
        self.counts["moves"] = len(snapshot.forest.history) if snapshot.forest else 0
        self._env.get_wrapper_attr("restore")(snapshot)


def _same(value: Any, recorded: Any) -> bool:
    """Equal as JSON, where nan equals nan and a tuple equals a list."""
    return json.dumps(value, sort_keys=True) == json.dumps(recorded, sort_keys=True)
