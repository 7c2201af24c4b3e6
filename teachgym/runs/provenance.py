"""Compare the software and settings of a run with the present ones, so that no change is silent.

A run records its configuration, the versions and the commit of the software, and digests of the
code and data it was given. Whoever resumes it with others is shown each difference, and has to
accept it by its kind; what was accepted is in the journal and in the result.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from secrets import token_hex
from typing import Any, Literal, get_args

from teachgym.errors import RunError, TeachgymError, require_known
from teachgym.protocols import Task
from teachgym.records import Record, example_to_json
from teachgym.registry import OBJECT, sources
from teachgym.runs.config import RunConfig
from teachgym.runs.files import naming, read_json
from teachgym.runs.folder import RunFolder
from teachgym.runs.journal import Journal
from teachgym.runs.manifest import digest_of
from teachgym.runs.versions import commit, versions
from teachgym.shown import command
from teachgym.types import Split, leaves_by_root

Kind = Literal["config", "versions", "commit", "code", "data"]
"""The kinds of differences that a user can accept."""

_OWN = ("versions", "commit", "code", "data")
_SPLITS: tuple[Split, ...] = ("val", "test")


def read_run(run: RunFolder) -> tuple[Record, RunConfig]:
    """The content of ``config.json``, and the configuration in it.

    Raises:
        RunError: if it is missing, damaged or of another shape; names it.
    """
    record = read_record(run)
    try:
        return record, RunConfig.of(record["config"])
    except (TeachgymError, TypeError) as error:
        raise RunError(f"{run.config} is damaged ({error}); restore it from a copy") from error


def read_record(run: RunFolder) -> Record:
    """The content of ``config.json``; raises as ``read_run`` for what is no such record."""
    record = read_json(run.config)
    shape = {"config": dict, "id": str, "spec": str, "versions": dict}
    for key, kind in shape.items():
        if not isinstance(record.get(key), kind):
            raise RunError(
                f"{run.config} is damaged ({key!r} is {record.get(key)!r}, which is no "
                f"{'table' if kind is dict else 'text'}); restore it from a copy"
            )
    return record


def new_record(config: Record, task: Task, spec: str) -> Record:
    """The content of ``config.json`` for a new run of ``task`` in an environment of ``spec``.

    ``config``, here and below, is a ``RunConfig`` as JSON.
    """
    return {
        **({"repeatable": False} if objects_in(config) else {}),
        "config": config,
        "id": token_hex(4),
        "spec": spec,
        **software_of(config),
        "data": data_of(config, task),
        "roots": _roots(task),
    }


def _roots(task: Task) -> dict[str, str]:
    """The root of each skill that has one, for whoever shows the run."""
    trees = leaves_by_root(task.skills).items()
    return {leaf: root for root, leaves in trees for leaf in leaves if leaf != root}


def software_of(config: Record) -> Record:
    """Versions and commit of the software, and digests of the code that a configuration names."""
    return {"versions": versions(), "commit": commit(), "code": code_of(config)}


def require_repeatable(config: Record, folder: Path) -> None:
    """Refuse a run that an object decides which no name leads to."""
    if objects := objects_in(config):
        raise RunError(
            f"{folder} was begun with an object ({', '.join(objects)}), so it cannot be "
            "repeated from its folder; name parts as module:attribute or file.py:attribute"
        )


def data_of(config: Record, task: Task) -> dict[str, str]:
    """Digests of what a run is given: its items of val and test, and the files its settings name.

    Beside them, by name and version, what the task's grades rely on, such as a sandbox. A model or
    data set that is named by its id on a hub is not a file, and not among them.
    """
    return {
        **{f"items of {split}": _digest_items(task, split) for split in _SPLITS},
        **task.relies_on,
        **{str(path): digest_path(path) for path in _paths(config)},
    }


def code_of(config: Record) -> dict[str, str]:
    """Digests of the source files of the parts that are not teachgym's own, by their names."""
    found = sources([*_texts(config), *config["trackers"]])
    return {name: digest_of(path)[1] for name, path in found.items() if path.is_file()}


