"""Tests of teachgym.sandbox."""
