"""The gate: what may enter training. It can veto an example; it never alters one.

A check is a function from an example to what is wrong with it (None = nothing). An example is
rejected for the first check it fails, in the order of ``REASONS``. To add a check, write the
function, and add its line in ``Gate.__init__`` and its reason to ``REASONS``.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from teachgym.errors import ConfigError, unknown
from teachgym.protocols import Task
from teachgym.types import Data, Example, Verdict, leaf_skills

REASONS = ("format", "length", "overlap", "duplicate", "budget")
"""Why an example is kept out, in the order in which the gate looks:

* ``format``: an empty or unprintable text, a skill that is not a leaf of the task, a difficulty
  outside [0, 1];
* ``length``: more characters than ``GateSettings`` allows;
* ``overlap``: its prompt is one of ``val`` or ``test``;
* ``duplicate``: its prompt was trained on before or is earlier in the batch;
* ``budget``: as many as may be paid for were accepted before it.
"""

Check = Callable[[Example], str | None]
"""What is wrong with an example, the offending value and the rule it breaks; None = nothing."""

_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
"""Control characters except tab and newline, and halves of surrogate pairs."""


def normalise(prompt: str) -> str:
    """The form in which two prompts count as the same: Unicode NFKC, single spaces, no edges.

    Case is kept, because tasks on characters depend on it. NFKC also unites some prompts that
    differ in meaning ("x²" and "x2"): the gate would rather turn away a good example than let a
    test item in.

    Example:
        >>> normalise("  say   ﬁve ")
        'say five'
    """
    text = prompt if prompt.isascii() else unicodedata.normalize("NFKC", prompt)
    return " ".join(text.split())


@dataclass(frozen=True)
class GateSettings:
    """The rules that are a matter of choice."""

    max_prompt_chars: int = 8000
    """Characters, >= 1."""
    max_target_chars: int = 8000
    """Characters, >= 1."""
    duplicates: Literal["reject", "allow"] = "reject"
    """Whether a prompt may be trained on more than once in an episode. Overlap with ``val`` and
    ``test`` is always rejected."""

    def __post_init__(self) -> None:
        for name in ("max_prompt_chars", "max_target_chars"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} is {getattr(self, name)}; it must be 1 or more")
        if self.duplicates not in ("reject", "allow"):
            raise ConfigError(unknown("duplicates", self.duplicates, ("reject", "allow")))


@dataclass(frozen=True)
class GateResult:
    """The batch, divided; both parts in its order."""

    accepted: Data
    rejected: tuple[Verdict, ...]

    @property
    def counts(self) -> dict[str, int]:
        """Rejected examples per reason, every reason included."""
        counter = Counter(verdict.reason for verdict in self.rejected)
        return {reason: counter[reason] for reason in REASONS}


class Gate:
    """Inspects training data for one task.

    Example:
        >>> from teachgym.testing import ToyTask
        >>> gate = Gate(ToyTask())
        >>> data = (Example("copy: zq", "zq", "copy"), Example("copy: zq", "", "copy"))
        >>> gate.inspect(data).counts["format"]
        1
    """

    def __init__(self, task: Task, settings: GateSettings | None = None) -> None:
        self.settings = settings or GateSettings()
        held_out = {normalise(e.prompt) for e in (*task.examples("val"), *task.examples("test"))}
        self._checks: tuple[tuple[str, Check], ...] = (
            ("format", has_text),
            ("format", partial(has_skill_of, frozenset(leaf_skills(task.skills)))),
            ("format", has_legal_difficulty),
            ("length", partial(fits, self.settings)),
            ("overlap", partial(is_outside, held_out)),
        )

    def inspect(
        self, examples: Iterable[Example], *, seen: Collection[str] = (), limit: int | None = None
    ) -> GateResult:
        """Divide a batch into what may be trained on and what may not, and why.

        Args:
            examples: the batch.
            seen: normalised prompts (``normalise``) of the data trained on before.
            limit: the most examples to accept, >= 0; None = any number.
        """
        checks = self._checks
        if self.settings.duplicates == "reject":
            checks += (("duplicate", _first_outside(seen)),)
        accepted: list[Example] = []
        rejected: list[Verdict] = []
        for example in examples:
            verdict = _veto(example, checks)
            if verdict is None and limit is not None and len(accepted) >= limit:
                verdict = Verdict(example, "budget", f"{limit} examples were accepted before it")
            if verdict is None:
                accepted.append(example)
            else:
                rejected.append(verdict)
        return GateResult(tuple(accepted), tuple(rejected))


def _veto(example: Example, checks: Iterable[tuple[str, Check]]) -> Verdict | None:
    for reason, check in checks:
        if (detail := check(example)) is not None:
            return Verdict(example, reason, detail)
    return None


def has_text(example: Example) -> str | None:
    """Prompt and target are texts with something to read and nothing unprintable."""
    for name in ("prompt", "target"):
        text: Any = getattr(example, name)  # Teachers that parse model output may get this wrong.
        if not isinstance(text, str) or not text.strip():
            return f"{name} is {text!r}; it must be a text that is not empty"
        if not text.isprintable() and (found := _UNPRINTABLE.search(text)) is not None:
            return f"{name} has {found.group()!r}; control characters are not allowed"
    return None


def has_legal_difficulty(example: Example) -> str | None:
    """The difficulty is in [0, 1] or None."""
    if example.difficulty is None or 0 <= example.difficulty <= 1:
        return None
    return f"difficulty is {example.difficulty}; it must be in [0, 1] or None"


def has_skill_of(leaves: Collection[str], example: Example) -> str | None:
    """The skill is one of the task's leaves."""
    return None if example.skill in leaves else unknown("leaf skill", example.skill, leaves)


def fits(settings: GateSettings, example: Example) -> str | None:
    """Prompt and target have at most as many characters as the settings allow."""
    limits = (("prompt", settings.max_prompt_chars), ("target", settings.max_target_chars))
    for name, limit in limits:
        if (length := len(getattr(example, name))) > limit:
            return f"{name} has {length} characters; at most {limit} are allowed"
    return None


def is_outside(held_out: Collection[str], example: Example) -> str | None:
    """The normalised prompt is not one of ``held_out``."""
    if normalise(example.prompt) in held_out:
        return f"{example.prompt!r} is a prompt of val or test"
    return None


def _first_outside(seen: Collection[str]) -> Check:
    """A check with a memory: the normalised prompt is new, to ``seen`` and to itself."""
    known = set(seen)

    def check(example: Example) -> str | None:
        prompt = normalise(example.prompt)
        if prompt in known:
            return f"{example.prompt!r} was there before"
        known.add(prompt)
        return None

    return check
