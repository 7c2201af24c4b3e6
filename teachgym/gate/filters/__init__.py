"""Filters: checks that look at a whole batch, and may ask the student about it first.

A check of ``teachgym.gate.checks`` decides about one example by itself. A filter (``Filter``) sees
all that the checks let through, and is charged for what it asks the student. Both are asked for by
name in ``gate_checks``, ours and the user's alike. Filters are asked in the order of their names
there, each about what the one before left.
"""

from teachgym.gate.filters.filter import Asking, Filter, Memory

__all__ = ["Asking", "Filter", "Memory"]
