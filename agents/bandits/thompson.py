"""``thompson``: play an arm as often as it is likely to be the best, on fading evidence."""

from __future__ import annotations

from dataclasses import dataclass

from teachgym.agents.bandits.bandit import Arms, FadingBandit, best_arms
from teachgym.settings import FromJson, Positive, checked
from teachgym.types import FloatArray


def posterior(
    sums: FloatArray, counts: FloatArray, *, prior: tuple[float, float], noise: float
) -> tuple[FloatArray, FloatArray]:
    """Mean and standard deviation, each (n_arms,), of an arm's value given its rewards.

    Rewards are Gaussian around the value with known standard deviation ``noise``; the value's
    prior is Gaussian with mean and standard deviation ``prior``. With s and n an arm's sum and
    count: precision = 1 / prior_sd^2 + n / noise^2, mean = (prior_mean / prior_sd^2 + s /
    noise^2) / precision.

    Example:
        >>> import numpy as np
        >>> mean, sd = posterior(np.array([3.0]), np.array([3.0]), prior=(0.0, 1.0), noise=1.0)
        >>> float(mean[0]), float(sd[0])
        (0.75, 0.5)
    """
    prior_mean, prior_sd = prior
    precision = 1 / prior_sd**2 + counts / noise**2
    mean = (prior_mean / prior_sd**2 + sums / noise**2) / precision
    return mean, precision**-0.5


@checked
@dataclass(eq=False, kw_only=True)
class Thompson(FadingBandit):
    """Discounted Gaussian Thompson sampling.

    A round draws one value per arm from its posterior and plays the k arms with the highest
    (Komiyama et al. 2015, arXiv 1506.00779). Counts and sums are discounted, so old knowledge
    fades into the prior (Raj and Kalyani 2017, arXiv 1707.09727).
    Both papers have Bernoulli rewards.
    """

    noise: Positive = 0.05
    """Assumed standard deviation of a reward, > 0."""
    prior: FromJson[tuple[float, Positive]] = (0.7, 0.1)
    """Mean and standard deviation (> 0) of an arm's value before any reward; a high mean makes the
    bandit try every arm before it settles."""

    def select(self, k: int, contexts: FloatArray) -> Arms:
        """The k arms with the highest draws."""
        sums, counts = self.totals
        mean, sd = posterior(sums, counts, prior=self.prior, noise=self.noise)
        return best_arms(self.rng.normal(mean, sd), k, self.rng)
