"""The examples do what they say."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.chat.loopback import serve
from tests.chat.teaching_server import teach

ROOT = Path(__file__).parents[1]
EXAMPLES = {
    "episode.py": ([], "test accuracy"),
    "paper_in_one_file.py": ([], "gain 0.046"),
    "own_teacher.py": ([], "halfway"),
    "fork.py": ([], "signal to noise of the group"),
    "together.py": ([], "skills 25 to 32: reward"),
    "reinforce_student.py": (["1", "0", "0"], "test accuracy 0.699 ->"),
    "train_ppo.py": (["256"], "after"),
    "train_dqn.py": (["60"], "gain on val"),
}
NEED_MORE = {"llm_teacher.py", "train_llm_teacher.py"} | {
    f"teacher_in_{trainer}.py" for trainer in ("skyrl", "verl", "openrlhf")
}
"""A server, a model, trainers; see ``tests/bridges``."""
QUICK = ("episode.py", "paper_in_one_file.py")


def run_python(*arguments: str) -> str:
    out = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, cwd=ROOT)
    assert out.returncode == 0, out.stderr
    return out.stdout


def test_every_example_is_run() -> None:
    assert {p.name for p in (ROOT / "examples").glob("*.py")} == set(EXAMPLES) | NEED_MORE


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=[] if n in QUICK else [pytest.mark.slow]) for n in EXAMPLES]
)
def test_examples_run_to_the_end(name: str) -> None:
    if name.startswith("train_"):
        pytest.importorskip("stable_baselines3")
    arguments, expected = EXAMPLES[name]
    assert expected in run_python(str(ROOT / "examples" / name), *arguments)


@pytest.mark.slow
def test_a_chat_model_behind_a_server_teaches_and_again_without_it(tmp_path: Path) -> None:
    """On the simulated student, from any folder; the second run has nobody to ask."""
    example = [str(ROOT / "examples" / "llm_teacher.py"), "--model=m", "--student=simulated"]
    with serve(teach) as server:
        url = f"--base-url={server.url}"
        first = run_python(*example, url, f"--out={tmp_path / 'first'}")
    replay = f"--replay={tmp_path / 'first' / 'chat.sqlite'}"
    again = run_python(*example, url, replay, f"--out={tmp_path / 'again'}")
    assert "teacher tokens out" in first
    table = re.compile(r"\| test \|.*")
    assert table.findall(first) == table.findall(again) != []


def test_the_paper_in_one_file_leaves_environments_and_teachers_to_be_read_later() -> None:
    text = (ROOT / "examples" / "paper_in_one_file.py").read_text()
    assert len(text.splitlines()) <= 150
    assert not re.search(r"import.*(envs|agents)|(envs|agents).*import", text)
