"""TRL's GRPO on measured gains: every member of a group starts from one student."""

from __future__ import annotations

import inspect
import json
import math
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoTokenizer
from transformers.utils import get_json_schema

from teachgym.bridges.trl import measured_gain, rollouts, rows
from teachgym.envs.forks import Forks
from tests.bridges.random_models import save_model

SMALL: dict[str, Any] = {
    "student": "simulated",
    "task_settings": {"val_per_cell": 2, "test_per_cell": 1, "train_per_cell": 1},
    "examples_per_step": 60,
    "budget": {"steps": 3},
    "observation": "text",
    "action": "text",
    "observation_tokens": 150,
}
REPLIES = ['{"items": [{"skill": "first", "count": 60}]}', "No idea.", '{"items": []}']


@pytest.fixture(scope="module")
def forks() -> Forks:
    return Forks("SkillList", 4, **SMALL)


def make_trainer(
    model: Path, forks: Forks, n_rows: int, *, max_steps: int, batch: int, tools: Any = None
) -> Any:
    """TRL's trainer of a model in a folder, in groups of two on measured gains."""
    trl: Any = pytest.importorskip("trl")
    datasets: Any = pytest.importorskip("datasets")
    return trl.GRPOTrainer(
        str(model),
        reward_funcs=measured_gain(forks),
        environment_factory=tools,
        args=trl.GRPOConfig(
            str(model.parent / "out"),
            max_steps=max_steps,
            num_generations=2,
            per_device_train_batch_size=batch,
            max_completion_length=8,
            logging_steps=1,
            report_to=[],
            use_cpu=True,
            bf16=False,
        ),
        train_dataset=datasets.Dataset.from_list(rows(forks, range(n_rows))),
    )


def test_a_row_is_a_prompt_and_the_state_it_is_about(forks: Forks) -> None:
    one, other = rows(forks, [3, 4])
    assert (one["state"], other["state"]) == ("3", "4")
    assert [message["role"] for message in one["prompt"]] == ["system", "user"]
    assert one["prompt"][1]["content"] == forks.observation(forks.start(3)).strip()
    assert rows(forks, [3]) == [one]


def test_each_completion_earns_what_it_brings_in_its_own_state(forks: Forks) -> None:
    """Texts and conversations alike, in whatever order groups come."""
    logged: list[tuple[str, float]] = []
    reward = measured_gain(forks)
    messages = [[{"role": "assistant", "content": text}] for text in REPLIES]
    states = ["7", "8", "7"]
    got = reward(
        completions=messages,
        state=states,
        prompts=[],
        log_metric=lambda name, value: logged.append((name, value)),
    )
    assert got == reward(completions=REPLIES, state=states)
    alone = [
        forks.branch(forks.start(int(state)), [text]).rewards[0]
        for state, text in zip(states, REPLIES, strict=True)
    ]
    assert got == alone
    assert [value for name, value in logged if name == "teachgym/rejected"] == [0.0, 1.0]
    assert reward.__name__ == "measured_gain"


def test_rows_can_be_about_later_states(forks: Forks) -> None:
    (later,) = forks.branch(forks.start(5), REPLIES[:1]).ids
    (row,) = rows(forks, [later])
    assert "step 1" in row["prompt"][1]["content"]
    reward = measured_gain(forks)(completions=REPLIES[:1], state=[later])
    assert reward == [forks.branch(later, REPLIES[:1]).rewards[0]]


def test_a_state_that_rows_are_about_outlives_the_reply_that_leads_to_it(forks: Forks) -> None:
    start = forks.start(6)
    (later,) = forks.branch(start, REPLIES[:1]).ids
    kept = forks.kept
    assert rows(forks, [6, later])
    measured_gain(forks)(completions=REPLIES, state=["6", "6", "9"])
    assert forks.kept == kept
    assert forks.observation(later) != forks.observation(start)


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # Its own libraries warn it.
def test_trl_trains_a_teacher(forks: Forks, tmp_path: Path) -> None:
    trainer = make_trainer(save_model(tmp_path / "model"), forks, 8, max_steps=2, batch=4)
    trainer.train()
    first = trainer.state.log_history[0]
    assert math.isfinite(first["loss"])
    assert {"rewards/measured_gain/mean", "teachgym/gain", "teachgym/rejected"} <= first.keys()
    assert first["teachgym/rejected"] == 1.0  # Random letters are no plan.


