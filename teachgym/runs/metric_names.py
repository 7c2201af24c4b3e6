"""Every number that is logged: its name, what it means, its unit, and when it is there.

``metrics.jsonl``, Weights & Biases and TensorBoard get the same names. ``docs/metrics.md`` holds
``metrics_table()``, and a test compares both with what runs really log.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Metric:
    """One number, or a family of numbers that differ in the last part of their name."""

    name: str
    """As it is logged; a family's ends in ``/``."""
    meaning: str
    unit: str
    when: str
    """At which steps it is logged."""
    members: Mapping[str, str] | None = None
    """The last part of each name in the family, with its meaning."""


_REASONS = {
    "action": "the whole action, which was of another form",
    "reply": "a text, or an item of it, that could not be read",
    "order": "an order that no engine can fill",
    "move": "a move that cannot be made on the skill tree",
    "format": "no well-formed example of a leaf skill of the task, with texts to read",
    "length": "longer than allowed",
    "overlap": "a prompt of `val` or `test`",
    "contamination": "many words in a row that are those of an item of `val` or `test`",
    "label": "the task knows the skill of its prompt, and it is another",
    "answer": "a target that the task does not call right, or a rejected response that is right",
    "kind": "what is no exercise, and fails the check of its kind",
    "duplicate": "a prompt that was there before",
    "budget": "more than can be paid for",
    "known": "answered before training",
}

_INCIDENTS = {
    "bad-draft": "a draft that the task could not make an example of",
    "bad-item": "an item of a reply that does not fit its schema",
    "cut": "a reply that ended before it was complete",
    "disagreement": "a problem whose solutions did not agree often enough",
    "duplicate": "a problem that was shown or written before",
    "empty": "a reply without text",
    "kept": "a root without a usable answer, whose last allocation stands",
    "lost": "a call without an answer",
    "malformed": "a reply nobody could read, after the last attempt",
    "no-usage": "a reply whose tokens the server did not count, so they are estimated",
    "not-wrong": "a wrong response that is right",
    "other-problem": "a problem that was to be answered as it is and was changed",
    "plan-told": "a solution with a line of the plan that it was made by",
    "reask": "a reply nobody could read, asked for again",
    "refusal": "a reply that refuses",
    "repaired": "a reply whose JSON had to be mended",
    "retry": "a call made again after an error of the server",
    "short": "a batch that stayed smaller than ordered",
    "thoughts": "a reply that began with thoughts, which were passed over",
    "too-long": "a reply longer than is read",
    "unfinished": "an evaluation that would have passed the budget, broken off and not seen",
    "unknown-skill": "a skill that the task or the tree does not have",
    "unpaid": "a call that was not made, since nothing was left to pay it",
    "unplanned": "an exercise without a usable plan",
    "unsolved": "a problem without a usable solution",
    "unsupported": "a parameter that the server refuses",
    "unverified": "an answer that the task does not call right",
}

_SPENT = {
    "steps": "environment steps",
    "examples": "examples trained on",
    "teacher_calls": "calls of chat models",
    "teacher_tokens_in": "tokens chat models read",
    "teacher_tokens_out": "tokens chat models wrote",
    "dollars": "price of chat models, in US dollars",
    "train_tokens": "tokens trained on, prompts included, once per pass",
    "generated_tokens": "tokens the student wrote for evaluations, probes and training",
    "seconds": "wall-clock seconds; the one number that differs between equal runs",
}

_AIDED = {
    "accuracy": "mean score on `val`",
    "stderr": "its standard error",
    "n": "items measured",
    "given": "items with an aid",
}

_MEASURED = "as `accuracy`, where there are some"

METRICS: tuple[Metric, ...] = (
    Metric("accuracy", "mean score on `val` after the step", "in [0, 1]", "every step, and step 0"),
    Metric("stderr", "its standard error over items", ">= 0", "every step, and step 0"),
    Metric("n", "items of `val` that were measured", "items", "every step, and step 0"),
    Metric("accuracy/<skill>", "the same of the items of one skill", "in [0, 1]",
           "every step, and step 0"),
    Metric("stderr/<skill>", "its standard error over items", ">= 0", "every step, and step 0"),
    Metric("n/<skill>", "items of it that were measured", "items", "every step, and step 0"),
    Metric("aided/", "the same with the teacher's aids before the prompts", "as above",
           "steps with training and aids", _AIDED),
    Metric("metric/<name>", "a metric of the task (`Task.metrics`)", "the metric's", _MEASURED),
    Metric("metric_stderr/<name>", "its standard error", "the metric's", _MEASURED),
    Metric("metric_n/<name>", "what it is the mean of", "the metric's", _MEASURED),
    Metric("part/<name>", "mean score of a part of the grades", "in [0, 1]", _MEASURED),
    Metric("part_stderr/<name>", "its standard error over items", ">= 0", _MEASURED),
    Metric("part_n/<name>", "items of which it was measured", "items", _MEASURED),
    Metric("student/<name>", "mean score of one of several students", "in [0, 1]", _MEASURED),
    Metric("student_stderr/<name>", "its standard error over items", ">= 0", _MEASURED),
    Metric("student_n/<name>", "items that were measured", "items", _MEASURED),
    Metric("reward", "what the teacher was paid", "the reward's", "every step"),
    Metric("accepted", "examples the student was trained on", "examples", "every step"),
    Metric("rejected", "items of the action that were not used", "items", "every step"),
    Metric("rejected/", "of these, by reason", "items", "where not 0", _REASONS),
    Metric("yield", "share of the batch that the student was trained on", "in [0, 1]",
           "steps with a batch, where a filter is among `gate_checks`"),
    Metric("quality", "share of the accepted exercises whose targets the task calls right",
           "in [0, 1]", "as `yield`, where some were accepted"),
    Metric("quality_stderr", "its standard error over examples", ">= 0", "as `quality`"),
    Metric("quality_n", "exercises that could be checked", "examples", "as `quality`"),
    Metric("incidents", "what went wrong with chat models, or with the budget", "incidents",
           "every step"),
    Metric("incidents/", "of these, by event", "incidents", "where not 0", _INCIDENTS),
    Metric("loss", 'mean training loss per target token; with `loss="dpo"` per pair', "nats",
           "steps with training"),
    Metric("spent/", "spent since the episode began, by currency", "the currency's", "every step",
           _SPENT),
    Metric("test/before", "mean score on `test`, untrained", "in [0, 1]", "last step; not JSONL"),
    Metric("test/after", "the same of the student that was best on `val`", "in [0, 1]",
           "last step; not JSONL"),
    Metric("test/gain", "the difference, paired by item", "in [-1, 1]", "last step; not JSONL"),
    Metric("test/val_gap", "the gain on `val` minus the gain on `test`", "in [-2, 2]",
           "last step; not JSONL"),
)  # fmt: skip
"""In the order of their table."""


def metrics_table() -> str:
    """The tables of ``docs/metrics.md``, as Markdown."""
    return "\n".join(_lines())


def _lines() -> Iterator[str]:
    yield "| metric | meaning | unit | there |"
    yield "|---|---|---|---|"
    for metric in METRICS:
        name = metric.name if metric.members is None else f"{metric.name}..."
        yield f"| `{name}` | {metric.meaning} | {metric.unit} | {metric.when} |"
    for metric in METRICS:
        if metric.members is not None:
            yield from ("", f"| `{metric.name}...` | |", "|---|---|")
            yield from (f"| `{name}` | {meaning} |" for name, meaning in metric.members.items())
