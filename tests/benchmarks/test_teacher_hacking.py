"""A student of an imperfect teacher, measured against the teacher and against the truth.

The experiment of Tiapkin et al. 2025 (arXiv 2502.02671) where every distance is known exactly: the
oracle is a random Markov chain of order 2 over ten symbols, the teacher is fitted to strings of the
oracle, the student to strings of the teacher. *Proxy* is the divergence of the student from the
teacher's data, *golden* that from the oracle. Students are tables of logits, one row for each pair
of symbols, trained by gradient descent from the uniform distribution.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

SYMBOLS, LENGTH, RATE = 10, 20, 40.0
Table = np.ndarray
"""Probabilities of the next symbol after each pair, (SYMBOLS ** 2, SYMBOLS)."""


@dataclass(frozen=True)
class Course:
    """Distances of a student after each update, shape (n_updates,) each."""

    proxy: np.ndarray
    golden: np.ndarray


def chain(rng: np.random.Generator) -> Table:
    drawn: Table = rng.dirichlet(np.full(SYMBOLS, 0.5), size=SYMBOLS**2)
    return drawn


def counts_of(table: Table, n_strings: int, rng: np.random.Generator) -> Table:
    """How often each symbol came after each pair in strings that a chain wrote."""
    counts = np.zeros_like(table)
    context = rng.integers(SYMBOLS**2, size=n_strings)
    steps = np.cumsum(table, axis=1)
    for _ in range(LENGTH):
        drawn = (rng.random((n_strings, 1)) > steps[context]).sum(axis=1).clip(max=SYMBOLS - 1)
        np.add.at(counts, (context, drawn), 1)
        context = (context % SYMBOLS) * SYMBOLS + drawn
    return counts


def fitted(counts: Table) -> Table:
    """A chain by relative frequencies, with a little for what did not occur."""
    smooth: Table = counts + 0.05
    return smooth / smooth.sum(axis=1, keepdims=True)


def divergence(truth: Table, weights: np.ndarray, other: Table) -> float:
    """KL of the truth from another chain, in nats a symbol, by how often pairs occur."""
    inner = (truth * (np.log(truth + 1e-30) - np.log(other))).sum(axis=1)
    return float((weights * inner).sum() / weights.sum())


def distil(
    oracle: Table, teacher: Table, n_strings: int, rng: np.random.Generator, *, fresh: bool
) -> Course:
    """A student after each of 400 updates on strings of the teacher, the same or fresh ones."""
    often = counts_of(oracle, 4000, rng).sum(axis=1)
    logits, counts = np.zeros_like(oracle), counts_of(teacher, n_strings, rng)
    proxy, golden = [], []
    for _ in range(400):
        if fresh:
            counts = counts_of(teacher, n_strings, rng)
        student = np.exp(logits - logits.max(axis=1, keepdims=True))
        student /= student.sum(axis=1, keepdims=True)
        seen = counts.sum(axis=1, keepdims=True)
        logits += RATE * (counts - seen * student) / counts.sum()
        empirical = counts / np.maximum(seen, 1)
        proxy.append(divergence(empirical, counts.sum(axis=1), student))
        golden.append(divergence(oracle, often, student))
    return Course(np.array(proxy), np.array(golden))


def world(seed: int, taught: int) -> tuple[Table, Table, np.random.Generator]:
    """An oracle, a teacher that has seen so many strings of it, and what else chance decides."""
    rng = np.random.default_rng(seed)
    oracle = chain(rng)
    return oracle, fitted(counts_of(oracle, taught, rng)), rng


def test_on_the_same_few_strings_the_student_nears_its_teacher_and_leaves_the_truth() -> None:
    """The proxy falls in every update, and golden turns."""
    for seed in range(5):
        oracle, teacher, rng = world(seed, taught=100)
        course = distil(oracle, teacher, 60, rng, fresh=False)
        assert (np.diff(course.proxy) < 0).all()
        assert 0 < course.golden.argmin() < len(course.golden) - 1
        assert course.golden[-1] > 1.1 * course.golden.min()


@pytest.mark.slow
def test_more_strings_are_better_and_fresh_ones_end_where_the_teacher_is() -> None:
    """The teacher's own distance is the floor line, below which no student of it is for long."""
    for seed in range(5):
        oracle, teacher, rng = world(seed, taught=1500)
        few, many = (distil(oracle, teacher, n, rng, fresh=False).golden[-1] for n in (60, 1500))
        online = distil(oracle, teacher, 60, rng, fresh=True).golden[-1]
        assert many < 0.6 * few
        assert online < 1.05 * many
        often = counts_of(oracle, 4000, rng).sum(axis=1)
        assert online < 3 * divergence(oracle, often, teacher)


@pytest.mark.slow
def test_a_teacher_that_knows_little_draws_even_an_online_student_towards_itself() -> None:
    for seed in range(5):
        oracle, teacher, rng = world(seed, taught=100)
        golden = distil(oracle, teacher, 60, rng, fresh=True).golden
        own = divergence(oracle, counts_of(oracle, 4000, rng).sum(axis=1), teacher)
        assert 1.1 * golden.min() < golden[-1] < 1.05 * own
