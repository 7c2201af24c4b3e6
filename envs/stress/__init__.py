"""Stress: ways to make teaching harder, as an option of every environment.

Each kind is a wrapper around one seam (task, trainer, evaluator) or around the environment, so an
environment without stress is made of the very same objects as before. After the challenges of
TeachMyAgent (Romac et al. 2021, arXiv 2103.09815): most of the space unfeasible or trivial,
forgetful students, rugged difficulty. ``docs/stress.md`` says what each kind does.
"""

from teachgym.envs.stress.settings import Stress
from teachgym.envs.stress.wrappers import stressed_evaluator, stressed_trainer

__all__ = ["Stress", "stressed_evaluator", "stressed_trainer"]
