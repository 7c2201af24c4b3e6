"""An experiment is a ``RunConfig`` in, a run's folder and a ``RunResult`` out.

::

    result = run(RunConfig(teacher="alp", seed=1), Path("runs/alp-1"))
    result.test.gain

Killed at any moment, ``resume(folder)`` gives the result of an uninterrupted run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import Any

import gymnasium as gym

from teachgym.agents import (
    TEACHERS,
    Kind,
    make_teacher,
    require_fit,
    require_teacher,
    required_settings,
    teacher_entry,
    teacher_settings,
)
from teachgym.chat.make import open_chat
from teachgym.chat.settings import ChatSettings, check_chat, require_key
from teachgym.envs.config import (
    CONFIGS,
    EnvConfig,
    asking,
    env_id,
    env_settings,
    short_name,
)
from teachgym.errors import ConfigError, UnknownNameError
from teachgym.loop import Observer, Say, observed, unheard
from teachgym.protocols import Task, Teacher
from teachgym.records import Record
from teachgym.redaction import redact_settings
from teachgym.registry import label, recorded, reference_of
from teachgym.report.figures import result_figure
from teachgym.report.tables import describe_teaching
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
    read_run_record,
    require_accepted,
    require_repeatable,
    software_of,
)
from teachgym.runs.recorder import record_steps
from teachgym.runs.result import RunResult, Tally, collect_result, result_to_json
from teachgym.runs.retention import Keep
from teachgym.runs.trackers import check_installed, open_trackers
from teachgym.students import learnable_skills, profile_of
from teachgym.students.planning import plan_for
from teachgym.types import Budget, Data, FloatArray, Provenance

__all__ = [
    "Make",
    "RunConfig",
    "RunResult",
    "asks_chat",
    "budget_of",
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
    "student_name",
]

AnyEnv = gym.Env[Any, Any]
AnyTeacher = Teacher[Any, Any]
Make = Callable[..., AnyEnv]
"""Makes an environment from its id and settings, as ``gym.make`` does."""


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
    check_config(config)
    RunFolder.check_new(folder)
    with _watched(config, observers, say, progress) as (observers, say):
        say("loading the student")
        parts = _assemble(config, folder, make)
        record = {**(notes or {}), **new_record(config, parts.task, parts.spec)}
        run_folder = RunFolder.create(folder, redact_settings(record))
        with holding(run_folder.path, "run"):
            return _go(parts, run_folder, observers=observers, say=say, started=started)


@contextmanager
def _watched(
    config: RunConfig, observers: Iterable[Observer], say: Say, progress: bool
) -> Iterator[tuple[Iterable[Observer], Say]]:
    """Who sees the steps and who is told of stages, the progress display among them if wanted."""
    if not progress:
        yield observers, say
        return
    # Imported here: only who watches needs it.
    from teachgym.progress import LiveProgress

    with LiveProgress(budget_of(config)) as live:
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
    started, config, run_folder = perf_counter(), config_of(folder), RunFolder.open(folder)
    with (
        holding(run_folder.path, "resume"),
        _watched(config, observers, say, progress) as (observers, say),
    ):
        if is_finished(folder):  # By whoever held it until now.
            return read_result(folder)
        require_repeatable(config, folder)
        now, accept = {**read_run_record(run_folder), **software_of(config)}, tuple(accept)
        _accept(run_folder, now, accept)
        check_config(config)
        say("loading the student")
        parts = _assemble(config, folder, make)
        now["data"] = data_of(config, parts.task)
        if found := _accept(run_folder, now, accept):
            _note_accepted(run_folder, now, found)
        return _go(parts, run_folder, observers=observers, say=say, started=started)


def _accept(run_folder: RunFolder, now: Record, accept: Sequence[str]) -> list[str]:
    """The differences between the run as it was and as it would go on, all of them accepted."""
    record, journal = read_run_record(run_folder), Journal(run_folder.journal)
    # What somebody wrote into config.json counts, and so does what is there now.
    edits = differences(journal.written or record, record)
    found = dict.fromkeys([*edits, *differences(journal.run or record, now)])
    require_accepted(run_folder, list(found), accept)
    return [f"{kind}: {line}" for kind, line in found]


def _note_accepted(run_folder: RunFolder, now: Record, found: Sequence[str]) -> None:
    """Journal the accepted differences before anything else is written."""
    journal = Journal(run_folder.journal)
    journal.require_intact()
    if journal.has("started"):
        journal.mend()
        journal.append(
            "resumed", run=now, written=read_run_record(run_folder), accepted=list(found)
        )


def config_of(folder: Path) -> RunConfig:
    """The configuration of the run in ``folder``; raises ``RunError`` if there is none."""
    return RunConfig.of(read_run_record(RunFolder.open(folder))["config"])


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
        with replacing(run_folder.curve) as temporary:
            figure.savefig(temporary, format="png")
    return run_folder.curve


# -- configurations ----------------------------------------------------------------------------


def check_config(config: RunConfig) -> None:
    """Check what can be checked before task and student are loaded; ``run`` does it too.

    It checks that the named parts exist, that values have the declared types and ranges, also in
    nested tables, and that the packages they need are installed. What only a task or a student
    knows, such as the names of its skills, is checked when they are made.

    Raises:
        UnknownNameError: for an environment, teacher, task, student, engine or reward that does
            not exist.
        ConfigError: for a setting that does not exist, or a value of the wrong kind.
        MissingExtraError: for a package that is not installed.
    """
    require_teacher(config.teacher, config.teacher_settings)
    if "chat" in required_settings(config.teacher):
        chat = config.teacher_settings.get("chat") or config.chat
        check_chat(chat, TEACHERS.what(config.teacher))
    if config.env != (full := env_id(config.env)):
        raise UnknownNameError(f"environment {config.env!r} has to be named in full: {full!r}")
    check_installed(config.trackers)
    if config.chat:
        _require_price(config, ChatSettings.of(config.chat))
    if config.env_settings.get("texts", True) is False:
        raise ConfigError(
            "texts is False, and a run keeps the examples in its folder; leave texts out, or use "
            "the environment through gym.make and gym.make_vec"
        )
    if config.env in CONFIGS:
        settings = vars(CONFIGS[config.env].of(_settings_of_env(config)))
        kind = Kind.of(short_name(config.env), settings.get("action", ""))
        require_fit(config.teacher, kind)


def asks_chat(config: RunConfig) -> bool:
    """Whether teacher, engine or proposer of a run ask a chat model."""
    return "chat" in required_settings(config.teacher) or bool(asking(config.env_settings))


def student_name(config: RunConfig) -> str:
    """The student of a configuration, given or by default; empty where nobody can know."""
    default = EnvConfig.student if config.env in CONFIGS else ""
    student = config.env_settings.get("student", default)
    return student if isinstance(student, str) else reference_of(student)


def describe(config: RunConfig) -> str:
    """A line that says who teaches whom."""
    return describe_teaching(
        teacher=label(config.teacher),
        student=student_name(config),
        env=config.env,
        seed=config.seed,
    )


def budget_of(config: RunConfig) -> Budget:
    """The budget of a configuration, given or by default."""
    limits = config.env_settings.get("budget")
    return Budget(**limits) if limits else EnvConfig.budget


def _settings_of_env(config: RunConfig) -> dict[str, Any]:
    """The environment's settings, completed by those that the teacher needs and the chat model."""
    spoken = teacher_entry(config.teacher).env.get(short_name(config.env), {})
    settings = {**spoken, **config.env_settings}
    return {"chat": config.chat, **settings} if config.chat and asking(settings) else settings


