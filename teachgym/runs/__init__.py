"""Runs: everything an episode leaves behind, in one folder, and how to continue it."""

from teachgym.runs.checkpoints import load_snapshot, read_report, save_snapshot
from teachgym.runs.config import RunConfig
from teachgym.runs.folder import RunFolder
from teachgym.runs.journal import Journal
from teachgym.runs.recorder import record_episode, record_steps
from teachgym.runs.result import Comparison, RunResult
from teachgym.runs.retention import Keep
from teachgym.runs.trackers import JsonlTracker, TensorboardTracker, Trackers, WandbTracker

__all__ = [
    "Comparison",
    "Journal",
    "JsonlTracker",
    "Keep",
    "RunConfig",
    "RunFolder",
    "RunResult",
    "TensorboardTracker",
    "Trackers",
    "WandbTracker",
    "load_snapshot",
    "read_report",
    "record_episode",
    "record_steps",
    "save_snapshot",
]