def test_calls_of_tools_are_noted_and_carried_out_with_their_group(forks: Forks) -> None:
    """The second rollout has called a tool, and is worth what the same reply is worth."""
    make = rollouts(forks)
    silent, ordering = make(), make()
    for rollout in (silent, ordering):
        rollout.reset(state="7", prompt="what TRL hands over")
    call: Any = ordering
    assert call.order(skill="first", count=60) == "noted"
    texts = [REPLIES[1], "I have ordered what is needed."]
    reward = measured_gain(forks)
    got = reward(completions=texts, state=["7", "7"], environments=[silent, ordering])
    assert got == reward(completions=[REPLIES[1], REPLIES[0]], state=["7", "7"])
    assert got[0] == 0 != got[1]
    ordering.reset(state="8")
    assert reward(completions=texts[1:], state=["7"], environments=[ordering]) == [0]


@pytest.mark.parametrize(
    ("id_", "names"),
    [
        ("OpenEnded", ["write_example"]),
        ("SkillList", ["order"]),
        ("SkillTree", ["exploit", "explore"]),
    ],
)
def test_tools_are_told_as_the_form_tells_them(id_: str, names: list[str]) -> None:
    forks = Forks(id_, 1, **SMALL)
    rollout: Any = rollouts(forks)()
    public = [n for n, _ in inspect.getmembers(type(rollout), inspect.isfunction) if n[0] != "_"]
    assert public == sorted([*names, "reset"])
    tools = {
        tool["function"]["name"]: tool["function"] for tool in forks.form(forks.start(0)).tools
    }
    for name in names:
        told, own = get_json_schema(getattr(rollout, name))["function"], tools[name]
        assert (told["name"], told["description"]) == (name, own["description"])
        mine, theirs = told["parameters"], own["parameters"]
        assert mine["properties"].keys() == theirs["properties"].keys()
        assert set(mine["required"]) <= set(theirs["required"])  # Those may be null instead.
        named = {field: schema.get("enum") for field, schema in theirs["properties"].items()}
        assert named == {field: schema.get("enum") for field, schema in mine["properties"].items()}


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # Its own libraries warn it.
def test_trl_offers_the_tools_to_a_model(forks: Forks, tmp_path: Path) -> None:
    trl: Any = pytest.importorskip("trl")
    folder = save_model(tmp_path / "model", "Qwen3")
    template = Path(trl.__file__).parent / "chat_templates" / "qwen3.jinja"
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.chat_template = template.read_text()
    tokenizer.save_pretrained(folder)
    trainer = make_trainer(folder, forks, 2, max_steps=1, batch=2, tools=rollouts(forks))
    assert [tool.__name__ for tool in trainer.tools] == ["order"]
    trainer.train()
    assert trainer.state.log_history[0]["teachgym/rejected"] == 1.0


EXAMPLES = Path(__file__).parents[2] / "examples"


def run_example(folder: Path, *arguments: object) -> None:
    out = subprocess.run(
        [sys.executable, str(EXAMPLES / "train_llm_teacher.py"), *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=folder,
    )
    assert out.returncode == 0, out.stderr
    assert "measured_gain" in out.stdout


@pytest.mark.slow
def test_the_example_runs(tmp_path: Path) -> None:
    pytest.importorskip("trl")
    run_example(tmp_path, save_model(tmp_path / "model"), 1)


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # Its own libraries warn it.
def test_the_real_run_runs_in_small(tmp_path: Path) -> None:
    """Its file as it stands, but for models, devices, vLLM and sizes."""
    trl: Any = pytest.importorskip("trl")
    real = tomllib.loads((EXAMPLES / "qwen_teacher_trl.toml").read_text())
    whole = trl.GRPOConfig(str(tmp_path), **{**real["grpo"], "bf16": False})
    assert (whole.use_vllm, whole.num_generations) == (True, 8)
    on_cpu = {"device": "cpu", "max_new_tokens": 64}
    forks = {
        **real["forks"],
        "student": str(save_model(tmp_path / "student", "Qwen2")),
        "student_settings": {**real["forks"]["student_settings"], **on_cpu},
        "task_settings": {"val_per_cell": 1, "test_per_cell": 1, "train_per_cell": 1},
        "examples_per_step": 2,
        "recheck": 4,
    }
    small = {"num_generations": 2, "per_device_train_batch_size": 2, "max_completion_length": 8}
    grpo = {**real["grpo"], **small, "gradient_accumulation_steps": 1, "use_vllm": False}
    file = tmp_path / "small.json"
    file.write_text(json.dumps({"forks": forks, "grpo": {**grpo, "use_cpu": True}}))
    run_example(tmp_path, save_model(tmp_path / "teacher", "Qwen3"), 1, file)
