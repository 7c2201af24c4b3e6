"""Train a language model as a teacher: GRPO by TRL, on what a student gains that it has trained.

pip install 'teachgym[trl]'
python examples/train_llm_teacher.py Qwen/Qwen3-0.6B 200           # with a GPU, for updates
"""

from __future__ import annotations

import sys

import torch
from datasets import Dataset
from trl import GRPOConfig, GRPOTrainer

from teachgym.bridges.trl import measured_gain, rows
from teachgym.envs.forks import Forks

model, updates = sys.argv[1], int(sys.argv[2])
forks = Forks("SkillList", 8, student="simulated", observation="text", action="text")
trainer = GRPOTrainer(
    model,
    reward_funcs=measured_gain(forks),
    args=GRPOConfig("teacher", max_steps=updates, logging_steps=1, bf16=torch.cuda.is_available()),
    train_dataset=Dataset.from_list(rows(forks, range(8 * updates))),
)
trainer.train()
