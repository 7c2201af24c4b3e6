"""Running programs that students write, behind walls, and hearing what they answer."""

from teachgym.sandbox.process import Answer, Job, Limits, Outcome
from teachgym.sandbox.sandbox import Sandbox, open_sandbox

__all__ = ["Answer", "Job", "Limits", "Outcome", "Sandbox", "open_sandbox"]
