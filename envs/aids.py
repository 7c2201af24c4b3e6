"""Aids: texts by the teacher that precede the prompts in a separate evaluation.

A worked example, a strategy or a hint can help a student that was not trained on it. What a
student can do with aids is measured after every step beside what it can do without, on the same
items, and paid for like it. It is shown by itself: rewards, the best student and ``test`` are of
the student without aids.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from teachgym.protocols import Task
from teachgym.skills.embedding import embed_terms
from teachgym.tasks.task import TaskWrapper
from teachgym.types import Aid, Data, Example, Split


def choose_aids(aids: Sequence[Aid], items: Data, split: Split) -> list[str]:
    """The aid for each item's prompt, shape (n_items,); an empty text if there is none.

    Of the aids for an item's place those that name its skill come first, and of several the one
    whose ``like`` resembles the prompt most: by the cosine of their vectors of telling terms
    (``embed_terms``), where published stores are searched by BM25 or by vectors of a language
    model.
    """
    likeness = _likeness(aids, items)
    texts = []
    for place, item in enumerate(items):
        here = [
            i
            for i, aid in enumerate(aids)
            if aid.skill in ("", item.skill)
            and (aid.places is None or (split == "val" and place in aid.places))
        ]
        own = [i for i in here if aids[i].skill] or here
        best = max(own, key=lambda i: likeness[place, i], default=None)
        texts.append("" if best is None else aids[best].text)
    return texts


def _likeness(aids: Sequence[Aid], items: Data) -> np.ndarray:
    """The likeness of each prompt to the text that each aid is for, (n_items, n_aids); 0 = any."""
    found = np.zeros((len(items), len(aids)))
    named = [i for i, aid in enumerate(aids) if aid.like]
    if named:
        prompts, likes = [e.prompt for e in items], [aids[i].like for i in named]
        encode = embed_terms([*likes, *prompts])
        found[:, named] = encode(prompts) @ encode(likes).T
    return found


class Aided(TaskWrapper):
    """The task with aids before the prompts; grading does not change.

    Args:
        task: whose items are asked.
        aids: those that may be given.
    """

    def __init__(self, task: Task, aids: Sequence[Aid]) -> None:
        super().__init__(task)
        self.aids = tuple(aids)
        self._own: dict[tuple[str, str], str] = {}

    def examples(self, split: Split) -> Sequence[Example]:
        """The task's examples, each with its aid before its prompt."""
        own = tuple(self.task.examples(split))
        texts = choose_aids(self.aids, own, split)
        aided = [replace(e, prompt=t + e.prompt) for t, e in zip(texts, own, strict=True)]
        self._own |= {(a.id, a.prompt): e.prompt for a, e in zip(aided, own, strict=True)}
        return aided

    def inside(self, example: Example) -> Example:
        """The example without its aid."""
        key = (example.id, example.prompt)
        return replace(example, prompt=self._own.get(key, example.prompt))

    def to_inner(self, example: Example) -> Example:
        """The example as ``unwrapped`` labels it, with its aid."""
        return self.task.to_inner(example)
