"""The jobs of a bench: which of them may be done side by side, and how a worker does them.

Jobs with equal students and trainers can share one resident model: their students are trained and
asked at once, as the rows of ``gym.make_vec`` are. Each job keeps its own teacher, environment,
seed and folder. All else they do in turns, so who asks a chat model keeps the others waiting.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from traceback import format_exc
from typing import Any

import gymnasium as gym

from teachgym import ENV_IDS, experiment
from teachgym.assembly import Make
from teachgym.envs.assembly import learner_of
from teachgym.envs.vector import SharedStudents
from teachgym.errors import ConfigError, RunError, TeachgymError, describe_os_error
from teachgym.records import Record, dotted
from teachgym.rendezvous import RowError
from teachgym.runs.config import RunConfig
from teachgym.runs.folder import RunFolder
from teachgym.runs.provenance import changes_of_parts, digest_path


@dataclass(frozen=True, slots=True)
class Job:
    """A cell as a worker gets it: plain values."""

    config: Record
    folder: str


Group = tuple[Job, ...]
"""Jobs that one worker does side by side, >= 1."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of a job in plain values, as not every error can travel between processes."""

    folder: str
    """The folder of the job."""
    error: str = ""
    """The reason for its failure, in a line; empty if it is done."""
    trace: str = ""
    """The place where an error was raised that is not one of teachgym's own."""


def is_done(job: Job) -> bool:
    """Whether nothing is left to do for a job."""
    folder = Path(job.folder)
    return (folder / "config.json").exists() and experiment.is_finished(folder)


def group_jobs(jobs: Sequence[Job], together: int) -> list[Group]:
    """At most ``together`` jobs a group, the groups as even as can be, in the order of the jobs.

    Within a group the settings that decide student and trainer are equal (``learner_of``), and all
    others may differ. A job whose budget has a limit of seconds is alone, since in a group all wait
    for all; so is one in an environment that is not teachgym's.

    Raises:
        ConfigError: for ``together`` below 1.
    """
    if together < 1:
        raise ConfigError(f"together is {together}; it must be 1 or more")
    alike: dict[str, list[Job]] = {}
    for job in jobs:
        alike.setdefault(_company(job), []).append(job)
    places = {job.folder: place for place, job in enumerate(jobs)}
    groups = [group for same in alike.values() for group in _divide(same, together)]
    return sorted(groups, key=lambda group: places[group[0].folder])


def _company(job: Job) -> str:
    """Equal for jobs that can share a model; that of one that has to be alone is its folder."""
    config = RunConfig.of(job.config)
    settings = config.env_settings
    if config.env not in ENV_IDS or "seconds" in (settings.get("budget") or {}):
        return job.folder
    return json.dumps(learner_of(settings), sort_keys=True)


def _divide(jobs: Sequence[Job], together: int) -> list[Group]:
    n, count = len(jobs), -(-len(jobs) // together)
    return [tuple(jobs[n * i // count : n * (i + 1) // count]) for i in range(count)]


def do_group(group: Group) -> list[Outcome]:
    """Run or resume what is left of a group, side by side if that is several jobs.

    Returns:
        The outcome of each job; one that fails keeps no other from being done.
    """
    left = [job for job in group if not is_done(job)]
    tried = _do_together(left) if len(left) > 1 else map(attempt, left)
    outcomes = {outcome.folder: outcome for outcome in tried}
    return [outcomes.get(job.folder, Outcome(job.folder)) for job in group]


def give_up(group: Group, why: str) -> list[Outcome]:
    """The outcomes of a group whose worker is lost: what is not done has failed."""
    return [Outcome(job.folder, "" if is_done(job) else why) for job in group]


def _do_together(jobs: Sequence[Job]) -> list[Outcome]:
    shared, notes = SharedStudents(len(jobs)), {"together": len(jobs)}
    makes = [partial(shared.make, row) for row in range(len(jobs))]
    calls = [partial(attempt, *each, notes) for each in zip(jobs, makes, strict=True)]
    try:
        return shared.rendezvous.run(calls)
    except RowError as error:
        cause = error.__cause__
        assert cause is not None
        raise cause from cause.__cause__  # An interruption, as it would be without company.


def attempt(job: Job, make: Make = gym.make, notes: Mapping[str, Any] | None = None) -> Outcome:
    """``do`` a job; what it raises is its outcome, and no matter of others."""
    try:
        do(job, make, notes)
    except TeachgymError as error:
        return Outcome(job.folder, str(error) or type(error).__name__)
    except OSError as error:
        return Outcome(job.folder, describe_os_error(error))
    except Exception as error:  # Whatever it is, the other jobs go on.
        return Outcome(job.folder, f"{type(error).__name__}: {error}", format_exc())
    return Outcome(job.folder)


def do(job: Job, make: Make = gym.make, notes: Mapping[str, Any] | None = None) -> Job:
    """Run or resume one job to its end; ``make`` and ``notes`` are those of ``experiment.run``.

    Raises:
        RunError: if its folder was begun with other settings.
    """
    folder, config = Path(job.folder), RunConfig.of(job.config)
    if (folder / "config.json").exists():
        require_same(config, folder)
        experiment.resume(folder, make=make)
    else:
        experiment.run(config, folder, make=make, notes=notes)
    return job


def require_same(config: RunConfig, folder: Path) -> None:
    """Refuse to take the run in ``folder`` for another one than it is.

    Raises:
        RunError: if anything that decides a run is different there; it names what.
    """
    wanted, found = _decisive(config), _decisive(experiment.config_of(folder))
    for name in wanted | found:
        if wanted.get(name) != found.get(name):
            raise RunError(
                f"{folder} holds a run with {name} = {found.get(name)}, wanted is "
                f"{wanted.get(name)}; give another folder, or delete that one"
            )


def require_unchanged(runs: Iterable[Path]) -> None:
    """Refuse finished runs of files that have changed since, such as the weights of a policy.

    A mean would be over what an arm is now and what it was. Of changed code, which may do the
    same, it warns.

    Raises:
        RunError: names the file and the runs.
    """
    digest, found = cache(digest_path), dict[tuple[str, str], list[Path]]()
    for run in runs:
        for change in changes_of_parts(RunFolder.open(run), digest):
            found.setdefault(change, []).append(run)
    for (kind, line), made in found.items():
        arms = ", ".join(dict.fromkeys(str(run.parent) for run in made))
        told = f"finished runs ({len(made)}, first {made[0]}) precede a change ({kind}: {line})"
        if kind == "data":
            raise RunError(f"{told}; undo it, delete {arms}, or give another folder")
        warnings.warn(f"{told}; if it changes what they do, delete {arms}", stacklevel=2)


def _decisive(config: RunConfig) -> dict[str, str]:
    """Settings by dotted name, as JSON. Who is told of a run does not decide it."""
    record = dotted(replace(config, trackers={}).to_json())
    return {name: json.dumps(value, sort_keys=True) for name, value in record.items()}
