"""``Gate``: divides a batch into accepted and rejected examples, with reasons."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from teachgym.errors import BudgetError
from teachgym.gate.checks import (
    Check,
    checks_of_exercises,
    checks_of_texts,
    make_check,
    require_faults,
    require_memory,
)
from teachgym.gate.contamination import Contamination
from teachgym.gate.filters.filter import Filter, Memory
from teachgym.gate.held_out import HeldOut
from teachgym.gate.near_duplicates import NearDuplicates, format_of
from teachgym.gate.pictures import Pictures
from teachgym.gate.seen import Seen
from teachgym.gate.settings import GateSettings
from teachgym.protocols import Probes, Task
from teachgym.registry import noting
from teachgym.shown import in_short, shown
from teachgym.types import (
    EXERCISE,
    Aid,
    Data,
    Example,
    Prediction,
    Verdict,
    identity_of,
    leaf_skills,
)
from teachgym.wellformed import fault_of_example

REASONS = (
    "action",
    "reply",
    "order",
    "move",
    "format",
    "length",
    "overlap",
    "contamination",
    "label",
    "answer",
    "kind",
    "duplicate",
    "budget",
    "known",
)
"""The reasons for not using an item of an action. Environments find the first four themselves:

* ``action``: the whole action is of another form, and counts as one item;
* ``reply``: a text, or an item of it, from which no part of an action can be read;
* ``order``, ``move``: it cannot be carried out.

The others are the gate's, in the order in which it looks:

* ``format``: no example, or a field that is not of its type (``teachgym.wellformed``); an empty
  or unprintable text, a skill that is not a leaf of the task, a difficulty outside [0, 1], loss
  spans that do not make up the target or whose weights are no weights, soft labels whose
  probabilities do not sum to 1, images that are not in the ``ImageStore``, any image or more turns
  than the task's conversations have, an example that says it is the task's and is not in its
  ``train``;
* ``length``: more characters than ``GateSettings`` allows;
* ``overlap``: its id is one of ``val`` or ``test``; its prompt is one, or holds one, as it is or in
  disguise, alone or with a response to it;
* ``contamination``: as many words in a row as ``GateSettings.ngram`` are those of an item of
  ``val`` or ``test``;
* ``label``: the task knows the skill of its prompt, and it is another;
* ``answer``: the task does not call its target right, or its rejected response is not worse;
* ``kind``: what is no exercise fails the check of its kind, which stands for the two before
  (``teachgym.gate.kinds``);
* ``duplicate``: its prompt, or one too much like it, was trained on before or is earlier in the
  batch;
* ``budget``: as many as may be paid for were accepted before it;
* ``known``: the student answers it already.

