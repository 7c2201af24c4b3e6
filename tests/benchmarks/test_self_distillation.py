"""What repeated self-distillation comes to, in closed form: the finding of Borup and Andersen 2021.

arXiv 2102.13088, section 3: a kernel ridge regression is fitted to a mixture of the labels (weight
alpha) and its own last predictions. With alpha above 0 the predictions do not collapse: they tend
to those of one fit to the labels with the regularisation lambda / alpha. Without labels they go to
zero. It is the reason to keep true labels in data that a student writes for itself.
"""

from __future__ import annotations

import numpy as np
import pytest

LAMBDA = 0.3


def kernel_and_labels() -> tuple[np.ndarray, np.ndarray]:
    """A Gaussian kernel of 20 points on a line, (20, 20), and noisy labels, (20,)."""
    rng = np.random.default_rng(0)
    x = np.linspace(-1, 1, 20)
    kernel = np.exp(-((x[:, None] - x) ** 2) / 0.1)
    return kernel, np.sin(3 * x) + rng.normal(0, 0.2, 20)


def fitted(kernel: np.ndarray, labels: np.ndarray, strength: float) -> np.ndarray:
    """Predictions of kernel ridge regression on its own points."""
    found: np.ndarray = kernel @ np.linalg.solve(kernel + strength * np.eye(len(labels)), labels)
    return found


def distilled(alpha: float, rounds: int) -> np.ndarray:
    kernel, labels = kernel_and_labels()
    predictions = fitted(kernel, labels, LAMBDA)
    for _ in range(rounds):
        predictions = fitted(kernel, alpha * labels + (1 - alpha) * predictions, LAMBDA)
    return predictions


@pytest.mark.parametrize("alpha", [0.25, 0.5, 1.0])
def test_with_labels_it_ends_as_one_fit_with_more_regularisation(alpha: float) -> None:
    kernel, labels = kernel_and_labels()
    np.testing.assert_allclose(
        distilled(alpha, 400), fitted(kernel, labels, LAMBDA / alpha), atol=1e-12
    )


def test_without_labels_it_ends_with_nothing() -> None:
    """The largest eigenvalue m of the kernel shrinks by m / (m + lambda) in each round."""
    kernel, _ = kernel_and_labels()
    most = np.linalg.eigvalsh(kernel).max()
    sizes = [np.linalg.norm(distilled(0.0, rounds)) for rounds in (0, 10, 100, 400)]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[3] <= sizes[0] * (most / (most + LAMBDA)) ** 400 * 1.001
