"""TRL's ``GRPOTrainer`` on measured gains.

::

    forks = Forks("SkillList", 8, student="tiny", observation="text", action="text")
    trainer = GRPOTrainer(
        model="Qwen/Qwen3-0.6B",
        reward_funcs=measured_gain(forks),
        train_dataset=Dataset.from_list(rows(forks, range(1000))),
    )

Everything goes through ``reward_funcs``, which TRL calls once for all completions: a function for
each completion, such as ``get_reward`` of an environment, would train the students one by one. TRL
repeats a row for each member of its group, so that all of a group start from the row's state.

A model that calls tools gets those of the form by ``environment_factory=rollouts(forks)``. They
note what is to be done; ``measured_gain`` does it, for all rollouts at once.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, get_args

from pydantic import BaseModel

from teachgym.envs.forks import Forks
from teachgym.language.form import Form, write_items
from teachgym.records import Record

Completion = str | Sequence[Record]
"""A text, or the messages of a conversation."""


def rows(forks: Forks, states: Iterable[int | str]) -> list[Record]:
    """A row for each state: ``prompt``, messages, and ``state``, its id.

    Args:
        forks: where replies will be tried.
        states: seeds, for their untrained students, or ids that ``Forks.branch`` has given and
            that are kept as long as their rows are in use.
    """
    found = []
    for state in map(str, states):
        with _forgetting(forks):
            start = _started(forks, state)
            prompt = forks.form(start).prompt_of(forks.observation(start))
        found.append({"prompt": list(prompt), "state": state})
    return found


def measured_gain(forks: Forks) -> Callable[..., list[float]]:
    """The reward function: what each completion earns in the state of its row.

    Where a rollout has called tools, its calls are the reply. Members of a group are tried
    together, and the group's signal-to-noise ratio, its mean gain and the share of replies with
    something rejected are logged where TRL offers to.
    """

    def gain(
        completions: Sequence[Completion],
        state: Sequence[str],
        environments: Sequence[Rollout] | None = None,
        log_metric: Callable[[str, float], None] | None = None,
        **_: Any,
    ) -> list[float]:
        rewards = [0.0] * len(completions)
        noted = [_noted(e) for e in environments] if environments else [""] * len(completions)
        replies = [calls or _text(text) for calls, text in zip(noted, completions, strict=True)]
        for id_ in dict.fromkeys(state):
            places = [place for place, other in enumerate(state) if other == id_]
            with _forgetting(forks):
                own = [replies[place] for place in places]
                branch = forks.branch(_started(forks, id_), own)
            for place, reward in zip(places, branch.rewards.tolist(), strict=True):
                rewards[place] = reward
            rejected = [bool(result[4]["rejected"]) for result in branch.results]
            if log_metric is not None:
                log_metric("teachgym/signal_to_noise", branch.spread.signal_to_noise)
                log_metric("teachgym/gain", sum(g.mean for g in branch.gains) / len(places))
                log_metric("teachgym/rejected", sum(rejected) / len(places))
        return rewards

    gain.__name__ = "measured_gain"  # What TRL logs it under.
    return gain


class Rollout:
    """The environment of one rollout; the tools of a form are methods of subclasses.

    TRL takes every public method but ``reset`` for a tool.
    """

    def __init__(self) -> None:
        self._items: list[Record] = []

    def reset(self, **row: Any) -> None:
        """Forget what an earlier rollout has noted; ``row`` is one of the data set."""
        self._items = []


def rollouts(forks: Forks) -> Callable[[], Rollout]:
    """TRL's ``environment_factory``, for a model whose chat template knows tools.

    Calls are noted and nothing is trained before ``measured_gain``, so a rollout may order in
    several calls.
    """
    with _forgetting(forks):
        form = forks.form(_started(forks, "0"))
    tools = {name: _tool(form, name, arguments) for name, arguments in form.calls.items()}
    return type("Rollout", (Rollout,), tools)


def _tool(form: Form[Any, Any], name: str, arguments: type[BaseModel]) -> Callable[..., str]:
    """A method that notes a call, with the signature and docstring that schemas are made of."""

    def note(self: Rollout, **given: Any) -> str:
        self._items.append(form.item_of_call(name, given))
        return "noted"

    schema = arguments.model_json_schema()["properties"]
    told = "\n".join(f"    {field}: {_meaning(field, schema[field])}" for field in schema)
    parameters = [
        inspect.Parameter(
            field,
            inspect.Parameter.KEYWORD_ONLY,
            default=inspect.Parameter.empty if known.is_required() else known.default,
            annotation=_plain(known.annotation),
        )
        for field, known in arguments.model_fields.items()
    ]
    own = inspect.Parameter("self", inspect.Parameter.POSITIONAL_ONLY)
    note.__name__ = name
    note.__doc__ = f"{inspect.getdoc(arguments)}\n\nArgs:\n{told}\n"
    note.__annotations__ = {p.name: p.annotation for p in parameters} | {"return": str}
    note.__signature__ = inspect.Signature([own, *parameters])  # type: ignore[attr-defined]
    return note


def _plain(annotation: Any) -> Any:
    """A type that JSON schemas are made of: a list of models is one of tables."""
    inner = get_args(annotation)
    is_model = bool(inner) and isinstance(inner[0], type) and issubclass(inner[0], BaseModel)
    return list[dict[str, Any]] if is_model else annotation


def _meaning(field: str, schema: Mapping[str, Any]) -> str:
    said = schema.get("description", field.replace("_", " "))
    return f"{said} (choices: {json.dumps(schema['enum'])})" if "enum" in schema else said


def _started(forks: Forks, state: str) -> str:
    """The id of a state, which is made where it is that of a seed."""
    return forks.start(int(state)) if state.isdigit() else state


@contextmanager
def _forgetting(forks: Forks) -> Iterator[None]:
    """Forget at the end whatever was not kept before: that may be somebody's."""
    kept = forks.kept
    try:
        yield
    finally:
        forks.forget(*(forks.kept - kept))


def _noted(rollout: Rollout) -> str:
    """The reply that equals the calls of a rollout; empty without any."""
    return write_items(rollout._items) if rollout._items else ""


def _text(completion: Completion) -> str:
    """The model's last reply."""
    return completion if isinstance(completion, str) else str(completion[-1]["content"])
