"""GRPO of a language model as a teacher, in this process: ``teachgym train-teacher``.

A teacher answers in what a grammar allows (``agents.llm.shares``), groups of its answers are tried
on forks of one student (``envs.forks``), and the losses and optimizers of students update it
(``teachgym.training``). Other trainers have doors of their own beside this package.
"""
