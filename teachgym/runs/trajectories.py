"""The calls of a run's language model with their rewards, as data to train one on.

A journal names the recorded calls of each step, and what came of each action of a group that was
tried from one student. So every call has the reward of its step, and every reply that was tried
has its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np

from teachgym.chat.cache import read_calls
from teachgym.errors import RunError
from teachgym.metrics import advantages
from teachgym.records import Record
from teachgym.runs.export import exporting, write_card, write_rows
from teachgym.runs.folder import RunFolder
from teachgym.runs.journal import Journal
from teachgym.runs.provenance import read_record
from teachgym.types import Messages

Calls = Mapping[str, tuple[Messages, str]]
"""Messages and answer of each recorded call, by key."""


def export_trajectories(run: RunFolder, out: Path, *, license: str = "unknown") -> Path:
    """Write the calls of a finished run as data sets, with a card.

    ``datasets.load_dataset(str(out), name)`` opens each: ``sft``, ``grpo`` and, where replies were
    tried in groups, ``dpo``.

    Args:
        run: a finished run whose chat calls are recorded.
        out: a new folder.
        license: for the card's field; what the data may be used for depends on who wrote it.

    Returns:
        ``out``.

    Raises:
        RunError: if the run is not finished, no chat model was asked, a call is missing in its
            record, somebody else works on it, or ``out`` exists.
    """
    with exporting(run, out) as (result, folder):
        steps = Journal(run.journal).steps
        if not any("calls" in line for line in steps):
            raise RunError(
                f"{run.path} has no calls of chat models in its journal; run a teacher that asks "
                "one, such as llm-text"
            )
        calls = read_calls(run.chat)
        rows = {
            "sft": list(_sft(steps, calls)),
            "grpo": list(_grpo(steps, calls)),
            "dpo": list(_dpo(steps, calls)),
        }
        rows = {name: own for name, own in rows.items() if own}
        (folder / "data").mkdir(parents=True)
        for name, own in rows.items():
            write_rows(folder / "data" / f"{name}.jsonl", own)
        facts = {"result": result, "config": read_record(run), "rows": rows}
        write_card(folder, "trajectories", **facts, license=license)
    return out


def _sft(steps: Iterable[Record], calls: Calls) -> Iterable[Record]:
    """A row for each call whose answer counts."""
    steps = list(steps)
    to_come = list(accumulate(line["reward"] for line in reversed(steps)))[::-1]
    for line, return_ in zip(steps, to_come, strict=True):
        for messages, text in _counted(line, calls):
            yield {
                "messages": [*messages, _said(text)],
                "step": line["step"],
                "reward": line["reward"],
                "return": return_,
            }


def _grpo(steps: Iterable[Record], calls: Calls) -> Iterable[Record]:
    """A row for each reply with its reward: of a group its own and its advantage."""
    for line in steps:
        asked = {text: messages for messages, text in _calls_of(line, calls)}
        grouped = set[str]()
        for number, group in enumerate(_groups(line)):
            group_id, rewards = f"{line['step']}/{number}", group["rewards"]
            better = advantages(np.array(rewards, dtype=np.float64)).tolist()
            for text, reward, advantage in zip(group["texts"], rewards, better, strict=True):
                if text in asked:
                    yield _reply(asked[text], text, line, reward, group_id, advantage)
            grouped |= {*group["texts"]}
        for messages, text in _counted(line, calls):
            if text not in grouped:
                yield _reply(messages, text, line, line["reward"], None, None)


def _dpo(steps: Iterable[Record], calls: Calls) -> Iterable[Record]:
    """The best and the worst reply of each group that differ in their rewards."""
    for line in steps:
        asked = {text: messages for messages, text in _calls_of(line, calls)}
        for group in _groups(line):
            ranked = sorted(zip(group["rewards"], group["texts"], strict=True))
            (low, worst), (high, best) = ranked[0], ranked[-1]
            if high > low and best in asked:
                yield {
                    "prompt": list(asked[best]),
                    "chosen": [_said(best)],
                    "rejected": [_said(worst)],
                    "margin": high - low,
                    "noise": group["noise"],
                    "step": line["step"],
                }


def _reply(
    messages: Messages,
    text: str,
    line: Record,
    reward: float,
    group: str | None,
    advantage: float | None,
) -> Record:
    return {
        "prompt": list(messages),
        "completion": [_said(text)],
        "step": line["step"],
        "terminated": line["terminated"],
        "reward": reward,
        "group": group,
        "advantage": advantage,
    }


def _groups(line: Record) -> list[dict[str, Any]]:
    """The groups of texts that were tried before a step where the episode was."""
    return [
        {"texts": texts, "rewards": probe["rewards"], "noise": probe["noise"]}
        for probe in line.get("probes", ())
        if probe["probe"] == "branch"
        and "refused" not in probe
        and set(probe["states"]) == {"here"}
        and isinstance(texts := _acts(probe["actions"]), list)
        and all(isinstance(text, str) for text in texts)
    ]


def _action(line: Record) -> Any:
    """The action of a step, if it was a text."""
    action = _acts(line["action"])
    return action[0] if isinstance(action, list) and len(action) == 1 else action


def _acts(written: Any) -> Any:
    """Actions as a space writes them, without ``stop`` beside them."""
    stoppable = isinstance(written, dict) and written.keys() == {"action", "stop"}
    return written["action"] if stoppable else written


def _calls_of(line: Record, calls: Calls) -> list[tuple[Messages, str]]:
    missing = next((key for key in line.get("calls", ()) if key not in calls), None)
    if missing is not None:
        raise RunError(
            f"the call {missing} of step {line['step']} is not in the record of the run's chat "
            "model; restore chat.sqlite from a copy"
        )
    return [calls[key] for key in line.get("calls", ())]


def _counted(line: Record, calls: Calls) -> list[tuple[Messages, str]]:
    """The calls whose answers count: of several replies to one question that which was made."""
    asked, action = _calls_of(line, calls), _action(line)
    questions = [messages for messages, text in asked if text == action]
    return [(m, text) for m, text in asked if text == action or m not in questions]


def _said(text: str) -> Record:
    return {"role": "assistant", "content": text}
