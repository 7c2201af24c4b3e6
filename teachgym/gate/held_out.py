"""``HeldOut``: finds items of ``val`` and ``test`` in examples, verbatim or disguised.

Three looks at each example. Its prompt is an item's, by normal form. Or an item stands in it,
letter by letter, between other words. Or an item stands in it but for a few words (``retold``).
What was said after a prompt is read with it, and so is a response, in which an item may go on. An
item with images is another question about other images: an example has to show them too.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cache, cached_property
from itertools import accumulate, chain, islice, product
from typing import NamedTuple

from teachgym.gate.pictures import Pictures
from teachgym.gate.retold import Retold, answer_of, ends_of, told_by
from teachgym.gate.wording import Term, normalise, terms, visible
from teachgym.protocols import Task
from teachgym.types import EXERCISE, SPLITS, Example

_MERGED = 0.02
"""The share of a skill's prompts, above which to lose them to a form says that it is too coarse."""
_PREFIX = 5
"""Characters by which items are looked up that may begin at a place."""
_LONG = 1 << 30

_KEPT = "_held_out_check"
"""The attribute of a task that its check is kept in."""
_Read = Callable[[str], Sequence[Term]]


class HeldOut:
    """The check that an example neither is nor contains an item of ``val`` or ``test``.

    Items are compared by ``normalise``, spaces left out. Where that loses more than 2 % of the
    prompts of a skill (all splits) that differ to the eye, the skill is about what it leaves out,
    and its items are compared by ``visible`` instead.

    Args:
        task: whose held-out items are to stay out of the training data.

    Attributes:
        form: the form in which two prompts of this task count as the same.
        pictures: the held-out pictures.
    """

    def __init__(self, task: Task) -> None:
        self._task = task
        self.pictures = Pictures(task)
        read = cache(terms)
        self._exact = _skills_to_compare_exactly(task, read)
        self.form = visible if self._exact else normalise
        self._names: dict[str, list[_Named]] = defaultdict(list)
        self._visible: dict[str, list[_Named]] = defaultdict(list)
        self._beginning: dict[str, list[_Form]] = defaultdict(list)
        self._prefixes: set[int] = set()
        """Lengths of the beginnings by which items are looked up; short items have shorter ones."""
        self._shortest = _LONG
        """Characters that an item takes at least; "m" is two in the normal form."""
        for split in SPLITS[1:]:
            for item in task.examples(split):
                named = _Named(f"{split} item {item.id!r}", frozenset(item.images))
                self._enter(item, item.question.transcript, named, read)

    @classmethod
    def of(cls, task: Task) -> HeldOut:
        """The check for a task, kept with the task, which may be that of many environments."""
        try:
            kept = vars(task)
        except TypeError:  # It has slots.
            return cls(task)
        found: HeldOut = kept.get(_KEPT) or cls(task)
        kept[_KEPT] = found
        return found

    def _enter(self, item: Example, text: str, named: _Named, read: _Read) -> None:
        if item.skill in self._exact:
            self._visible[visible(text)].append(named)
            return
        found = read(text)
        form = _squeezed(text, found)
        if form not in self._names and len(found) > 1:
            self._prefixes.add(min(len(form), _PREFIX))
            whole = _Form(form, len(found), answer_of(item))
            self._beginning[form[:_PREFIX]].append(whole)
            self._shortest = min(self._shortest, len(form) // 2)
        self._names[form].append(named)

    def __call__(self, example: Example) -> str | None:
        """The item that the example is or holds, told in the example's own words alone.

        Auxiliary text may ask for an item, so its target is looked at as a prompt is, and so is its
        question with each response to it, between which an item may be divided.
        """
        example = self.pictures.with_originals(example)
        if example.kind == EXERCISE:
            return self._find(example) or self._divided(example)
        return next(filter(None, map(self._find, (example, *_readings(example)))), None)

    def _find(self, example: Example) -> str | None:
        whole = example.question.transcript
        found = terms(whole)
        name = _name(self._names.get(_squeezed(whole, found)), example)
        if name is None and self._visible:
            name = _name(self._visible.get(visible(whole)), example)
        if name is not None:
            return f"{example.prompt!r} is a prompt of val or test: {name}"
        others = (*(example.question.pieces if example.turns else ()), example.target)
        responses = (example.rejected, *example.alternatives)
        texts = ((whole, found), *((text, None) for text in (*others, *responses)))
        for text, read in texts:
            if text and (name := self._inside(text, read, example)) is not None:
                return f"{example.prompt!r} holds a prompt of val or test: {name}"
        if (name := self._retold.find(example, found)) is not None:
            return f"{example.prompt!r} is a prompt of val or test but for a few words: {name}"
        return None

    def _divided(self, example: Example) -> str | None:
        """The item that begins in an exercise's question and ends in a response to it."""
        whole = example.question.transcript
        border = len(terms(whole))
        for response in filter(None, (example.target, example.rejected, *example.alternatives)):
            if len(terms(response)) < 2:  # The end of an item and its answer are more.
                continue
            joins = not (whole[-1:].isspace() or response[0].isspace())
            for gap in ("", " ") if joins else ("",):
                name = self._inside(f"{whole}{gap}{response}", None, example, border)
                if name is not None:
                    return f"{example.prompt!r} and a response are a prompt of val or test: {name}"
        return None

    @cached_property
    def _retold(self) -> Retold:
        return Retold(self._task, self._exact)

    def _inside(
        self, text: str, read: Sequence[Term] | None, example: Example, border: int = 0
    ) -> str | None:
        """The item that stands whole in a text of an example.

        Args:
            text: of the example, or several in a row.
            read: the text's terms, if known.
            example: which has the text.
            border: if above 0, the item has to begin before this term and to end after it, and to
                consist of as many terms as the item itself.
        """
        if self._visible:
            spaced = f" {visible(text)} "
            for form, items in self._visible.items():
                if f" {form} " in spaced and (name := _name(items, example)) is not None:
                    return name
        if len(text) < self._shortest:
            return None
        found = terms(text) if read is None else read
        pieces = [term.piece for term in found]
        whole = "".join(pieces)
        starts = accumulate(map(len, pieces), initial=0)
        for first, start in enumerate(islice(starts, border or None)):
            beginnings = (whole[start : start + n] for n in self._prefixes)
            for item in chain.from_iterable(self._beginning.get(b, ()) for b in beginnings):
                if not whole.startswith(item.text, start):
                    continue
                last = _end(found, first, item, example)
                if not last or (border and (last < border or last - first != item.n_terms)):
                    continue
                if (name := _name(self._names[item.text], example)) is not None:
                    return name
        return None


def _readings(example: Example) -> Iterator[Example]:
    """The prompts that auxiliary text may amount to, beside its own."""
    yield replace(example, prompt=example.target, target=example.prompt, rejected=None)
    plain = replace(example.with_target(example.target), turns=())
    responses = filter(None, (example.target, example.rejected, *example.alternatives))
    for response, gap in product(responses, ("", " ")):
        yield replace(plain, prompt=f"{example.question.transcript}{gap}{response}")


class _Form(NamedTuple):
    """The normal form of an item, without spaces."""

    text: str
    n_terms: int
    answer: str


class _Named(NamedTuple):
    """One of the items of a text."""

    name: str
    images: frozenset[str]


def _name(items: Iterable[_Named] | None, example: Example) -> str | None:
    """The first of the items of a text whose images the example has too."""
    return next((i.name for i in items or () if i.images.issubset(example.images)), None)


def _squeezed(text: str, found: Sequence[Term]) -> str:
    """The normal form, without spaces, of a text of the terms ``found``."""
    return "".join([term.piece for term in found]) or visible(text).replace(" ", "")


def _end(found: Sequence[Term], first: int, form: _Form, example: Example) -> int:
    """The term after an item that begins with a text's term ``first``; 0 if it may not end there.

    ``found`` are the terms of the text, in which the item stands letter by letter.
    """
    if first and found[first - 1].binds:
        return 0
    ends = list(accumulate(len(term.piece) for term in found[first:]))
    if len(form.text) not in ends:
        return 0
    last = first + ends.index(len(form.text)) + 1
    return last if last in ends_of(found, f" {form.answer} " in told_by(example)) else 0


def _skills_to_compare_exactly(task: Task, read: _Read) -> frozenset[str]:
    """The skills whose prompts lose what tells them apart in the normal form."""
    prompts: dict[str, set[str]] = defaultdict(set)
    for split in SPLITS:
        for example in task.examples(split):
            prompts[example.skill].add(visible(example.question.transcript))
    return frozenset(skill for skill, texts in prompts.items() if _merged(texts, read) > _MERGED)


def _merged(texts: Collection[str], read: _Read) -> float:
    """The share of distinct texts that the normal form loses."""
    return 1 - len({_squeezed(text, read(text)) for text in texts}) / len(texts)
