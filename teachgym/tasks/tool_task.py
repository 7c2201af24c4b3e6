"""``ToolTask``: requests in words, fulfilled by calling the tools of ``toolbox``."""

from __future__ import annotations

from typing import ClassVar, TypeVar

from teachgym.settings import ItemsPerCell, Seed, checked
from teachgym.tasks.cells import CellTask

T = TypeVar("T")


class ToolTask(CellTask[T]):
    """A task of cells whose prompts are requests, before which the tools may be introduced.

    To write besides: ``introduction``, which prompts begin with for students who have not been
    shown any calls, and ``ask``, which every prompt ends with.

    Args:
        seed: chooses the items of each split, >= 0; the splits are disjoint for any two seeds.
        introduce: whether prompts begin with ``introduction``.
        val_per_cell: validation items per skill and level, >= 1.
        test_per_cell: test items per skill and level, >= 1.
        train_per_cell: items per skill and level of the training pool, >= 1.
    """

    introduction: ClassVar[str]
    ask: ClassVar[str]
    stop = ("\n\n",)

    @checked
    def __init__(
        self,
        seed: Seed = 0,
        *,
        introduce: bool = False,
        val_per_cell: ItemsPerCell = 4,
        test_per_cell: ItemsPerCell = 10,
        train_per_cell: ItemsPerCell = 50,
    ) -> None:
        super().__init__(
            seed,
            val_per_cell=val_per_cell,
            test_per_cell=test_per_cell,
            train_per_cell=train_per_cell,
        )
        self._introduction = self.introduction if introduce else ""
        self.name += "-introduced" * introduce

    def prompt_of(self, request: str) -> str:
        """The prompt that asks for a request."""
        return f"{self._introduction}{request}{self.ask}"

    def request_of(self, text: str) -> str:
        """The request in a text that may be a whole prompt."""
        return text.removeprefix(self._introduction).removesuffix(self.ask).strip()