def changes_of_parts(run: RunFolder, digest: Callable[[Path], str]) -> list[tuple[Kind, str]]:
    """The changes, since a run was made, in the code and files that its configuration names.

    What is not there any more is no change, and neither is the code of trackers, which are only
    told of a run.

    Args:
        run: it was begun.
        digest: ``digest_path``, or what remembers its values for several runs.
    """
    record, _ = read_run(run)
    config = {**record["config"], "trackers": {}}
    now = {"code": code_of(config), "data": {str(p): digest(p) for p in _paths(config)}}

    def changes(made: Record) -> list[tuple[Kind, str]]:
        was = {k: {n: d for n, d in made.get(k, {}).items() if n in now[k]} for k in now}
        return differences(was, {k: {name: now[k][name] for name in was[k]} for k in now})

    # Few runs were resumed with something else, so the journal is only read where that matters.
    return changes(record) and changes(Journal(run.journal).run or record)


def objects_in(config: Record) -> list[str]:
    """The settings that are objects which no name leads to, so that no run can be repeated."""
    return [f"{place} = {value}" for place, value in _leaves(config) if value.startswith(OBJECT)]


def differences(recorded: Record, now: Record) -> list[tuple[Kind, str]]:
    """The differences between two records of a run, each with its kind and as a line to show.

    Example:
        >>> differences({"versions": {"torch": "2.13.0"}}, {"versions": {"torch": "2.12.0"}})
        [('versions', 'torch: 2.13.0 -> 2.12.0')]
    """
    found: list[tuple[Kind, str]] = []
    for kind in get_args(Kind):
        before, after = (dict(_leaves(_part(record, kind))) for record in (recorded, now))
        for key in sorted(before.keys() | after.keys()):
            one, other = before.get(key, "nothing"), after.get(key, "nothing")
            if one != other:
                found.append((kind, f"{key}: {one} -> {other}"))
    return found


def require_accepted(
    run: RunFolder, found: Sequence[tuple[Kind, str]], accept: Iterable[str]
) -> None:
    """See that somebody has accepted every difference.

    Raises:
        ConfigError: for a kind to accept that there is not.
        RunError: for differences of other kinds; shows each on a line.
    """
    accept = set(accept)
    require_known("kind of difference", accept, get_args(Kind))
    left = [(kind, line) for kind, line in found if kind not in accept]
    if not left:
        return
    kinds = dict.fromkeys(kind for kind, _ in left)
    flags = [part for k in dict.fromkeys([*sorted(accept), *kinds]) for part in ("--accept", k)]
    lines = "".join(f"\n  {kind}: {line}" for kind, line in left)
    raise RunError(
        f"{run.config}: the run would not go on as it was begun:{lines}\n"
        f"set that up as it was, or accept it: {command('resume', run.path, *flags)}"
    )


def _part(record: Record, kind: Kind) -> Any:
    if kind == "config":
        return {key: value for key, value in record.items() if key not in _OWN}
    if kind == "commit":
        return {"commit": record.get("commit")}
    return record.get(kind, {})


def _leaves(value: Any, place: str = "") -> Iterator[tuple[str, str]]:
    """Each value that holds no others, as JSON or plain text, by its place."""
    if isinstance(value, Mapping) and value:
        for key, item in value.items():
            yield from _leaves(item, f"{place}.{key}" if place else str(key))
    else:
        yield place, value if isinstance(value, str) and value else json.dumps(value)


def _digest_items(task: Task, split: Split) -> str:
    running = sha256()
    for example in task.examples(split):
        running.update(json.dumps(example_to_json(example), sort_keys=True).encode())
    return running.hexdigest()


def _paths(config: Record) -> list[Path]:
    """The files and folders that settings name, as far as they are there."""
    texts = {*_texts(config["env_settings"]), *_texts(config["teacher_settings"])}
    if config["chat"].get("provider") == "local":
        texts.add(str(config["chat"].get("model")))
    # Names such as tiny are no paths, whatever lies about where the program is called.
    paths = (Path(text) for text in texts if ("/" in text or "." in text) and len(text) < 4096)
    return sorted(path for path in paths if _is_there(path))


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            # The store of a chat model is written by the run itself, and by others.
            if not (key == "store" and "model" in value):
                yield from _texts(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _texts(item)


def digest_path(path: Path) -> str:
    """The digest of a file, or of all files in a folder with their names."""
    with naming(path):
        if not path.is_dir():
            return digest_of(path)[1]
        running = sha256()
        for file in sorted(file for file in path.rglob("*") if file.is_file()):
            name = file.relative_to(path).as_posix()
            running.update(f"{name} {digest_of(file)[1]}\n".encode())
        return running.hexdigest()
