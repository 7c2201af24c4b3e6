"""Completion in the shell: names of parts, from the registries.

They are imported then; what options declare here costs nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain

from teachgym.registry import Registry, load_attribute

Complete = Callable[[str], list[str]]
"""From what is typed already to what may stand there."""


def names_in(*paths: str) -> Complete:
    """Completes to the names of registries and the keys of mappings, as ``module:attribute``."""

    def complete(incomplete: str) -> list[str]:
        known = map(load_attribute, paths)
        names = chain.from_iterable(k.names if isinstance(k, Registry) else k for k in known)
        return [name for name in names if name.startswith(incomplete)]

    return complete


TEACHERS = names_in("teachgym.agents:TEACHERS")
STUDENTS = names_in("teachgym.students:STUDENTS", "teachgym.students:LANGUAGE_MODELS")
TASKS = names_in("teachgym.tasks:TASKS")
SUITES = names_in("teachgym.benchmarks.bench.suites:SUITES")
CHATS = names_in("teachgym.chat.settings:CHAT_MODELS")
KINDS = names_in("teachgym.cli.catalogue:LISTINGS")
STARTS = names_in("teachgym.cli.starting_files:STARTS")
SAMPLES = names_in("teachgym.cli.samples:SAMPLES")
