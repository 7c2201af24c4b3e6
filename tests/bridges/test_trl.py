"""TRL's GRPO on measured gains: every member of a group starts from one student."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from teachgym.bridges.trl import measured_gain, rows
from teachgym.envs.forks import Forks

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


def save_teacher(folder: Path) -> Path:
    """A Llama with random weights and the tokenizer of ``small``, which reads any text."""
    import torch
    from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

    from teachgym.students.bases import base_folder

    tokenizer = AutoTokenizer.from_pretrained(base_folder("small", 0))
    tokenizer.chat_template = "{% for m in messages %}{{ m['content'] }}\n{% endfor %}"
    tokenizer.save_pretrained(folder)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        LlamaForCausalLM(
            LlamaConfig(
                vocab_size=len(tokenizer),
                hidden_size=16,
                intermediate_size=32,
                num_hidden_layers=1,
                num_attention_heads=2,
                max_position_embeddings=32_768,
                pad_token_id=tokenizer.pad_token_id,
                eos_token_id=tokenizer.eos_token_id,
            )
        ).save_pretrained(folder)
    return folder


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # Its own libraries warn it.
def test_trl_trains_a_teacher(forks: Forks, tmp_path: Path) -> None:
    trl: Any = pytest.importorskip("trl")
    datasets: Any = pytest.importorskip("datasets")
    trainer = trl.GRPOTrainer(
        str(save_teacher(tmp_path / "model")),
        reward_funcs=measured_gain(forks),
        args=trl.GRPOConfig(
            str(tmp_path / "out"),
            max_steps=2,
            num_generations=2,
            per_device_train_batch_size=4,
            max_completion_length=8,
            logging_steps=1,
            report_to=[],
            use_cpu=True,
            bf16=False,
        ),
        train_dataset=datasets.Dataset.from_list(rows(forks, range(8))),
    )
    trainer.train()
    first = trainer.state.log_history[0]
    assert math.isfinite(first["loss"])
    assert {"rewards/measured_gain/mean", "teachgym/gain", "teachgym/rejected"} <= first.keys()
    assert first["teachgym/rejected"] == 1.0  # Random letters are no plan.


@pytest.mark.slow
def test_the_example_runs(tmp_path: Path) -> None:
    pytest.importorskip("trl")
    example = Path(__file__).parents[2] / "examples" / "train_llm_teacher.py"
    model = save_teacher(tmp_path / "model")
    out = subprocess.run(
        [sys.executable, str(example), str(model), "1"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert out.returncode == 0, out.stderr
    assert "measured_gain" in out.stdout