# -- assembling --------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Parts:
    """What a configuration describes: all that a run needs from here on."""

    env: AnyEnv
    teacher: AnyTeacher
    seed: int
    trackers: Mapping[str, Any]
    keep: Keep
    names: Mapping[str, str]
    """Teacher, environment and student, as results call them."""

    @property
    def base(self) -> Any:
        """The ``TeacherEnv`` under the wrappers."""
        return self.env.unwrapped

    @property
    def task(self) -> Task:
        """What is taught."""
        task: Task = self.env.get_wrapper_attr("task")
        return task

    @property
    def spec(self) -> str:
        """The spec of the environment as JSON; objects are replaced by their names."""
        spec = self.env.spec
        return "" if spec is None else replace(spec, kwargs=recorded(spec.kwargs)).to_json()


def _assemble(config: RunConfig, folder: Path, make: Make) -> _Parts:
    """What a checked configuration describes; its chat model is recorded in the run's folder."""
    needed = required_settings(config.teacher) - config.teacher_settings.keys()
    student, found = student_name(config), dict[str, Any]()
    if config.chat:
        store = {"store": str(RunFolder(folder.resolve()).chat)}
        config = replace(config, chat={**store, **config.chat})
        chat = ChatSettings.of(config.chat)
        if "chat" in needed:
            who = TEACHERS.what(config.teacher)
            require_key(chat, who)
            found["chat"], workers = open_chat(chat, who)
            found |= {"workers": workers} if "workers" in teacher_settings(config.teacher) else {}
    env = make(config.env, **_settings_of_env(config))
    if "learnable" in needed:
        settings = config.env_settings.get("student_settings", {})
        found["learnable"] = learnable_skills(student, settings)
    if "plan" in needed:
        found["plan"] = _searched(config, env, free=True)
    if "allocation" in needed:
        found["allocation"] = _searched(config, env, free=False)[0]
    if "pool" in needed:
        found["pool"] = _signed(env.get_wrapper_attr("task").examples("train"))
    teacher = make_teacher(config.teacher, env, **{**found, **config.teacher_settings})
    names = {"teacher": teacher.name, "env": config.env, "student": student}
    return _Parts(env, teacher, config.seed, config.trackers, Keep.of(config.keep), names)


