"""Train a language model as a teacher: GRPO by TRL, on what a student gains that it has trained.

pip install 'teachgym[trl]'
python examples/train_llm_teacher.py Qwen/Qwen3-0.6B 200           # with a GPU, for updates
python examples/train_llm_teacher.py Qwen/Qwen3-0.6B 200 examples/qwen_teacher_trl.toml
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from datasets import Dataset
from trl import GRPOConfig, GRPOTrainer

from teachgym.bridges.trl import measured_gain, rows
from teachgym.envs.forks import Forks
from teachgym.runs.config import read_config

model, updates, *files = sys.argv[1:]
own = read_config(Path(files[0])) if files else {"forks": {"student": "simulated"}}
forks = Forks("SkillList", 8, observation="text", action="text", **own["forks"])
settings = {"logging_steps": 1, "bf16": torch.cuda.is_available(), **own.get("grpo", {})}
trainer = GRPOTrainer(
    model,
    reward_funcs=measured_gain(forks),
    args=GRPOConfig("teacher", max_steps=int(updates), **settings),
    train_dataset=Dataset.from_list(rows(forks, range(8 * int(updates)))),
)
trainer.train()
