"""Read ``Example:`` in docstrings as the section ``Examples:``, so that its lines are code."""

from __future__ import annotations

import re
from typing import Any

import griffe


class ExampleSections(griffe.Extension):  # type: ignore[misc]
    """Griffe takes the singular for a remark, in which brackets would be links."""

    def on_instance(self, *, obj: griffe.Object, **_: Any) -> None:
        """Change the docstring before it is parsed."""
        if obj.docstring is not None:
            text = obj.docstring.value
            obj.docstring.value = re.sub("^Example:$", "Examples:", text, flags=re.MULTILINE)
