"""``Given``: fields of a checked dataclass that are handed over and are no settings."""

from __future__ import annotations

from typing import Annotated, Any, TypeVar

T = TypeVar("T")


class _Unchecked:
    """A note that pydantic takes whatever is there: a part has conformance checks of its own."""

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        from pydantic_core.core_schema import any_schema

        return any_schema()


Given = Annotated[T, _Unchecked()]
"""A part, such as a task or a meter, or what is made of the settings."""
