"""The gate, which decides what may enter training. It rejects examples and never alters one.

A check is a function from an example to what is wrong with it (None = nothing). An example is
rejected for the first check it fails, in the order of ``REASONS``. Checks of one's
own are asked for by ``gate_checks`` (``teachgym.gate.checks.CHECKS``).
"""

from teachgym.gate.gate import REASONS, Gate, GateResult
from teachgym.gate.seen import Seen
from teachgym.gate.settings import GateSettings
from teachgym.gate.wording import normalise

__all__ = ["REASONS", "Gate", "GateResult", "GateSettings", "Seen", "normalise"]
