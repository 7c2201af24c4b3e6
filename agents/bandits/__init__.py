"""Bandits over skills and levels: one teacher, several algorithms."""
