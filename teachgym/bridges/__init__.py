"""Doors to trainers of language models: one file each, for what the trainer calls."""
