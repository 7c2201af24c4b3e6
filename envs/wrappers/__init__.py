"""Wrappers of environments: other actions, observations and rewards."""
