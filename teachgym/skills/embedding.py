"""Vectors of texts without a language model, from the characteristic terms of each text."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float64]
"""One row of length 1 (or 0, for a text without any known term) per text, shape (n, d)."""

Encoder = Callable[[Sequence[str]], Vectors]
"""Turns texts into vectors; one text's vector does not depend on the others."""

_MOST_FEATURES = 50_000
_DIMENSIONS = 50
"""The most numbers per vector."""


def embed_terms(texts: Sequence[str], *, seed: int = 0) -> Encoder:
    """Vectors by latent semantic analysis: TF-IDF of words and parts of words, reduced by an SVD.

    Terms are single words, pairs of words, and two to four neighbouring characters of a word; in
    all of them a digit is a digit, whichever. Terms of a single text are left out, since they tell
    nothing about others, unless no two texts share a word, or a part of one. After Deerwester et
    al. 1990, "Indexing by latent semantic analysis".

    Args:
        texts: to learn from.
        seed: of the randomised SVD.
    """
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.pipeline import make_pipeline, make_union
    from sklearn.preprocessing import Normalizer

    def vectorizer(**terms: Any) -> Any:
        made = TfidfVectorizer(
            preprocessor=_without_values,
            sublinear_tf=True,
            min_df=min(2, len(texts)),
            max_features=_MOST_FEATURES,
            **terms,
        )
        try:
            return made.fit(texts)
        except ValueError:  # No two texts have one in common.
            return made.set_params(min_df=1).fit(texts)

    words = vectorizer(token_pattern=r"\w+|[^\w\s]", ngram_range=(1, 2))
    parts = vectorizer(analyzer="char_wb", ngram_range=(2, 4))
    features = len(words.vocabulary_) + len(parts.vocabulary_)
    rank = min(_DIMENSIONS, features - 1, len(texts) - 1)
    steps = [make_union(words, parts), Normalizer()]
    if rank >= 1:
        steps[1:] = [TruncatedSVD(rank, random_state=seed), Normalizer()]
    with np.errstate(divide="ignore", invalid="ignore"):  # equal texts have no variance to explain
        pipeline = make_pipeline(*steps).fit(texts)

    def encode(texts: Sequence[str]) -> Vectors:
        vectors = pipeline.transform(texts)
        return np.asarray(vectors if rank >= 1 else vectors.toarray(), dtype=np.float64)

    return encode


def _without_values(text: str) -> str:
    """The text in small letters with every digit a 0: which number it is is no skill."""
    return re.sub(r"\d", "0", text.casefold())
