"""Benchmarks of trained teachers: reinforcement learning in the environments."""
