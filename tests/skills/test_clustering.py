"""Discovery without a language model: it finds what was planted, and equally each time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from teachgym.errors import ConfigError, EpisodeError
from teachgym.skills.agreement import agreement
from teachgym.skills.clustering import Clusters, name_clusters
from teachgym.skills.discovery import METHODS, discover_skills
from teachgym.skills.embedding import embed_terms
from teachgym.testing import ToyTask
from teachgym.types import Example

TEMPLATES = {
    "triangles": "What is the area of a triangle with base {a} and height {b}?",
    "primes": "How many prime factors does the number {a} have, and is {b} one of them?",
    "coins": "A coin is tossed {a} times. How likely is it to show heads {b} times?",
    "trains": "A train travels at {a} miles an hour. How far does it get in {b} hours?",
}


def _planted(count: int = 25, seed: int = 0) -> tuple[Example, ...]:
    """``count`` problems of each kind, in random order."""
    rng = np.random.default_rng(seed)
    problems = [
        Example(text.format(a=rng.integers(1, 999), b=rng.integers(1, 999)), "?", kind)
        for kind, text in TEMPLATES.items()
        for _ in range(count)
    ]
    order = rng.permutation(len(problems))
    return tuple(
        Example(problems[i].prompt, "?", problems[i].skill, f"{seed}/{n}")
        for n, i in enumerate(order)
    )


def _gold(examples: tuple[Example, ...]) -> dict[str, str]:
    return {e.id: e.skill for e in examples}


def _assigned(found: Clusters, examples: tuple[Example, ...]) -> dict[str, str]:
    return {e.id: found.assign(e) for e in examples}


@pytest.mark.parametrize("skills", [4, None])
def test_a_planted_partition_is_found_and_new_examples_fall_into_it(skills: int | None) -> None:
    examples, later = _planted(), _planted(seed=1)
    found = Clusters(skills=skills, most=8)
    names = [skill.name for skill in found.discover(examples)]
    assert len(set(names)) == 4
    assert agreement(_assigned(found, examples), _gold(examples)).ami > 0.9
    assert agreement(_assigned(found, later), _gold(later)).ami > 0.9


def test_shuffled_gold_labels_agree_with_no_clusters() -> None:
    """The falsifier of the test above: agreement is not high by itself."""
    examples = _planted()
    found = Clusters(skills=4)
    found.discover(examples)
    kinds = np.random.default_rng(0).permutation([e.skill for e in examples])
    shuffled = dict(zip((e.id for e in examples), map(str, kinds), strict=True))
    assert abs(agreement(_assigned(found, examples), shuffled).ami) < 0.2


def test_clusters_are_named_by_their_telling_words() -> None:
    found = Clusters(skills=4)
    found.discover(_planted())
    names = {found.assign(e): e.skill for e in _planted()}
    words = {kind: set(name.split()) for name, kind in names.items()}
    assert words["triangles"] & {"triangle", "area", "base", "height"}
    assert words["primes"] & {"prime", "factors", "number", "many", "one"}


def test_equal_seeds_give_equal_skills() -> None:
    one, other = Clusters(skills=4, seed=3), Clusters(skills=4, seed=3)
    assert one.discover(_planted()) == other.discover(_planted())
    assert _assigned(one, _planted(seed=2)) == _assigned(other, _planted(seed=2))


def test_names_follow_the_weights_of_the_formula() -> None:
    """Two clusters of two texts.

    Words per cluster, repeats in a text counted once: 2 + 2 and 2 + 1, so A = 3.5. In cluster 0
    "red" is in two texts and nowhere else: 2 log(1 + 3.5 / 2) = 2.02; "box" is in both clusters,
    so it tells nothing; "ball" is in one: log(1 + 3.5) = 1.50.
    """
    texts = ["red box", "red ball red", "blue box", "blue"]
    assert name_clusters(texts, np.array([0, 0, 1, 1])) == ("red ball", "blue")


def test_clusters_without_words_have_numbers() -> None:
    names = name_clusters(["1 + 1", "2 + 2", "9 * 9"], np.array([0, 0, 1]))
    assert names == ("cluster 1", "cluster 2")


def test_the_largest_skill_comes_first() -> None:
    examples = _planted()
    lopsided = tuple(e for e in examples if e.skill == "coins") + examples[:10]
    file_counts = [
        sum(1 for name in _assigned(found, lopsided).values() if name == skill.name)
        for found in [Clusters(skills=3)]
        for skill in found.discover(lopsided)
    ]
    assert file_counts == sorted(file_counts, reverse=True)


def test_vectors_have_length_one_and_do_not_depend_on_each_other() -> None:
    texts = [e.prompt for e in _planted()]
    encode = embed_terms(texts)
    together = encode(texts)
    assert np.linalg.norm(together, axis=1) == pytest.approx(1)
    np.testing.assert_allclose(encode(texts[:1]), together[:1], atol=1e-12)
    assert encode(["ζζζ"]) == pytest.approx(0)


def test_more_skills_than_different_texts_are_refused() -> None:
    same = tuple(Example(f"What is {n % 10}?", "?", "x", str(n)) for n in range(50))
    with pytest.raises(ConfigError, match="3 skills cannot be told apart in 1 different texts"):
        Clusters(skills=3).discover(same)
    with pytest.raises(ConfigError, match="cannot be clustered"):
        Clusters().discover(same)
    with pytest.raises(ConfigError, match="2 different prompts"):
        Clusters().discover(same[:2])


def test_texts_that_share_no_word_are_told_apart_by_parts_of_words() -> None:
    """Not one word is there twice; scikit-learn refused such texts."""
    words = ("singing", "ringing", "bringing", "clapper", "flapper", "trapper")
    found = Clusters(skills=2)
    found.discover([Example(word, "", "s", word) for word in words])
    first, *others = (found.assign(Example(word, "", "s")) for word in words)
    assert [other == first for other in others] == [True, True, False, False, False]


def test_settings_out_of_range_are_refused() -> None:
    for settings in ({"skills": 1}, {"most": 0}):
        with pytest.raises(ConfigError, match="2 or more"):
            Clusters(**settings)
    with pytest.raises(ConfigError, match="colour"):
        METHODS.make("clusters", settings={"colour": "red"}, task=ToyTask())


def test_nothing_is_assigned_before_skills_are_discovered() -> None:
    with pytest.raises(EpisodeError, match=r"discover\(\)"):
        Clusters().assign(_planted()[0])


def test_an_encoder_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="holds no encoder"):
        Clusters(skills=2, encoder=str(tmp_path)).discover(_planted())


def test_only_the_splits_that_are_asked_for_are_read() -> None:
    class Watched(ToyTask):
        read: list[str]

        def examples(self, split):  # type: ignore[no-untyped-def]
            self.__dict__.setdefault("read", []).append(split)
            return super().examples(split)

    task = Watched()
    file = discover_skills(
        METHODS.make("clusters", settings={"skills": 4}, task=task), task, method="clusters"
    )
    assert set(task.read) == {"val"}
    assert set(file.assignments) == {e.id for e in task.examples("val")}


def test_gold_skills_are_the_examples_own() -> None:
    task = ToyTask()
    file = discover_skills(
        METHODS.make("gold", task=task), task, method="gold", splits=("val", "train", "val")
    )
    assert file.skills == task.skills
    assert file.assignments == {e.id: e.skill for s in ("val", "train") for e in task.examples(s)}  # type: ignore[arg-type]
    assert sum(file.counts.values()) == 40 + 160
