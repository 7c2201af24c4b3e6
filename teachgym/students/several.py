"""``SeveralStudents``: students that are taught the same data, and measured one by one.

So an environment holds several students as it holds one: a checkpoint is one of all, a report has
the predictions of each, and the reward is the mean gain (``accuracy_gain``) or that of the student
that gained least (``worst_student``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from teachgym.errors import SEPARATOR, UnsupportedError, require_part_names
from teachgym.protocols import Student, Task
from teachgym.settings import FromJson, Table, build, checked
from teachgym.students import make_student, require_student
from teachgym.types import Checkpoint, Example, Prompt


@checked
@dataclass(frozen=True)
class StudentPart:
    """The settings of one of the students."""

    student: Any
    """`simulated`, `tiny`, a model, or one of your own."""
    student_settings: Table[Mapping[str, Any]] = field(default_factory=dict)
    """The student's own."""

    def __post_init__(self) -> None:
        require_student(self.student, self.student_settings)

    def make(self, task: Task) -> Student:
        """The untrained student."""
        return make_student(self.student, task, **self.student_settings)


class SeveralStudents(Student):
    """Students by name; they have only the abilities that all share.

    Args:
        members: at least one, by names without ``/``.

    Raises:
        ConfigError: for other names.
    """

    trainer = "several"

    def __init__(self, members: Mapping[str, Student]) -> None:
        require_part_names("students", members)
        self._members = dict(members)
        self.max_new_tokens = max(s.max_new_tokens for s in members.values())
        self.reads = all(s.reads for s in members.values())

    @property
    def members(self) -> Mapping[str, Student]:
        """The students by their names."""
        return self._members

    def generate(self, prompts: Sequence[Prompt], *, stop: Sequence[str] = ()) -> list[str]:
        """Raise ``UnsupportedError``: they answer differently.

        Raises:
            UnsupportedError: always; ask the ``members``.
        """
        raise UnsupportedError(
            f"{len(self._members)} students answer differently; evaluate them one by one "
            "(members), and leave probes, pretest and rehearsal out"
        )

    def count_tokens(self, texts: Sequence[str]) -> int:
        """The number of tokens of the student that needs most."""
        return max(student.count_tokens(texts) for student in self._members.values())

    def save(self) -> Checkpoint:
        """The checkpoint of all of them."""
        return Checkpoint(
            {
                f"{name}{SEPARATOR}{key}": array
                for name, student in self._members.items()
                for key, array in student.save().arrays.items()
            }
        )

    def restore(self, checkpoint: Checkpoint) -> None:
        """Restore each student from its part of the checkpoint."""
        for name, student in self._members.items():
            start = name + SEPARATOR
            own = {k: a for k, a in checkpoint.arrays.items() if k.startswith(start)}
            student.restore(Checkpoint({k.removeprefix(start): a for k, a in own.items()}))

    def export(self, folder: Path) -> None:
        """Write a folder for each student, by its name."""
        for name, student in self._members.items():
            (folder / name).mkdir(parents=True, exist_ok=True)
            student.export(folder / name)

    def read_key(self, examples: Sequence[Example]) -> None:
        """Let each student read the key."""
        for student in self._members.values():
            student.read_key(examples)


def several_students(
    task: Task, *, students: Mapping[str, FromJson[StudentPart]]
) -> SeveralStudents:
    """Several students that are taught the same data, as one.

    Args:
        task: what they will be asked.
        students: by name.
    """
    return SeveralStudents({name: _made(name, part, task) for name, part in students.items()})


def _made(name: str, settings: Any, task: Task) -> Student:
    return build(f"student {name!r}", StudentPart, settings=settings).make(task)
