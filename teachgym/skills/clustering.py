"""Skill discovery without a language model: examples with similar texts form a skill."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from teachgym.errors import ConfigError, EpisodeError
from teachgym.protocols import SkillDiscovery
from teachgym.settings import CountFromTwo, Seed32, checked
from teachgym.shown import in_short
from teachgym.skills.embedding import Encoder, Vectors, embed_terms
from teachgym.skills.names import MAX_NAME, identity
from teachgym.types import Example, Skill

Labels = NDArray[np.int64]
"""Number of the cluster of each text, shape (n,)."""

_TERMS = 3
"""Terms that make the name of a cluster."""

_JUDGED = 2_000
"""The most examples that the silhouette is computed from: it takes all pairs."""


@dataclass(frozen=True)
class _Clusters:
    """The clusters that ``discover`` has found."""

    encode: Encoder
    centroids: Vectors
    """Shape (n_clusters, d)."""
    names: tuple[str, ...]
    assigned: Mapping[str, str]
    """Text to name, of the texts that were clustered."""


@checked
@dataclass(eq=False, kw_only=True)
class Clusters(SkillDiscovery):
    """A ``protocols.SkillDiscovery`` by k-means on vectors of the examples' prompts.

    Equal examples and seeds give equal skills. A skill is named by the terms that tell it best
    from the others, see ``name_clusters``.
    """

    skills: CountFromTwo | None = None
    """Their number, >= 2; None = the number with the best mean silhouette (Rousseeuw 1987), at most
    ``most``."""
    most: CountFromTwo = 20
    """The most skills when their number is not given, >= 2."""
    encoder: str = ""
    """Folder of a local transformers encoder; empty = TF-IDF, see ``embed_terms``."""
    seed: Seed32 = 0
    """The seed of k-means and of the vectors."""

    __repr__ = in_short

    def __post_init__(self) -> None:
        self._found: _Clusters | None = None

    def discover(self, examples: Sequence[Example]) -> tuple[Skill, ...]:
        """One skill per cluster, the largest first.

        Raises:
            ConfigError: if the examples have too few different texts.
        """
        texts = [example.prompt for example in examples]
        if len(set(texts)) < 3:
            raise ConfigError(f"{len(set(texts))} different prompts cannot be clustered; give more")
        encode = self._learn(texts)
        vectors = encode(texts)
        labels, centroids = self._divide(vectors)
        names = name_clusters(texts, labels)
        assigned = {text: names[label] for text, label in zip(texts, labels, strict=True)}
        self._found = _Clusters(encode, centroids, names, assigned)
        return tuple(
            Skill(name, None, f"Like: {_typical(texts, vectors, centroid)}")
            for name, centroid in zip(names, centroids, strict=True)
        )

    def assign(self, example: Example) -> str:
        """The skill with the nearest centroid, also for new examples.

        Raises:
            EpisodeError: before ``discover``.
        """
        return self.assign_all([example])[0]

    def assign_all(self, examples: Sequence[Example]) -> list[str]:
        """The skill that ``assign`` gives for each, with all texts encoded at once."""
        if self._found is None:
            raise EpisodeError("no skills have been discovered; call discover() first")
        found = self._found
        new = [e.prompt for e in examples if e.prompt not in found.assigned]
        others: dict[str, str] = {}
        if new:
            vectors = found.encode(new)  # (n, d)
            distances = [np.linalg.norm(vectors - c, axis=1) for c in found.centroids]
            nearest = np.argmin(distances, axis=0)
            others = {text: found.names[i] for text, i in zip(new, nearest, strict=True)}
        return [found.assigned.get(e.prompt) or others[e.prompt] for e in examples]

    def _learn(self, texts: Sequence[str]) -> Encoder:
        if not self.encoder:
            return embed_terms(texts, seed=self.seed)
        # Imported here: it loads torch.
        from teachgym.skills.encoding import load_encoder

        return load_encoder(Path(self.encoder))

    def _divide(self, vectors: Vectors) -> tuple[Labels, Vectors]:
        """The labels, 0 for the largest cluster, and the centroids."""
        different = len(np.unique(vectors.round(12), axis=0))
        if self.skills is not None:
            if self.skills > different:
                raise ConfigError(
                    f"{self.skills} skills cannot be told apart in {different} different texts; "
                    "ask for fewer"
                )
            return _k_means(vectors, self.skills, self.seed)
        most = min(self.most, different - 1)
        if most < 2:
            raise ConfigError(f"{different} different texts cannot be clustered; give more")
        ways = [_k_means(vectors, k, self.seed) for k in range(2, most + 1)]
        return max(ways, key=lambda way: self._silhouette(vectors, way[0]))

    def _silhouette(self, vectors: Vectors, labels: Labels) -> float:
        from sklearn.metrics import silhouette_score

        chosen = np.random.default_rng(self.seed).permutation(len(labels))[:_JUDGED]
        if len(np.unique(labels[chosen])) < 2:
            return -1.0
        return float(silhouette_score(vectors[chosen], labels[chosen]))


def name_clusters(texts: Sequence[str], labels: Labels) -> tuple[str, ...]:
    """A name for each cluster: its terms with the highest c-TF-IDF weight; names are unique.

    The weight of term t in cluster c is tf(t, c) log(1 + A / tf(t)), with A the mean number of
    words per cluster (Grootendorst 2022, "BERTopic", arXiv 2203.05794, equation 2); here tf counts
    the texts with the term. Terms are words that begin with a letter. Instead of a list of stop
    words, which would be of one language, a term must be in a tenth of the cluster's texts and
    not in more than half of the clusters. A cluster without any is called after its number.
    """
    inside = [Counter[str]() for _ in range(int(labels.max()) + 1)]
    for text, label in zip(texts, labels, strict=True):
        inside[label].update(set(re.findall(r"[^\W\d_]\w+", text.casefold())))
    total = sum(inside, Counter[str]())
    mean_words = total.total() / len(inside)
    spread = Counter(term for terms in inside for term in terms)
    names: list[str] = []
    for number, (terms, size) in enumerate(zip(inside, np.bincount(labels), strict=True), 1):
        weight = {
            t: n * np.log1p(mean_words / total[t])
            for t, n in terms.items()
            if n * 10 >= size and spread[t] * 2 <= len(inside)
        }
        # Ties in alphabetical order, so that the order of the examples does not matter.
        best = sorted(weight, key=lambda t: (-weight[t], t))[:_TERMS]
        name = " ".join(best)[:MAX_NAME] or f"cluster {number}"
        taken = {identity(n) for n in names}
        names.append(f"{name} {number}" if identity(name) in taken else name)
    return tuple(names)


def _k_means(vectors: Vectors, count: int, seed: int) -> tuple[Labels, Vectors]:
    from sklearn.cluster import KMeans

    fitted: Any = KMeans(count, n_init=10, random_state=seed).fit(vectors)
    sizes = np.bincount(fitted.labels_, minlength=count)
    order = np.argsort(-sizes, kind="stable")
    place = np.empty(count, dtype=np.int64)
    place[order] = np.arange(count)
    return place[fitted.labels_], np.asarray(fitted.cluster_centers_[order], dtype=np.float64)


def _typical(texts: Sequence[str], vectors: Vectors, centroid: Vectors) -> str:
    """The beginning of the text nearest to a centroid, on one line."""
    nearest = texts[int(np.linalg.norm(vectors - centroid, axis=1).argmin())]
    line = " ".join(nearest.split())
    return line if len(line) <= 100 else f"{line[:99]}…"
