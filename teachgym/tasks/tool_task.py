"""``ToolTask``: requests in words, fulfilled by calling the tools of ``toolbox``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, TypeVar

from teachgym.settings import ItemsPerCell, checked
from teachgym.tasks.cells import CellTask

T = TypeVar("T")


@checked
@dataclass(eq=False, repr=False, kw_only=True)
class ToolTask(CellTask[T]):
    """A task of cells whose prompts are requests, before which the tools may be introduced.

    To write besides: ``introduction``, which prompts begin with for students who have not been
    shown any calls, and ``ask``, which every prompt ends with.
    """

    introduction: ClassVar[str]
    ask: ClassVar[str]
    stop = ("\n\n",)

    val_per_cell: ItemsPerCell = 4  # Few, since answers are long.
    test_per_cell: ItemsPerCell = 10
    introduce: bool = False
    """Whether prompts begin with the list of tools and the form of what is asked for, for students
    that have not been pretrained on any."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self._introduction = self.introduction if self.introduce else ""
        self.name += "-introduced" * self.introduce

    def prompt_of(self, request: str) -> str:
        """The prompt that asks for a request."""
        return f"{self._introduction}{request}{self.ask}"

    def request_of(self, text: str) -> str:
        """The request in a text that may be a whole prompt."""
        return text.removeprefix(self._introduction).removesuffix(self.ask).strip()
