"""Make a page of the site from each notebook, with what its cells said.

Run by ``make docs`` before the site is built; the pages are not kept in the repository.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

NOTEBOOKS = Path(__file__).parent / "notebooks"


def page_of(notebook: dict[str, Any], name: str) -> str:
    """The notebook as Markdown; below its title a link to the file."""
    parts = [part for cell in notebook["cells"] for part in _parts(cell)]
    title, _, rest = parts[0].partition("\n")
    download = f"[Download the notebook]({name}) and run it in Jupyter."
    return "\n\n".join([title, download, rest.strip(), *parts[1:]]) + "\n"


def _parts(cell: dict[str, Any]) -> Iterator[str]:
    source = "".join(cell["source"])
    if cell["cell_type"] == "markdown":
        yield source
        return
    yield f"```python\n{source}\n```"
    for output in cell["outputs"]:
        yield _shown(output)


def _shown(output: dict[str, Any]) -> str:
    """The richest form of an output that a page can show."""
    data = output.get("data", {"text/plain": output.get("text", [])})
    if "text/html" in data:
        return "".join(data["text/html"])
    if "image/png" in data:
        return f'<img alt="What the cell drew" src="data:image/png;base64,{data["image/png"]}">'
    return f"```text\n{''.join(data['text/plain']).rstrip()}\n```"


def main() -> None:
    """Write the pages beside the notebooks."""
    for path in sorted(NOTEBOOKS.glob("*.ipynb")):
        page = page_of(json.loads(path.read_text(encoding="utf-8")), path.name)
        path.with_suffix(".md").write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
