"""Running from the command line: threads, live progress, interruptions, and the final table."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console
from typer.core import TyperGroup

from teachgym.cli.requirements import require_versions
from teachgym.errors import ChatError, TeachgymError, describe_os_error
from teachgym.escaping import terminal
from teachgym.shown import command

if TYPE_CHECKING:
    from teachgym.report.tables import Rows
    from teachgym.runs.config import RunConfig
    from teachgym.runs.result import RunResult


def prepare_process(threads: int | None) -> None:
    """Set what torch and its friends read when they are loaded: one thread unless told otherwise.

    Their own progress bars are off; they would break through the live display. Modules are also
    looked for where the command is given, after the installed ones: processes that are started from
    a checkout shall run the installed package, as this one does.

    Raises:
        VersionError: if a required package is absent or too old.
    """
    require_versions()
    if "" not in sys.path:
        sys.path.append("")
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        if threads is not None or name not in os.environ:
            os.environ[name] = str(threads or 1)
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # waiting threads sleep, not spin
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")


_USAGE: Any = typer.BadParameter.__bases__[0]
"""The error for wrong options: ``click.UsageError``, which is typer's own since 0.26."""


@contextmanager
def errors_in_red() -> Iterator[None]:
    """Show errors that are meant for people in one line, with exit code 2 and no traceback.

    So are those of the operating system: no room, no permission, a name too long.
    """
    try:
        yield
    except TeachgymError as error:
        message = str(error)
    except _USAGE as error:
        message = error.format_message()
    except BrokenPipeError:
        raise  # Whoever reads has seen enough: typer knows what to do.
    except OSError as error:
        message = describe_os_error(error)
    else:
        return
    complain(f"error: {' '.join(message.split())}", style="red")
    raise typer.Exit(2)


class OneLine(TyperGroup):
    """The commands; a wrong option is told in one line, too."""

    def make_context(self, info_name: Any, args: Any, *rest: Any, **extra: Any) -> Any:
        """The context that ``TyperGroup`` makes; without arguments there is help."""
        with errors_in_red() if args else nullcontext():
            return super().make_context(info_name, args, *rest, **extra)

    def invoke(self, ctx: Any) -> Any:
        """Invoke as ``TyperGroup`` does."""
        with errors_in_red():
            return super().invoke(ctx)


def say(text: str) -> None:
    """Print a line, however long; control characters in it are shown, secrets are not."""
    Console(soft_wrap=True).print(terminal(text), markup=False, highlight=False)


def complain(text: str, *, style: str = "") -> None:
    """Print a line as ``say`` does, to the error output."""
    console = Console(stderr=True, soft_wrap=True)
    console.print(terminal(text), style=style, markup=False, highlight=False)


_GO_ON: dict[type[BaseException], str] = {
    KeyboardInterrupt: "stopped; continue with",
    SystemExit: "nobody reads what is printed; continue with",  # So rich ends at a closed pipe.
    BrokenPipeError: "nobody reads what is printed; continue with",
    ChatError: "the chat model does not answer; once it does",
    OSError: "nothing is lost; once the disk takes files",
}
"""The ends of a run that can be resumed, each with the words before the command that does."""


def conduct(
    config: RunConfig, folder: Path, start: Callable[..., RunResult], *, quiet: bool
) -> None:
    """Run with live progress, then show the outcome.

    Args:
        config: of the run.
        folder: of the run.
        start: ``experiment.run`` or ``experiment.resume``, but for ``progress``.
        quiet: print the folder and nothing else.
    """
    from teachgym.assembly import describe
    from teachgym.experiment import draw_curve

    if not quiet:
        say(f"{describe(config)}; folder {folder}")
    try:
        result = start(progress=not quiet)
    except tuple(_GO_ON) as error:
        if (folder / "config.json").exists():
            how = next(how for kind, how in _GO_ON.items() if isinstance(error, kind))
            complain(f"{how}: {command('resume', folder)}")
        if isinstance(error, KeyboardInterrupt):
            raise typer.Exit(130) from None
        raise
    if quiet:
        say(str(folder))
    else:
        show(result, folder)
        say(f"page            {command('report', folder)}")
    draw_curve(folder)  # Last: on a full disk all else is shown.


def show(result: RunResult, folder: Path) -> None:
    """Print the final tables, where everything is, and what to do with it."""
    from teachgym.report.tables import result_table

    Console().print(result_table(result))
    say("")
    say(f"training data   {folder / 'examples.jsonl'}")
    say(f"learning curve  {folder / 'curve.png'}")
    say(f"best student    {folder / 'student'}")
    if again := _again(folder):
        say(f"teach it on     {again}")


def _again(folder: Path) -> str:
    """The command that goes on with the trained student, on the same task.

    Empty for students of which nobody knows how to load them.
    """
    from teachgym.assembly import student_name
    from teachgym.cli.configuring import as_options
    from teachgym.experiment import config_of
    from teachgym.students import is_language_model

    config, student = config_of(folder), folder / "student"
    given, name = config.env_settings, student_name(config)
    settings = {key: given[key] for key in ("task_settings", "skills") if given.get(key)}
    if name == "simulated":
        settings = {"student_settings": {"profile": str(student / "profile.json")}, **settings}
        student = Path(name)
    elif not is_language_model(name):
        return ""
    task = ("--task", given["task"]) if "task" in given else ()
    return f"{command('run', '--student', student, *task)} {as_options(settings)}".rstrip()


def show_table(rows: Rows, *, markdown: bool = False) -> None:
    """Print header and rows as a table, or as one in Markdown."""
    from teachgym.report.tables import markdown_rows, rich_rows

    if markdown:
        say(markdown_rows(rows))
    else:
        Console().print(rich_rows(rows))


def show_teaching(folder: Path, *, markdown: bool) -> None:
    """Print what was taught in a finished run and what it helped."""
    from teachgym.report.teaching import draw_forest, last_forest, teaching_tables
    from teachgym.runs import RunFolder

    run = RunFolder.open(folder)
    for title, rows in teaching_tables(run):
        say(f"\n{title}\n")
        show_table(rows, markdown=markdown)
    if (forest := last_forest(run)) is not None:
        say(f"\nthe skill forest\n\n{draw_forest(forest)}")
