"""``ToolTask``: requests in words, fulfilled by calling the tools of ``toolbox``."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Annotated, Any, ClassVar, TypeVar

from teachgym.settings import ItemsPerCell, Like, Seed, checked
from teachgym.tasks.cells import CellTask, PerCell

T = TypeVar("T")


@checked
@dataclass(frozen=True)
class ToolItems(PerCell):
    """The number of items of each skill and level in a split; few, since answers are long."""

    val_per_cell: ItemsPerCell = 4
    test_per_cell: ItemsPerCell = 10


class ToolTask(CellTask[T]):
    """A task of cells whose prompts are requests, before which the tools may be introduced.

    To write besides: ``introduction``, which prompts begin with for students who have not been
    shown any calls, and ``ask``, which every prompt ends with.

    Args:
        seed: chooses the items of each split, >= 0; the splits are disjoint for any two seeds.
        introduce: whether prompts begin with ``introduction``.
        items: fields of ``ToolItems``.
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
        **items: Annotated[Any, Like(ToolItems)],
    ) -> None:
        super().__init__(seed, **asdict(ToolItems(**items)))
        self._introduction = self.introduction if introduce else ""
        self.name += "-introduced" * introduce

    def prompt_of(self, request: str) -> str:
        """The prompt that asks for a request."""
        return f"{self._introduction}{request}{self.ask}"

    def request_of(self, text: str) -> str:
        """The request in a text that may be a whole prompt."""
        return text.removeprefix(self._introduction).removesuffix(self.ask).strip()