def _require_price(config: RunConfig, chat: ChatSettings) -> None:
    """Refuse a limit of dollars where the price of the chat model is not known."""
    if chat.price is None and "dollars" in (config.env_settings.get("budget") or {}):
        raise ConfigError(
            f"the price of {chat.model} is not known, so a budget of dollars would not bind; "
            'give dollars per million tokens: --set \'chat.prices={"in": 0.15, "out": 0.6}\''
        )


def _searched(config: RunConfig, env: AnyEnv, *, free: bool) -> FloatArray:
    """The best plan, or the best constant one, for the student as far as it is known.

    Raises:
        ConfigError: if it is not known how the student learns.
    """
    name, settings = student_name(config), config.env_settings.get("student_settings", {})
    profile, rules = profile_of(name, settings), env.get_wrapper_attr("rules")
    if profile is None:
        raise ConfigError(
            f"nobody knows how student {name!r} learns, so no plan can be searched for; give the "
            f"plan of teacher {config.teacher!r} in teacher_settings"
        )
    return plan_for(
        profile, env.get_wrapper_attr("task"), rules.budget, rules.examples_per_step, free=free
    )


def _signed(examples: Data) -> Data:
    """Examples of a task, marked as handed in by a teacher."""
    return tuple(
        replace(e, source="teacher", provenance=Provenance(seeds=(e.id,), teacher="pool"))
        for e in examples
    )


# -- running -----------------------------------------------------------------------------------


def _go(
    parts: _Parts,
    run_folder: RunFolder,
    *,
    observers: Iterable[Observer],
    say: Say,
    started: float,
) -> RunResult:
    parts.base.say = say
    with closing(parts.env), open_trackers(run_folder, parts.trackers) as tracker:
        tally = Tally()
        steps = record_steps(
            parts.env,
            parts.teacher,
            run_folder,
            seed=parts.seed,
            trackers=[tracker],
            keep=parts.keep,
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


def _finish(parts: _Parts, run_folder: RunFolder, tally: Tally, say: Say) -> RunResult:
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
    names = {**parts.names, "seed": parts.seed, "task": base.task.name}
    result = collect_result(run_folder, snapshot, tally, names)
    write_json(run_folder.result, result_to_json(result))
    return result
