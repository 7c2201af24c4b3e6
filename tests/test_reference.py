"""The reference has every module with public names, each once."""

from __future__ import annotations

import re
import runpy
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
MAKE: dict[str, Any] = runpy.run_path(str(ROOT / "docs" / "make_reference.py"))


def test_every_module_is_on_one_page_of_its_package() -> None:
    found = [
        (page, name)
        for page, text in MAKE["pages"]().items()
        for name in re.findall(r"^::: (\S+)$", text, re.MULTILINE)
    ]
    names = [name for _, name in found]
    assert len(names) == len(set(names)) > 400
    assert ("teachgym", "teachgym.loop") in found
    assert ("teachgym.agents", "teachgym.agents.bandits") in found
    files = {path.stem for path in (ROOT / "teachgym").glob("[a-z]*.py")}
    assert {f"teachgym.{stem}" for stem in files} <= set(names)
    assert not any(name.startswith(("teachgym.cli", "teachgym.__main__")) for name in names)
