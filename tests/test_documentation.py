"""What README and docs/ show works: Python blocks run, and commands pass the CLI's own parser."""

from __future__ import annotations

import json
import re
import runpy
import shlex
import subprocess
import sys
from configparser import ConfigParser
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer

from teachgym.agents import TEACHERS
from teachgym.benchmarks.bench.runner import check_arms
from teachgym.cli.commands import app
from teachgym.experiment import check_config
from teachgym.skills.discovery import METHODS
from teachgym.tasks import TASKS
from teachgym.testing import ToyTask
from tests.cli.undrawn import draw_nothing

ROOT = Path(__file__).parents[1]
is_made: Any = runpy.run_path(str(ROOT / "docs" / "check_prose.py"))["is_made"]
PAGES = {
    str(path.relative_to(ROOT)): path.read_text()
    for path in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]
    if not is_made(path)
}
_BLOCK = re.compile(
    r"(?:<!-- (?P<mark>[^>]*) -->\n+)?```(?P<kind>\w*)\n(?P<text>.*?)```", re.DOTALL
)
MARKS = {"", "slow", "hours"}
"""Comments above a Python block; CONTRIBUTING.md says what they mean."""


@dataclass(frozen=True)
class Block:
    """A fenced block of a page."""

    kind: str
    text: str
    mark: str


def blocks(page: str, *kinds: str) -> list[Block]:
    found = (Block(m["kind"], m["text"], m["mark"] or "") for m in _BLOCK.finditer(PAGES[page]))
    return [block for block in found if block.kind in kinds]


TUTORIAL = sorted(page for page in PAGES if page.startswith("docs/tutorial/"))
PYTHON = [page for page in PAGES if blocks(page, "python")]
SCRIPTS = [
    (page, number)
    for page in PYTHON
    for number, block in enumerate(blocks(page, "python"))
    if block.mark == "slow"
]
COMMANDS = {
    line.partition(" # ")[0].strip(): page
    for page in PAGES
    for block in blocks(page, "", "bash")
    for line in block.text.splitlines()
    if line.startswith("teachgym ")
}
"""With the last page that has them."""


def takes_names(line: str) -> bool:
    """Whether it is a whole command that names environments, teachers, tasks, settings."""
    words = shlex.split(line)
    return words[1] in ("run", "bench", "discover", "list") and "..." not in words


CHECKED = [line for line, page in COMMANDS.items() if takes_names(line) and page not in TUTORIAL]
"""Those that are read whole, names and settings too."""
INLINE = sorted(
    {text for page in PAGES.values() for text in re.findall(r"`(teachgym [^`]+)`", page)}
)


