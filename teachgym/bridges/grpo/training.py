"""The training of a teacher: trials, updates, checkpoints, and going on from one.

Its folder has ``config.json``, ``metrics.jsonl`` (a line for each update), ``answers.jsonl`` (a
line for each group: token ids, log-probabilities when they were drawn, rewards), the last
checkpoint, and at the end ``teacher``, the folder that the teacher ``trained`` reads.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from secrets import token_hex
from statistics import fmean
from typing import Any

import numpy as np
import torch

from teachgym.agents.llm.speaker import load_model, save_teacher
from teachgym.bridges.grpo.settings import TeacherTraining
from teachgym.bridges.grpo.trials import Trial, Trials
from teachgym.bridges.grpo.warm_start import warm_up
from teachgym.envs.config import SkillListConfig
from teachgym.envs.counted import require_countable
from teachgym.errors import RunError
from teachgym.experiment import RunConfig, check_config
from teachgym.records import Record
from teachgym.registry import recorded
from teachgym.runs.checkpoints import read_weights, write_weights
from teachgym.runs.files import (
    append_lines,
    keep_lines,
    read_json,
    replacing,
    settle,
    stream_lines,
)
from teachgym.runs.folder import RunFolder
from teachgym.runs.lock import holding
from teachgym.runs.trackers.opening import open_trackers
from teachgym.runs.trackers.to_file import JsonlTracker
from teachgym.runs.versions import commit, versions
from teachgym.training.datum import Datum
from teachgym.training.forward import token_budget
from teachgym.training.groups import Group, Response, data_of, total_of
from teachgym.training.sampled_loss import AsSampled, noted_of
from teachgym.training.updates import EagerUpdates, differentiate
from teachgym.types import Checkpoint

Watch = Callable[[int, Mapping[str, float]], None]
"""Told the number of updates that are made, and the metrics of the last."""


def train_teacher(settings: TeacherTraining, folder: Path, watch: Watch | None = None) -> Path:
    """Train a teacher, or continue its training from where it stopped.

    What comes of it depends on the settings alone, on CPUs to the bit: not on whether and where it
    was stopped.

    Args:
        settings: of the training.
        folder: new, or of a training with these settings (see ``as_begun``).
        watch: called after each update.

    Returns:
        The folder of the trained teacher.

    Raises:
        RunError: for a folder of something else, or of a training with other settings.
        ConfigError: for settings that an environment of any stage refuses.
    """
    folder = settle(folder)
    settings = as_begun(settings, folder)
    check(settings)
    run = _opened(settings, folder)
    with holding(folder, "train-teacher"):
        training = _Training(settings, run)
        training.go_on(watch or (lambda number, metrics: None))
    return training.teacher


def check(settings: TeacherTraining) -> None:
    """Raise ``ConfigError`` for settings that an environment of any update would refuse."""
    for own in settings.environments():
        env_settings = {**own, "texts": True}
        check_config(RunConfig(env_settings=env_settings, trackers=settings.trackers))
        if not own.get("texts", True):
            require_countable(SkillListConfig.of(own))


def as_begun(settings: TeacherTraining, folder: Path) -> TeacherTraining:
    """The settings, with ``apart`` as a training in the folder has it.

    One that was begun before stages had it goes on with the students and items that it has met.
    """
    stages = _stages_of(folder)
    if not stages or all("apart" in stage for stage in stages):
        return settings
    return replace(settings, stages=tuple(replace(s, apart=False) for s in settings.stages))


def _stages_of(folder: Path) -> list[Record]:
    """The stages of the training in a folder, as they are recorded; none where there is none."""
    path = folder / "config.json"
    config: Record = read_json(path).get("config", {}) if path.exists() else {}
    stages: list[Record] = config.get("stages", [])
    return stages


def _opened(settings: TeacherTraining, folder: Path) -> RunFolder:
    config = json.loads(json.dumps(recorded(asdict(settings))))
    if not (folder / "config.json").exists():
        record = {"config": config, "id": token_hex(4), "versions": versions(), "commit": commit()}
        return RunFolder.create(folder, {"kind": "teacher", **record})
    run = RunFolder.open(folder)
    known = read_json(run.config)
    if known.get("kind") != "teacher":
        raise RunError(f"{folder} holds a run, not the training of a teacher; give another folder")
    for stage in known["config"]["stages"]:
        stage.setdefault("apart", False)
    if known["config"] != config:
        names = sorted(k for k in config if config[k] != known["config"].get(k))
        raise RunError(
            f"{folder} was begun with other settings ({', '.join(names)}); give them again, or "
            "another folder"
        )
    return run


class _Training:
    """The state of a training."""

    def __init__(self, settings: TeacherTraining, run: RunFolder) -> None:
        self.settings, self._run = settings, run
        run.sweep()
        self.teacher = run.path / "teacher"
        self._answers = run.path / "answers.jsonl"
        self._model = load_model(settings.model, **settings.model_settings)
        pool = self._model.pool
        self._loss = settings.grpo
        self._updates = EagerUpdates(pool, settings.rates, [settings.updates], self._loss)
        self._budget = token_budget(pool.network.device, settings.rates.token_budget)
        self._trials = Trials(settings, pool)
        self._made = 0

    def go_on(self, watch: Watch) -> None:
        """Make the updates that are left, and write the teacher."""
        if self._checkpoint.exists():
            self._restore()
        else:
            speaker = self._trials.speaker(0)
            warm_up(speaker, self.settings)
            self._save()
        own = JsonlTracker(self._run.metrics)
        with open_trackers(self._run, self.settings.trackers) as trackers:
            while self._made < self.settings.updates:
                metrics = self._update()
                for tracker in (own, trackers):
                    tracker.log(metrics, self._made)
                if self._made % self.settings.checkpoint_every == 0:
                    self._save()
                watch(self._made, metrics)
        self._save()
        with replacing(self.teacher) as temporary:
            save_teacher(self._model, self.settings.form, temporary)

    # -- an update -------------------------------------------------------------------------

    def _update(self) -> dict[str, float]:
        """Try a batch of groups, and learn from it; metrics."""
        number, settings = self._made, self.settings
        trials = self._trials.draw(number)
        groups = [Group(t.prompt, tuple(map(Response, t.answers, t.rewards))) for t in trials]
        data = data_of(
            groups,
            self._loss,
            scaled=settings.scale_rewards,
            mean="tokens",
            progress=number / settings.updates,
        )
        loss, known = self._learn(data, total_of(groups, "tokens", 1))
        append_lines(self._answers, [_line(trial, known) for trial in trials])
        self._made += 1
        rewards = [r for t in trials for r in t.rewards]
        said = [-sum(own) for own in known.values()]
        return {
            "reward": fmean(rewards),
            "gain": fmean(g for t in trials for g in t.gains),
            "return": sum(t.gains[0] for t in trials) / settings.episodes,
            "signal_to_noise": fmean(t.signal_to_noise for t in trials),
            "surprise": fmean(said) if said else 0.0,
            "loss": loss,
            "learning_rate": settings.rates.rate(number, settings.updates),
        }

    def _learn(
        self, data: list[Datum], total: float
    ) -> tuple[float, dict[tuple[tuple[int, ...], tuple[int, ...]], tuple[float, ...]]]:
        """Update the weights; the loss, and the log-probabilities of what was read."""
        pool, noted = self._model.pool, list[torch.Tensor]()
        automaton = self._trials.speaker(self._made).automaton
        loss = AsSampled(self._loss, self.settings.temperature, noted, automaton)
        with pool.threads():
            losses = differentiate(pool, [data], loss, self._budget, totals=[total])
            self._updates.apply(self._made)
        pool.network.model.zero_grad()
        read = noted_of([data], noted, self._budget)
        return float(losses[0]), {_key(datum, own): own for datum, own in read}

    # -- checkpoints -----------------------------------------------------------------------

    @property
    def _checkpoint(self) -> Path:
        return self._run.checkpoints / "teacher.safetensors"

    def _save(self) -> None:
        weights = {f"weight {name}": a for name, a in self._model.save().arrays.items()}
        state = {f"state {n}": t.cpu().numpy() for n, t in enumerate(self._updates.state)}
        made = {"updates": np.array(self._made)}
        write_weights(self._checkpoint, Checkpoint({**weights, **state, **made}))

    def _restore(self) -> None:
        """Go back to the checkpoint, and forget what was written after it."""
        arrays = read_weights(self._checkpoint).arrays
        self._made = int(arrays["updates"])
        named = {n.removeprefix("weight "): a for n, a in arrays.items() if n.startswith("weight ")}
        self._model.restore(Checkpoint(named))
        with torch.no_grad():
            for number, tensor in enumerate(self._updates.state):
                tensor.copy_(torch.from_numpy(arrays[f"state {number}"].copy()))
        keep_lines(self._run.metrics, self._made)
        keep_lines(self._answers, self._lines_until(self._made))

    def _lines_until(self, update: int) -> int:
        """The number of groups in the updates before ``update``."""
        return sum(line["place"][0] < update for line in stream_lines(self._answers))


def _key(datum: Datum, own: Sequence[float]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Prompt and answer of a response that was read."""
    ids = datum.texts[0].ids
    return ids[: -len(own)], ids[-len(own) :]


def _line(trial: Trial, known: Mapping[Any, Sequence[float]]) -> Record:
    """The record of a group; answers without advantage were not read and have no probabilities."""
    logprobs = [known.get((trial.prompt, ids)) for ids in trial.answers]
    return {**asdict(trial), "logprobs": logprobs}
