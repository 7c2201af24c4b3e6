"""An experiment is a ``RunConfig`` in, a run's folder and a ``RunResult`` out.

::

    result = run(RunConfig(teacher="alp", seed=1), Path("runs/alp-1"))
    result.test.gain

Killed at any moment, ``resume(folder)`` gives the result of an uninterrupted run.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from time import perf_counter
from typing import Any

import gymnasium as gym

from teachgym.assembly import Make, Parts, assemble, budget_of, check_config
from teachgym.envs.config import env_id, env_settings, short_name
from teachgym.loop import Observer, Say, observed, unheard
from teachgym.records import Record
from teachgym.redaction import redact_settings
from teachgym.registry import label
from teachgym.report.figures import drawing, result_figure
from teachgym.runs import result as results
from teachgym.runs.checkpoints import write_report
from teachgym.runs.config import RunConfig
from teachgym.runs.files import replacing, write_json
from teachgym.runs.folder import RunFolder
from teachgym.runs.journal import Journal
from teachgym.runs.lock import holding
from teachgym.runs.provenance import (
    data_of,
    differences,
    new_record,
    read_run,
    require_accepted,
    require_repeatable,
    software_of,
)
from teachgym.runs.recorder import record_steps
from teachgym.runs.result import RunResult, Tally, collect_result, result_to_json
from teachgym.runs.trackers import open_trackers
from teachgym.types import Budget

__all__ = [
    "Make",
    "RunConfig",
    "RunResult",
    "check_config",
    "config_of",
    "draw_curve",
    "env_id",
    "env_settings",
    "is_finished",
    "read_result",
    "resume",
    "run",
    "short_name",
]


def run(
    config: RunConfig,
    folder: Path,
    *,
    observers: Iterable[Observer] = (),
    say: Say = unheard,
    make: Make = gym.make,
    notes: Mapping[str, Any] | None = None,
    progress: bool = False,
) -> RunResult:
    """Run an experiment from the start and write everything to ``folder``.

    Args:
        config: what to run.
        folder: a new or empty folder; its layout is ``teachgym.runs.RunFolder``.
        observers: called with the step's number and its transition after each step.
        say: called with a few words when a stage begins, such as loading the student.
        make: makes the environment from its id and settings, as ``gym.make`` does.
        notes: further entries of ``config.json``.
        progress: print a line per step, on terminals over a bar of the budget that says what
            has begun, instead of ``say``.

    Raises:
        RunError: if there is something in the folder.
        OSError: if the folder cannot be made or written to; known before the student is loaded.
        UnknownNameError: for an environment, teacher, task or student that does not exist.
        ConfigError: for a setting that does not exist or is out of range.
        MissingExtraError: if the package of a tracker is not installed.
    """
    started = perf_counter()
    setup = check_config(config, RunFolder(folder.resolve()).chat)
    RunFolder.check_new(folder)
    with _watched(budget_of(config), observers, say, progress) as (observers, say):
        say("loading the student")
        parts = assemble(setup, make)
        record = {**(notes or {}), **new_record(config.to_json(), parts.task, parts.spec)}
        run_folder = RunFolder.create(folder, redact_settings(record))
        with holding(run_folder.path, "run"):
            return _go(parts, run_folder, observers=observers, say=say, started=started)


@contextmanager
def _watched(
    budget: Budget, observers: Iterable[Observer], say: Say, progress: bool
) -> Iterator[tuple[Iterable[Observer], Say]]:
    """The observers of steps and of stages, the progress display among them if wanted."""
    if not progress:
        yield observers, say
        return
    # Imported here: only who watches needs it.
    from teachgym.progress import LiveProgress

    with LiveProgress(budget) as live:
        yield (*observers, live.observe), live.say


def resume(
    folder: Path,
    *,
    observers: Iterable[Observer] = (),
    say: Say = unheard,
    make: Make = gym.make,
    accept: Iterable[str] = (),
    progress: bool = False,
) -> RunResult:
    """Finish the run in ``folder``; if it is finished already, only read its result.

    Observers see the steps before the interruption, too.

    Args:
        folder: the run's.
        observers: as for ``run``.
        say: as for ``run``.
        make: as for ``run``.
        accept: kinds of differences that do not stop the run: ``config``, ``versions``, ``commit``,
            ``code``, ``data``. They are noted in the journal and in the result.
        progress: as for ``run``.

    Raises:
        RunError: if there is no run, it is damaged, another process works on it, its environment
            or teacher do not repeat what they did, or something differs (configuration, versions,
            commit, code or data) that ``accept`` does not name.
        ConfigError: for an unknown kind of difference.
    """
    if is_finished(folder):
        return read_result(folder)
    started, run_folder = perf_counter(), RunFolder.open(folder)
    record, config = read_run(run_folder)
    with (
        holding(run_folder.path, "resume"),
        _watched(budget_of(config), observers, say, progress) as (observers, say),
    ):
        if is_finished(folder):  # By whoever held it until now.
            return read_result(folder)
        settings, accept = config.to_json(), tuple(accept)
        require_repeatable(settings, folder)
        now = {**record, **software_of(settings)}
        _accept(run_folder, record, now, accept)
        setup = check_config(config, RunFolder(folder.resolve()).chat)
        say("loading the student")
        parts = assemble(setup, make)
        now["data"] = data_of(settings, parts.task)
        if found := _accept(run_folder, record, now, accept):
            _note_accepted(run_folder, record, now, found)
        return _go(parts, run_folder, observers=observers, say=say, started=started)


def _accept(run_folder: RunFolder, record: Record, now: Record, accept: Sequence[str]) -> list[str]:
    """The differences between the run as it was and as it would go on, all of them accepted."""
    journal = Journal(run_folder.journal)
    # What somebody wrote into config.json counts, and so does what is there now.
    edits = differences(journal.written or record, record)
    found = dict.fromkeys([*edits, *differences(journal.run or record, now)])
    require_accepted(run_folder, list(found), accept)
    return [f"{kind}: {line}" for kind, line in found]


def _note_accepted(
    run_folder: RunFolder, record: Record, now: Record, found: Sequence[str]
) -> None:
    """Journal the accepted differences before anything else is written.

    A run that had not started is one of the present state alone, and its ``config.json`` says so.
    """
    journal = Journal(run_folder.journal)
    journal.require_intact()
    if journal.has("started"):
        journal.mend()
        journal.append("resumed", run=now, written=record, accepted=list(found))
    else:
        write_json(run_folder.config, redact_settings(now))


def config_of(folder: Path) -> RunConfig:
    """The configuration of the run in ``folder``; raises ``RunError`` if there is none."""
    return read_run(RunFolder.open(folder))[1]


def is_finished(folder: Path) -> bool:
    """Whether there is nothing left to do for the run in ``folder``."""
    return results.is_finished(RunFolder.open(folder))


def read_result(folder: Path) -> RunResult:
    """The result of a finished run.

    Raises:
        RunError: if there is no run, or it is not finished.
    """
    return results.read_result(RunFolder.open(folder))


def draw_curve(folder: Path) -> Path:
    """Draw ``curve.png`` of a finished run and return its path; raises as ``read_result``."""
    run_folder, figure = RunFolder.open(folder), result_figure(read_result(folder))
    with holding(run_folder.path, "report"):
        run_folder.sweep()
        with replacing(run_folder.curve) as temporary, drawing():
            figure.savefig(temporary, format="png")
    return run_folder.curve


# -- running -----------------------------------------------------------------------------------


def _go(
    parts: Parts,
    run_folder: RunFolder,
    *,
    observers: Iterable[Observer],
    say: Say,
    started: float,
) -> RunResult:
    setup, parts.base.say = parts.setup, say
    with closing(parts.env), open_trackers(run_folder, setup.config.trackers) as tracker:
        tally = Tally()
        steps = record_steps(
            parts.env,
            parts.teacher,
            run_folder,
            seed=setup.config.seed,
            trackers=[tracker],
            keep=setup.keep,
        )
        with closing(steps):
            for _ in observed(steps, (tally, *observers)):
                pass  # A step that all have seen is not kept.
        result = _finish(parts, run_folder, tally, say)
        test = result.test
        scores = {"before": test.before.mean, "after": test.after.mean, "gain": test.gain.mean}
        scores["val_gap"] = result.gap.mean
        tracker.log({f"test/{name}": score for name, score in scores.items()}, result.steps)
        tracker.record(run_folder.path)
    # Last of all: what trackers did not get before a process died, they get when it is resumed.
    Journal(run_folder.journal).append("finished", seconds=perf_counter() - started)
    return result


def _finish(parts: Parts, run_folder: RunFolder, tally: Tally, say: Say) -> RunResult:
    """The exam on ``test``, the result, the best student."""
    journal, base = Journal(run_folder.journal), parts.base
    if not journal.has("exam"):
        before, after = base.examine()
        write_report(run_folder.test_predictions("untrained"), before)
        write_report(run_folder.test_predictions("best"), after)
        journal.append("exam", untrained=before.accuracy, best=after.accuracy)
    say("saving the student")
    snapshot = parts.env.get_wrapper_attr("snapshot")()
    base.student.restore(snapshot.best.checkpoint)
    with replacing(run_folder.student) as temporary:
        temporary.mkdir()
        base.student.export(temporary)
    config, names = parts.setup.config, {"teacher": parts.teacher.name, "task": base.task.name}
    names |= {"env": config.env, "student": label(parts.setup.student)}
    result = collect_result(run_folder, snapshot, tally, seed=config.seed, **names)
    write_json(run_folder.result, result_to_json(result))
    return result