Checks that were asked for (``gate_checks``) come before ``duplicate``, each with its own name;
filters after all but ``known``, and what the budget does not pay for is cut off after them.
"""


@dataclass(frozen=True)
class GateResult:
    """The batch, divided; both parts in its order."""

    accepted: Data
    rejected: tuple[Verdict, ...]

    __repr__ = in_short

    @property
    def counts(self) -> dict[str, int]:
        """The number of rejected examples for every reason in ``REASONS``."""
        return {**dict.fromkeys(REASONS, 0), **Counter(v.reason for v in self.rejected)}


class Gate:
    """Inspects training data for one task.

    Args:
        task: what is taught.
        settings: the rules that are a matter of choice.
        checks: names in ``teachgym.gate.checks.CHECKS``, or checks in the other ways of
            ``teachgym.registry``, or tables of settings with a ``name``; what they reject has
            their name as its reason.

    Raises:
        MissingExtraError: for near duplicates, if datasketch is not installed.

    Example:
        >>> from teachgym.testing import ToyTask
        >>> gate = Gate(ToyTask())
        >>> data = (Example("copy: zq", "zq", "copy"), Example("copy: zq", "", "copy"))
        >>> gate.inspect(data).counts["format"]
        1
    """

    def __init__(
        self, task: Task, settings: GateSettings | None = None, checks: Sequence[Any] = ()
    ) -> None:
        self.settings = chosen = settings or GateSettings()
        held_out = HeldOut.of(task)
        self._form = held_out.form
        of_texts = checks_of_texts(task, chosen, held_out)
        if chosen.ngram is not None:
            contamination = Contamination(task, chosen.ngram, chosen.common_ngram)
            of_texts.append(("contamination", partial(_seen, held_out.pictures, contamination)))
        self._of_aids = tuple(of_texts)
        asked = [make_check(name, task) for name in checks]
        own = ((n, c) for n, c in asked if not isinstance(c, Filter))
        self._checks = (*of_texts, *checks_of_exercises(task, chosen), *own)
        self.filters = tuple((n, c) for n, c in asked if isinstance(c, Filter))
        """Those of ``checks`` that look at a whole batch, each after its reason."""
        self._any_skill = leaf_skills(task.skills)[0]
        self._near: NearDuplicates | None = None
        if chosen.duplicates == "near":
            self._near = NearDuplicates(chosen.near_similarity, format_of(task))

    def form(self, example: Example) -> str:
        """Equal for examples that count as the same; see ``HeldOut.form``.

        Exercises are the same if their questions are, auxiliary texts if their targets are as well.
        """
        text = example.question.transcript
        if example.kind != EXERCISE:
            text = f"{text}\n{example.target}"
        return identity_of(self._form(text), example.images)

    def inspect_aid(self, aid: Aid) -> Verdict | None:
        """The verdict on an aid; None = it is allowed.

        It is held to the form and the length of prompts, and to hold no item of val or test. Checks
        that were asked for look at examples, which have a target.
        """
        example = Example(aid.text, "-", aid.skill or self._any_skill)
        for reason, check in self._of_aids:
            if (fault := check(example)) is not None:
                return Verdict(None, reason, fault, shown(aid.text))
        return None

    def inspect(
        self, examples: Iterable[Example], *, seen: Collection[str] = (), limit: int | None = None
    ) -> GateResult:
        """Divide a batch into accepted and rejected examples, with reasons.

        Args:
            examples: the batch.
            seen: prompts, in the gate's ``form``, of the data trained on before; a ``Seen``
                is looked through once, however often it is given.
            limit: the most examples to accept, >= 0; None = any number. Not held where filters
                choose among them next.
        """
        limit = None if self.filters else limit
        checks = self._checks
        if self.settings.duplicates != "allow":
            checks += (("duplicate", _first_outside(seen, self.form, self._near)),)
        accepted: list[Example] = []
        rejected: list[Verdict] = []
        for example in examples:
            verdict = _veto(example, checks)
            if verdict is not None:
                rejected.append(verdict)
            elif limit is not None and len(accepted) >= limit:
                verdict = Verdict(example, "budget", f"{limit} examples were accepted before it")
                rejected.append(verdict)
            else:
                accepted.append(example)
        return GateResult(tuple(accepted), tuple(rejected))

    def choose(
        self, data: Data, probes: Probes, rng: np.random.Generator, memory: Mapping[str, Memory]
    ) -> tuple[GateResult, Mapping[str, Memory]]:
        """Divide the examples that ``inspect`` accepted by the filters; also returns their memory.

        Where an answer of the student cannot be paid for, the rest of the batch is rejected.

        Args:
            data: accepted examples.
            probes: asks the student.
            rng: of the filters.
            memory: of each filter, as they left it the last time; it is not changed.

        Raises:
            ConformanceError: for a filter that gives something else than a fault or None for each,
                or leaves in its memory what is no JSON.
        """
        rejected: list[Verdict] = []
        kept = {place: deepcopy(found) for place, found in memory.items()}
        for place, (name, chooser) in enumerate(self.filters):
            if not data:
                break
            try:
                with noting(f"gate check {name!r}"):
                    faults = chooser.choose(data, probes, rng, kept.setdefault(str(place), {}))
            except BudgetError as error:
                rejected += [Verdict(example, "budget", str(error)) for example in data]
                data = ()
                break
            require_faults(name, faults, len(data))
            both = list(zip(data, faults, strict=True))
            rejected += [Verdict(e, name, fault) for e, fault in both if fault is not None]
            data = tuple(e for e, fault in both if fault is None)
        names = {str(place): name for place, (name, _) in enumerate(self.filters)}
        left = {place: require_memory(names[place], found) for place, found in kept.items()}
        return GateResult(data, tuple(rejected)), left

    def veto_known(self, predictions: Sequence[Prediction]) -> GateResult:
        """Divide accepted examples by the student's answers to them, given before training.

        With ``known="accept"`` all pass. An answer that could not be graded is not known.
        """

        def known(prediction: Prediction) -> bool:
            return self.settings.known == "reject" and prediction.score >= 1

        return GateResult(
            tuple(p.example for p in predictions if not known(p)),
            tuple(
                Verdict(p.example, "known", f"the student answers {p.response!r}, which is right")
                for p in predictions
                if known(p)
            ),
        )


def _seen(pictures: Pictures, check: Check, example: Example) -> str | None:
    """The fault of the example with the held-out pictures, too, of which its own are copies."""
    return check(pictures.with_originals(example))


def _veto(example: Example, checks: Iterable[tuple[str, Check]]) -> Verdict | None:
    for reason, check in checks:
        if (detail := check(example)) is not None:
            if fault_of_example(example) is None:
                return Verdict(example, reason, detail)
            return Verdict(None, reason, detail, shown(example))
    return None


def _first_outside(
    seen: Collection[str], form: Callable[[Example], str], near: NearDuplicates | None
) -> Check:
    """A check with a memory: the prompt, by its form, is new to ``seen`` and to itself.

    With ``near``, so is every prompt that is nearly equal.
    """
    batch: set[str] = set()
    if near is not None:
        near.hold(seen if isinstance(seen, Seen) else Seen(seen))

    def check(example: Example) -> str | None:
        prompt = form(example)
        if prompt in seen or prompt in batch:
            return f"{example.prompt!r} was there before"
        if near is not None and (alike := near.admit(prompt)) is not None:
            other, similarity = alike
            return f"{example.prompt!r} is {similarity:.2f} alike to {other!r}, there before"
        batch.add(prompt)
        return None

    return check
