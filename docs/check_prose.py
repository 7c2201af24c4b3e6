"""Check links and prose of pages and docstrings: python docs/check_prose.py.

The rules are in style.md. ``mkdocs build --strict`` checks the links between pages of the site;
here are those of the files outside it and of the notebooks, and the faults of prose that can be
found without understanding it.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "RESULTS.md"
LOGS = ("CHANGELOG.md", "log.md")
"""Pages of notes, of which only the links are checked."""
_NAMES = ("api", "board", "environments", "results", "teachers.md")
MADE = {
    *(ROOT / "docs" / name for name in _NAMES),
    *(path.with_suffix(".md") for path in (ROOT / "docs" / "notebooks").glob("*.ipynb")),
}
MOST_WORDS = 60
"""Of a sentence."""
MOST_RELATIVES = 3
"""Words such as *that* and *which* in a sentence; more make it a puzzle."""
WORDS = {
    "utilize": "use",
    "utilise": "use",
    "leverage": "use",
    "in order to": "to",
    "due to the fact": "because",
    "it should be noted": "leave it out",
    "simply": "leave it out",
    "obviously": "leave it out",
    "and/or": "or",
    "prior to": "before",
    "functionality": "what it does",
    "seamless": "say what is the same",
    "state-of-the-art": "name the paper and its number",
    "whoever": "name the person or the program",
    "for who ": "name the person or the program",
    "of who ": "name the person or the program",
    "goes on where": "continues",
    "comes of it": "the outcome",
    "is none of": "is not one of",
    "as ever": "as before",
}
"""Words that say nothing or too much, and what to write."""
_FENCE = re.compile(r"^( *)(```|~~~).*?^\1\2", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"(?<!\\)\[[^\]]*\]\(([^)\s]+)\)")
_DOUBLED = re.compile(r"\b([a-z]+)\s+\1\b", re.IGNORECASE)
_MAY_DOUBLE = {"that", "had", "x"}
"""``x`` stands for code and links."""
_RELATIVE = re.compile(r"\b(that|which|who|whose|what)\b")
_CLAUSE = re.compile(r'^ *r?"""((?:What|Who|Whose|How|Which|Why|Of) .*?)(?:"""|$)', re.MULTILINE)
"""A docstring that begins with a clause or with *Of*, and so has no head."""
_WHAT_SUBJECT = re.compile(r"\W*What [^?]*[.:;!]$")
"""A statement that begins with *What*: its reader does not know of what until its end."""


def pages() -> list[Path]:
    """What people read, but for what is made from code."""
    files = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "docs").rglob("*.ipynb")]
    return [RESULTS, *sorted(path for path in files if not is_made(path))]


def sources() -> list[Path]:
    """The code that ships."""
    folders = ("agents", "benchmarks", "envs", "teachgym")
    return [
        path
        for folder in folders
        for path in sorted((ROOT / folder).rglob("*.py"))
        if not any(parent.is_symlink() for parent in path.parents)
    ]


def is_made(path: Path) -> bool:
    """Whether a file is made by ``make docs``, so that it may not be there yet."""
    return bool(MADE & {path, *path.parents})


def text_of(path: Path) -> str:
    """The Markdown of a page or a notebook."""
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".ipynb":
        return text
    cells = json.loads(text)["cells"]
    return "\n\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")


def anchors(text: str) -> set[str]:
    """The addresses of a page's headings."""
    heads = re.findall(r"^#+ (.*)$", _FENCE.sub("", text), re.MULTILINE)
    plain = (re.sub(r"[^\w\- ]", "", head.lower()).strip() for head in heads)
    return {re.sub(r"[ \-]+", "-", head) for head in plain}


def broken_links(path: Path, text: str) -> Iterator[str]:
    """Links to files or headings that are not there; those to other sites are not followed."""
    for link in _LINK.findall(_FENCE.sub("", text)):
        place, _, anchor = unquote(link).partition("#")
        if re.match(r"[a-z]+:", place):
            continue
        target = (path.parent / place).resolve() if place else path
        if is_made(target):
            continue
        if not target.exists():
            yield f"link to {link}, which is not there"
        elif anchor and target.suffix == ".md" and anchor not in anchors(text_of(target)):
            yield f"link to {link}, which has no such heading"


def faults_of_prose(text: str) -> Iterator[str]:
    """Words to avoid, words that stand twice, and sentences that have to be read twice."""
    prose = re.sub(r"`[^`]*`|\]\([^)]*\)|<[^>]*>", " x ", _FENCE.sub("", text))
    paragraphs = [
        " ".join(part.split())
        for part in re.split(r"\n\s*\n|\n(?= *(?:[*+-]|\d+\.) |#)", prose)
        if not part.lstrip().startswith("|")
    ]
    for paragraph in paragraphs:
        for word, better in WORDS.items():
            if re.search(rf"\b{re.escape(word)}", paragraph, re.IGNORECASE):
                yield f"{word!r}: {better}"
        for found in _DOUBLED.finditer(paragraph):
            if found[1].lower() not in _MAY_DOUBLE:
                yield f"{found[0]!r}: a word twice"
        for sentence in re.split(r"(?<=[.!?;:]) (?=[A-Z`*x])", paragraph):
            yield from faults_of_sentence(sentence)


def faults_of_docstrings(source: str) -> Iterator[str]:
    """Docstrings whose first line has neither a verb nor a noun phrase with its head."""
    for found in _CLAUSE.finditer(source):
        yield f"a docstring without a verb or a head: {found[1][:60]}…"


def faults_of_sentence(sentence: str) -> Iterator[str]:
    """Length, clauses within clauses, and *What* as a subject."""
    if (count := len(sentence.split())) > MOST_WORDS:
        yield f"{count} words in a sentence: {sentence[:60]}…"
    if (count := len(_RELATIVE.findall(sentence))) > MOST_RELATIVES:
        yield f"{count} relative words in a sentence: {sentence[:60]}…"
    if _WHAT_SUBJECT.match(sentence) and not sentence.startswith("#"):
        yield f"'What' as a subject: {sentence[:60]}…"


def main() -> None:
    """Print what is found, with its page; exit with 1 if there is anything."""
    found = []
    for path in pages():
        text = text_of(path)
        prose = () if path.name in LOGS else faults_of_prose(text)
        found += [(path, fault) for fault in (*broken_links(path, text), *prose)]
    for path in sources():
        faults = faults_of_docstrings(path.read_text(encoding="utf-8"))
        found += [(path, fault) for fault in faults]
    for path, fault in found:
        print(f"{path.relative_to(ROOT)}: {fault}")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
