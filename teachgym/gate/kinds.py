"""The checks of auxiliary text, which is trained on but is not an exercise of the task.

A task's grader and its reading of labels are about exercises, so they do not look at it. Each kind
has a check of its own in ``KINDS`` instead; of any other kind, the task alone is asked
(``Task.check_auxiliary``). Format, length, duplicates and overlap are every example's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from teachgym.protocols import Task
from teachgym.types import EXERCISE, Example

REVERSED = "reversed"
"""The exercise is asked for, given its answer, after the backward questions of MetaMath (Yu et al.
2023, arXiv 2309.12284), which ask for a number of the question instead of the whole."""


JUDGEMENT = "judgement"
"""An answer to an exercise is judged, after critique fine-tuning (Wang et al. 2025, arXiv
2506.03295): the target is ``right``, or ``wrong`` and below it the right answer; then reasons. A
bare ``wrong`` does, too (TrueTeacher; Gekhman et al. 2023, arXiv 2305.11171)."""


def fault_of_reversed(task: Task, example: Example) -> str | None:
    """The target, if the task can tell that its answer is not ``meta["answer"]``."""
    answer = example.meta.get("answer")
    if not isinstance(answer, str):
        return f"meta['answer'] is {answer!r}; a reversed example names the answer it starts from"
    forward = replace(example, prompt=example.target, target=answer, kind=EXERCISE, spans=())
    if task.verify(forward) >= 1:
        return None
    return f"{answer!r} is not a right answer to the target {example.target!r}"


def fault_of_judgement(task: Task, example: Example) -> str | None:
    """The target, if the task judges ``meta["candidate"]`` or ``meta["answer"]`` otherwise."""
    names = ("question", "candidate", "answer")
    question, candidate, answer = (example.meta.get(name) for name in names)
    if not (isinstance(question, str) and isinstance(candidate, str) and isinstance(answer, str)):
        return "meta must have question, candidate and answer of a judgement, all of them texts"
    if question not in example.prompt or candidate not in example.prompt:
        return f"candidate {candidate!r} or its question is not in the prompt"
    exercise = replace(example, prompt=question, kind=EXERCISE, spans=())
    is_right = task.verify(replace(exercise, target=candidate)) >= 1
    judgement = "right" if is_right else f"wrong\n{answer}"
    is_bare = not is_right and example.target == "wrong"
    if not is_bare and not f"{example.target}\n".startswith(f"{judgement}\n"):
        return f"the target is {example.target!r}; it must begin with {judgement!r}"
    if not is_right and not task.verify(replace(exercise, target=answer)) >= 1:
        return f"{answer!r}, which the target calls right, is not"
    return None


KINDS: Mapping[str, Callable[[Task, Example], str | None]] = {
    REVERSED: fault_of_reversed,
    JUDGEMENT: fault_of_judgement,
}
"""Name of a kind to its check: what is wrong with an example of it; None = nothing."""


def fault_of_kind(task: Task, example: Example) -> str | None:
    """The fault that its kind's check, or the task, finds in auxiliary text; exercises pass."""
    if example.kind == EXERCISE:
        return None
    check = KINDS.get(example.kind)
    fault = check(task, example) if check is not None else None
    return fault or task.check_auxiliary(example)
