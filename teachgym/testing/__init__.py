"""For the tests of your own tasks, students, trainers, engines, teachers, rewards and trackers.

The fakes stand in for the expensive parts and refuse what they should not be given. Each check
raises ``ConformanceError`` with the clause of ``teachgym.testing.contract`` that is broken::

    def test_my_task_keeps_the_contract() -> None:
        check_task(MyTask())
"""

from __future__ import annotations

from teachgym.testing.fakes import (
    ForbiddenStudent,
    ListTracker,
    RecordingTrainer,
    ScriptedChatModel,
    TableStudent,
)
from teachgym.testing.pictures import PictureStudent, PictureTask
from teachgym.testing.students import check_student, check_trainer
from teachgym.testing.tasks import check_task
from teachgym.testing.teaching import check_engine, check_reward, check_teacher
from teachgym.testing.toy import ToyTask
from teachgym.testing.trackers import check_tracker

__all__ = [
    "ForbiddenStudent",
    "ListTracker",
    "PictureStudent",
    "PictureTask",
    "RecordingTrainer",
    "ScriptedChatModel",
    "TableStudent",
    "ToyTask",
    "check_engine",
    "check_reward",
    "check_student",
    "check_task",
    "check_teacher",
    "check_tracker",
    "check_trainer",
]
