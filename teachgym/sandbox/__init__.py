"""Running students' programs in a sandbox, and reading their answers."""

from teachgym.sandbox.process import Answer, Job, Limits, Outcome
from teachgym.sandbox.sandbox import Sandbox, open_sandbox

__all__ = ["Answer", "Job", "Limits", "Outcome", "Sandbox", "open_sandbox"]
