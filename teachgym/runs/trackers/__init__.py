"""Trackers of metrics: always a file; Weights & Biases and TensorBoard if asked for.

All get the same names, which ``teachgym.runs.metric_names`` explains. A tracker of yours is a class
that passes ``teachgym.testing.check_tracker``; what makes it is called with the run's folder.
"""

from teachgym.runs.trackers.opening import Trackers, check_installed, open_trackers
from teachgym.runs.trackers.settings import TensorboardSettings, WandbSettings
from teachgym.runs.trackers.to_file import JsonlTracker
from teachgym.runs.trackers.to_tensorboard import TensorboardTracker
from teachgym.runs.trackers.to_wandb import WandbTracker

__all__ = [
    "JsonlTracker",
    "TensorboardSettings",
    "TensorboardTracker",
    "Trackers",
    "WandbSettings",
    "WandbTracker",
    "check_installed",
    "open_trackers",
]