@cache
def questions(split: str) -> str:
    """A file of GSM8K."""
    lines = [{"question": f"{split} {i}+1?", "answer": f"#### {i + 1}"} for i in range(900)]
    return "\n".join(map(json.dumps, lines))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of somebody who has done what the pages tell before: files, data, a run."""
    draw_nothing(monkeypatch)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)  # As python has it for a script beside these files.
    Path("run.toml").write_text('teacher = "weakest"\n')
    Path("data/gsm8k").mkdir(parents=True)
    for split in ("train", "test"):
        Path(f"data/gsm8k/{split}.jsonl").write_text(questions(split))
    shown = next(block for block in blocks("docs/how-to/skills.md", "json"))
    for name in ("skills", "twelve", "by_length", "found"):
        Path(f"{name}.json").write_text(shown.text)
    return tmp_path


def run_page(page: str) -> dict[str, Any]:
    """Run the Python blocks of a page one after another; what they have defined.

    Students of seconds stand for ``tiny``. What a block does under ``__main__`` is left out.
    """
    names: dict[str, Any] = {"__name__": page}
    for number, block in enumerate(blocks(page, "python")):
        text = block.text.replace('student="tiny"', 'student="simulated"')
        code = compile(text, f"{page}, block {number}", "exec", dont_inherit=True)
        exec(code, names)
    return names


def teach(line: str) -> None:
    """The command line; an error of ours is one here."""
    assert not app(shlex.split(line)[1:], standalone_mode=False), line


# -- Python ----------------------------------------------------------------------------------


def test_marks_are_those_that_are_explained() -> None:
    found = {block.mark for page in PAGES for block in blocks(page, "python")}
    assert found <= MARKS
    for mark in MARKS - {""}:
        assert f"`<!-- {mark} -->`" in PAGES["CONTRIBUTING.md"]


@pytest.mark.parametrize("page", [p for p in PYTHON if p not in ("README.md", *TUTORIAL)])
@pytest.mark.usefixtures("folder")
def test_python_blocks_run(page: str) -> None:
    if page == "docs/runs.md":
        teach("teachgym run --student simulated --limit 60 --steps 1 --out runs/first --quiet")
    run_page(page)


@pytest.mark.usefixtures("folder")
def test_the_episode_of_the_readme_runs_and_improves_the_student(
    capsys: pytest.CaptureFixture[str],
) -> None:
    run_page("README.md")
    printed = re.findall(r"test accuracy (\S+) -> (\S+)", capsys.readouterr().out)
    before, after = map(float, printed[0])
    assert after > before


def test_every_extra_is_explained() -> None:
    setup = ConfigParser()
    setup.read(ROOT / "setup.cfg")
    extras = set(setup["options.extras_require"]) - {"dev", "docs"}
    table = PAGES["docs/install.md"].partition("## Extras")[2]
    told = {name for row in re.findall(r"^\| (`.*?) \|", table, re.M) for name in row.split(", ")}
    assert {name.strip("`") for name in told} == extras


def test_the_readme_counts_the_teachers() -> None:
    assert f"**Teachers.** {len(list(TEACHERS))} ship with teachgym" in PAGES["README.md"]


@pytest.mark.usefixtures("folder")
def test_the_suite_of_the_how_to_has_arms_that_can_be_run() -> None:
    check_arms(run_page("docs/how-to/suite.md")["sharpness"])


@pytest.mark.usefixtures("folder")
def test_small_parts_can_be_named_by_their_files() -> None:
    """Each block begins with the name of its file; val is measured before and after the step."""
    for block in blocks("docs/how-to/parts.md", "python"):
        if named := re.match(r"# (\w+\.py): ", block.text):
            Path(named[1]).write_text(block.text)
    settings = {
        "student": "simulated",
        "gate_checks": ["short.py:short", {"name": "unsaid.py:Unsaid", "most": 20}],
        "skills": "parity.py:parity",
        "evaluator": "lower.py:Lower",
        "limit": 60,
        "budget": {"steps": 1, "examples": 100},
    }
    trackers: dict[str, Any] = {"lines.py:Lines": {}}
    config = {"teacher": "uniform", "env_settings": settings, "trackers": trackers}
    Path("run.json").write_text(json.dumps(config))
    teach("teachgym run --config run.json --out run --quiet")
    assert [line.split()[0] for line in Path("run/lines.txt").read_text().splitlines()] == [
        "0",
        "1",
    ]
    teach(
        "teachgym run --env SkillTree --student simulated --limit 60 --steps 1 --quiet "
        "--set proposer=halves.py:Halves --out tree"
    )
    assert '"subskill": "copying, short"' in Path("tree/examples.jsonl").read_text()


@pytest.mark.slow
@pytest.mark.usefixtures("folder")
def test_the_tutorial_can_be_followed_from_page_to_page() -> None:
    """Every command and every block, in order, in one folder; a suite goes into its file."""
    done = []
    for page in TUTORIAL:
        names: dict[str, Any] = {"__name__": page}
        for block in blocks(page, "python", "bash"):
            if block.kind == "python":
                exec(compile(block.text, page, "exec"), names)
                if "def mine_suite" in block.text:
                    Path("mine.py").write_text(block.text)
                continue
            for line in block.text.splitlines():
                teach(f"{line} --workers 1" if line.startswith("teachgym bench") else line)
                done.append(line)
    assert len(done) > 10


@pytest.mark.slow
@pytest.mark.parametrize(("page", "number"), SCRIPTS)
def test_slow_blocks_run_as_scripts(page: str, number: int, folder: Path) -> None:
    script = folder / "block.py"
    script.write_text(blocks(page, "python")[number].text)
    subprocess.run([sys.executable, str(script)], check=True, cwd=folder)


# -- commands --------------------------------------------------------------------------------


def without_placeholders(line: str) -> list[str]:
    """The words of a command that can be parsed; where a shell writes its output is left out."""
    words = [word for word in shlex.split(line.partition(" > ")[0])[1:] if word != "..."]
    return ["2" if word == "K" else word for word in words]


@pytest.mark.parametrize("line", [line for line in COMMANDS if line not in CHECKED])
@pytest.mark.usefixtures("folder")
def test_commands_and_their_options_exist(line: str) -> None:
    command: Any = typer.main.get_command(app)
    words = without_placeholders(line)
    if words[0].startswith("-"):  # It would be done at once.
        assert words[0] in {option for p in command.params for option in p.opts}
        return
    assert words[0] in command.commands
    for path in ("runs/first", "runs/...", "bench/tiny", "bench/smoke", "bench/other"):
        Path(path).mkdir(parents=True, exist_ok=True)
    command.commands[words[0]].make_context(words[0], words[1:])


@pytest.mark.parametrize("line", INLINE)
def test_commands_within_text_exist_with_their_options(line: str) -> None:
    """Some are only named, without what they need."""
    command: Any = typer.main.get_command(app)
    name, *words = without_placeholders(line)
    assert name in command.commands
    known = {option for p in command.commands[name].params for option in p.opts}
    assert {word.partition("=")[0] for word in words if word.startswith("-")} <= known


@pytest.mark.parametrize("flag", ["--teachr alp", "--teacher alpp", "--set stres.seed=1"])
def test_a_wrong_command_is_noticed(flag: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "teachgym.cli.commands.conduct", lambda config, *_, **__: check_config(config)
    )
    with pytest.raises(AssertionError):
        teach(f"teachgym run {flag}")


@pytest.mark.parametrize("line", CHECKED)
@pytest.mark.usefixtures("folder")
def test_names_and_settings_in_commands_exist(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything up to the run itself, in whose place its configuration is checked."""
    checked: list[str] = []

    def check_run(config: Any, *_: Any, **__: Any) -> None:
        check_config(config)
        checked.append("run")

    def check_bench(suite: Any, *_: Any, **__: Any) -> None:
        check_arms(suite)
        checked.append("bench")

    def check_discovery(task: str, method: str, *given: Any) -> None:
        TASKS.check(task, given[2]["task"])
        assert method in METHODS
        if method == "clusters":  # one by a chat model would want a key
            METHODS.make(method, settings=given[2]["method"], task=ToyTask())
        checked.append("discover")

    monkeypatch.setattr("teachgym.cli.commands.conduct", check_run)
    monkeypatch.setattr("teachgym.cli.bench.conduct_bench", check_bench)
    monkeypatch.setattr("teachgym.cli.bench.show_plan", check_bench)
    monkeypatch.setattr("teachgym.cli.discover._discover", check_discovery)
    for name, page in (("halfway.py", TUTORIAL[2]), ("mine.py", "docs/board.md")):
        Path(name).write_text(blocks(page, "python")[0].text)
    if shlex.split(line)[1] == "discover":
        Path("skills.json").unlink()
        Path("twelve.json").rename("labels.json")
        Path("found.json").unlink()
        line = line.replace("--labels twelve.json", "--labels labels.json")
    teach(line)
    assert checked == ([] if shlex.split(line)[1] == "list" else [shlex.split(line)[1]])
