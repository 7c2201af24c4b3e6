"""``teachgym discover``: find the skills of a task and write them to a file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from teachgym.cli import options as given
from teachgym.cli.run import prepare_process, say
from teachgym.errors import ConfigError, require_known

if TYPE_CHECKING:
    from rich.table import Table

    from teachgym.ledger import Ledger
    from teachgym.skills.skill_file import SkillFile
    from teachgym.types import Split

EXAMPLES = """Examples:

teachgym discover --skills 32

teachgym discover --method gold --out gold.json

teachgym discover --task math --method llm --skills 12 --chat openai --chat-model gpt-4o
"""


TaskName = Annotated[
    str, typer.Option("--task", help="Task whose skills to find: a name from teachgym list tasks.")
]
Method = Annotated[
    str,
    typer.Option(
        help="llm: a chat model labels the examples and groups the labels. clusters: groups "
        "examples with similar texts. gold: takes the task's own skills.",
    ),
]
Skills = Annotated[
    int | None, given.option("Number of skills.", "as many as the method finds", min=1)
]
Splits = Annotated[
    list[str] | None,
    typer.Option(
        "--split", help="A split whose examples are read. Repeatable.", show_default="val"
    ),
]
Out = Annotated[Path, typer.Option(help="The skill file to write; it must not exist yet.")]
Labels = Annotated[
    Path | None,
    typer.Option(help="A skill file with labels to reuse instead of asking for them again."),
]
ChatStore = Annotated[
    Path | None,
    given.option("File of recorded answers.", "chat/chat.sqlite in the user's cache folder"),
]
Limits = Annotated[
    list[str] | None,
    typer.Option(
        metavar="CURRENCY=LIMIT",
        help="A limit for the chat model, such as dollars=1. Repeatable.",
    ),
]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Any other setting, as JSON or text. Repeatable. Method: seed=1. Task: task.seed=1. "
        "Chat model: chat.temperature=0.",
    ),
]


_WHAT = "what it is"


def discover(
    task: TaskName = "arithmetic-and-strings",
    method: Method = "clusters",
    skills: Skills = None,
    split: Splits = None,
    out: Out = Path("skills.json"),
    labels: Labels = None,
    chat: given.Chat = None,
    chat_model: given.ChatModel = None,
    chat_base_url: given.ChatBaseUrl = None,
    chat_cache: given.ChatCache = None,
    chat_store: ChatStore = None,
    budget: Limits = None,
    settings: Settings = None,
    threads: given.Threads = None,
) -> None:
    """Find the skills that the examples of a task need, and write them to a file to edit.

    If a discovery by a chat model is stopped, the same command continues it from the recorded
    answers.
    """
    prepare_process(threads)
    from teachgym.cli import configuring
    from teachgym.runs.files import check_writable

    if out.exists():
        raise ConfigError(f"{out} exists; remove it, or choose another file with --out")
    check_writable(out.parent)
    flags = {
        "method.skills": skills,
        "chat.provider": chat,
        "chat.model": chat_model,
        "chat.base_url": chat_base_url,
        "chat.cache": chat_cache,
        "chat.store": str(chat_store) if chat_store else None,
    }
    tables: dict[str, dict[str, Any]] = {"method": {}, "task": {}, "chat": {}}
    configuring.override_given(tables, flags)
    for key, value in configuring.parse_pairs(settings or ()).items():
        known = key.partition(".")[0] in tables
        configuring.override(tables, {key if known else f"method.{key}": value})
    limits = configuring.parse_pairs(budget or ())
    _discover(task, method, _checked(split or ["val"]), out, tables, limits, labels)


def _discover(
    task_name: str,
    method: str,
    splits: Sequence[Split],
    out: Path,
    tables: Mapping[str, dict[str, Any]],
    limits: Mapping[str, Any],
    labels: Path | None,
) -> None:
    """Discover, write and show."""
    from teachgym.cli.configuring import as_options
    from teachgym.ledger import Ledger
    from teachgym.skills.agreement import agreement_with_own
    from teachgym.skills.discovery import METHODS, discover_skills
    from teachgym.skills.skill_file import read_skill_file, write_skill_file
    from teachgym.tasks import make_task
    from teachgym.types import CURRENCIES, Budget

    require_known("currency", limits, CURRENCIES)
    ledger = Ledger(Budget(**limits))
    task = make_task(task_name, **tables["task"])
    chosen = dict(tables["method"])
    if labels is not None:
        chosen["labels"] = read_skill_file(labels).labels
    services = {"task": task, "meter": ledger, "chat": tables["chat"]}
    discovery = METHODS.make(method, settings=chosen, **services)
    file = discover_skills(discovery, task, method=method, splits=splits)
    write_skill_file(out, file)
    examples = [e for split in splits for e in task.examples(split)]
    Console().print(_table(file))
    for kind, found in agreement_with_own(file.assignments, task, examples).items():
        say(f"agreement with the task's own {kind}: AMI {found}")
    _tell_spending(ledger)
    own = as_options({"task_settings": tables["task"], "skills": str(out)})
    say(f"skill file  {out}")
    say(f"teach them  teachgym run --task {task_name} {own}")


def _checked(splits: Sequence[str]) -> tuple[Split, ...]:
    from teachgym.types import SPLITS

    require_known("split", splits, SPLITS)
    return tuple(s for s in SPLITS if s in splits)


def _table(file: SkillFile) -> Table:
    """Skills with their examples, the most frequent first."""
    from teachgym.report.tables import rich_rows

    counts = file.counts
    described = {skill.name: skill.description for skill in file.skills}
    ordered = sorted(counts, key=lambda name: -counts[name])
    rows = [(name, str(counts[name]), described[name]) for name in ordered]
    title = f"{len(counts)} skills of {file.task}, found by {file.method}"
    return rich_rows([("skill", "examples", _WHAT), *rows], title=title, words=[_WHAT])


def _tell_spending(ledger: Ledger) -> None:
    """Print the cost and the incidents of the chat model, if there was one."""
    spent = ledger.spent
    if spent.teacher_calls or ledger.incidents:
        say(
            f"spent: {spent.teacher_calls} calls, {spent.teacher_tokens_in} tokens in, "
            f"{spent.teacher_tokens_out} out, {spent.dollars:.4f} dollars"
        )
    for event, count in Counter(incident.event for incident in ledger.incidents).items():
        say(f"incident: {event} x {count}")
