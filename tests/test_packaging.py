"""What users get: every package, light to import, nothing of ours in their way."""

from __future__ import annotations

import configparser
import json
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
NOT_IN_THE_WHEEL = {
    "teachgym.benchmarks.learned",
    "teachgym.benchmarks.models",
    "teachgym.benchmarks.speed",
}
"""What makes the shipped students, trains teachers and measures speed, in a checkout."""
MAPPED = {"envs": "teachgym.envs", "agents": "teachgym.agents", "benchmarks": "teachgym.benchmarks"}


def _listed_packages() -> set[str]:
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    return set(config["options"]["packages"].split())


def test_setup_cfg_lists_every_package() -> None:
    inside = {
        ".".join(init.parent.relative_to(ROOT).parts)
        for init in (ROOT / "teachgym").rglob("__init__.py")
        if not any(p.is_symlink() for p in init.parents)
    }
    mapped = {
        ".".join((name, *init.parent.relative_to(ROOT / folder).parts))
        for folder, name in MAPPED.items()
        for init in (ROOT / folder).rglob("__init__.py")
    }
    assert _listed_packages() == (inside | mapped) - NOT_IN_THE_WHEEL


def test_top_folders_are_not_imported_under_bare_names() -> None:
    import teachgym.agents
    import teachgym.envs  # noqa: F401

    assert not {"envs", "agents", "benchmarks"} & set(sys.modules)


def test_import_loads_no_heavy_package() -> None:
    """A fresh interpreter: ``import teachgym`` and a look at sys.modules."""
    code = "import teachgym, sys, json; print(json.dumps(list(sys.modules)))"
    out = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    loaded = set(json.loads(out.stdout))
    heavy = {"torch", "transformers", "wandb", "sklearn", "matplotlib", "typer", "reasoning_gym"}
    assert not heavy & loaded


@pytest.mark.slow
def test_wheel_runs_an_episode_in_a_clean_environment(tmp_path: Path) -> None:
    """Build, install without dependencies beside this environment's, run from elsewhere."""
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--outdir", str(tmp_path), str(ROOT)],
        check=True,
        capture_output=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    top = {name.split("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    assert top == {"teachgym", "teachgym_verifiers.py", f"teachgym-{_version()}.dist-info"}

    venv.create(tmp_path / "clean", with_pip=True)
    python = tmp_path / "clean" / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "-q", "--no-deps", str(wheel)], check=True)
    site = next((tmp_path / "clean" / "lib").glob("python*/site-packages"))
    (site / "dependencies.pth").write_text(
        "\n".join(p for p in sys.path if p.endswith("site-packages"))
    )
    code = (
        "import gymnasium as gym, teachgym\n"
        "assert 'clean' in teachgym.__file__, teachgym.__file__\n"
        "env = gym.make('teachgym/SkillList-v0', student='simulated', budget={'steps': 2})\n"
        "env.reset(seed=0)\n"
        "print(env.step(env.action_space.sample())[1])\n"
        "env = gym.make('teachgym/SkillList-v0', budget={'steps': 1})\n"
        "print(env.reset(seed=0)[0]['accuracy'].mean())\n"
    )
    out = subprocess.run([python, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert out.returncode == 0, out.stderr


def test_the_dockerfile_copies_what_the_wheel_is_made_of_and_names_what_exists() -> None:
    """It cannot be built in a test; what it takes from here can be looked at."""
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    copied = [
        word
        for line in lines
        if line.startswith("COPY ") and "--from" not in line
        for word in line.split()[1:-1]
    ]
    assert all((ROOT / name).exists() for name in copied)
    assert {"setup.cfg", "pyproject.toml", "teachgym", *MAPPED, "constraints.txt"} <= set(copied)
    kept = {
        line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line[:1] == "!"
    }
    assert kept == set(copied)
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    [extras] = [line.partition("=")[2] for line in lines if line.startswith("ARG EXTRAS=")]
    assert set(extras.split(",")) <= set(config["options.extras_require"])


def _version() -> str:
    import teachgym

    return teachgym.__version__
