"""Groups of responses that the students of a pool sample to their questions, graded."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass, replace

from teachgym.students.local.pool import StudentPool
from teachgym.students.local.sampling import Asked, sample_tokens
from teachgym.students.texts import Texts
from teachgym.training.forward import token_budget
from teachgym.training.grader import Grader
from teachgym.training.groups import Group, Response, rescued
from teachgym.training.judges import Judge
from teachgym.training.revision import Reviser
from teachgym.training.updates import score
from teachgym.types import EXERCISE, Cost, Data, Example


@dataclass(frozen=True, slots=True)
class Question:
    """A question: one prompt, however many examples have it."""

    ids: tuple[int, ...]
    """Token ids of the prompt."""
    examples: Data
    """All that ask it; answers are graded by the first, the targets of all are solutions."""

    @property
    def identity(self) -> str:
        """Equal for equal questions."""
        return self.examples[0].identity


def questions_of(texts: Texts, data: Data, *, room: int, graded: bool) -> list[Question]:
    """The distinct questions of the data; if answers are ``graded``, only those of exercises.

    Args:
        texts: the student's.
        data: examples.
        room: tokens that an answer may have.
        graded: whether auxiliary texts are left out.
    """
    asking: dict[str, list[Example]] = {}
    for example in data:
        if example.kind == EXERCISE or not graded:
            asking.setdefault(example.identity, []).append(example)
    prompts = texts.prompts([own[0].question for own in asking.values()], room=room)
    pairs = zip(prompts, asking.values(), strict=True)
    return [Question(tuple(ids), tuple(own)) for ids, own in pairs]


@dataclass
class Rollouts:
    """Samples, grades and rescues the groups of one training run."""

    pool: StudentPool
    grader: Grader | None
    """Tells where responses end, and which solutions are right; None without a judge."""
    seeds: Sequence[int]
    """The seeds of each student's samples, shape (K,)."""
    _: KW_ONLY
    k: int
    """Responses to each question."""
    temperature: float
    """The temperature of the samples."""
    rescue: int
    """The number of responses of a group with none right that make room for solutions."""
    imitated: bool = False
    """Whether the target of each question stands beside the responses."""
    judge: Judge | None = None
    """Tells how good responses are; None = nothing is judged."""
    reviser: Reviser | None = None
    """Puts responses right before they are judged; None = they stay."""

    def __post_init__(self) -> None:
        self.generated = [0] * self.pool.count
        """Tokens that each student has sampled, shape (K,)."""
        self.judged = [Cost()] * self.pool.count
        """The cost of judging and revising the responses of each student, shape (K,)."""
        self.read = [0] * self.pool.count
        """Tokens of solutions that each student has read to choose among them, shape (K,)."""

    def draw(self, now: Sequence[Sequence[Question]], step: int) -> list[list[Group]]:
        """A group for each question of each student.

        Args:
            now: the questions of student k are ``now[k]``.
            step: number of the batch, on which the samples depend.
        """
        asked = [
            [Asked(q.ids, seed, f"{step} {q.identity}") for q in own]
            for own, seed in zip(now, self.seeds, strict=True)
        ]
        stop = self.grader.stop if self.grader else ()
        drawn = sample_tokens(self.pool, asked, k=self.k, temperature=self.temperature, stop=stop)
        for student, answers in enumerate(drawn):
            self.generated[student] += sum(len(ids) for each in answers for ids in each)
        if self.reviser:
            drawn, sampled, costs = self.reviser.revise(asked, drawn)
            for student, (counts, cost) in enumerate(zip(sampled, costs, strict=True)):
                self.generated[student] += sum(counts)
                self.judged[student] += cost
        groups = []
        for student, (own, answers) in enumerate(zip(now, drawn, strict=True)):
            responses = [[Response(tuple(ids)) for ids in each] for each in answers]
            graded = self._graded(student, own, responses)
            groups.append(
                [
                    self._completed(student, q, Group(q.ids, tuple(r)))
                    for q, r in zip(own, graded, strict=True)
                ]
            )
        return groups

    def _completed(self, student: int, question: Question, group: Group) -> Group:
        """The group, with what is put in or beside it where that is asked for."""
        if self.rescue:
            group = self._rescued(student, question, group)
        if not self.imitated:
            return group
        target = (response for response, _ in self._written(question.examples[:1]))
        return replace(group, responses=(*group.responses, *target))

    def _graded(
        self,
        student: int,
        questions: Sequence[Question],
        responses: Sequence[Sequence[Response]],
    ) -> list[list[Response]]:
        """The responses to each question with their rewards."""
        if self.judge is None:
            return [list(own) for own in responses]
        stop = self.grader.stop if self.grader else ()
        said = [self.pool.texts.decode(r.ids, stop) for own in responses for r in own]
        examples = [q.examples[0] for q, own in zip(questions, responses, strict=True) for _ in own]
        scores, cost = self.judge.judge(tuple(examples), said)
        self.judged[student] += cost
        rewards = iter(scores)
        return [[replace(r, reward=next(rewards)) for r in own] for own in responses]

    def _rescued(self, student: int, question: Question, group: Group) -> Group:
        """The group with solutions, if it has no right response; see ``groups.rescued``."""
        if group.solved:
            return group
        return rescued(group, self._solutions(student, question), self.rescue)

    def _written(self, examples: Sequence[Example]) -> list[tuple[Response, Example]]:
        """Targets as right responses of others, without those too long for an answer."""
        texts = self.pool.texts
        pairs = texts.pairs([e.question for e in examples], [e.target for e in examples])
        return [
            (Response(tuple(ids), 1.0, own=False), example)
            for example, (_, ids) in zip(examples, pairs, strict=True)
            if len(ids) <= self.pool.max_new_tokens
        ]

    def _solutions(self, student: int, question: Question) -> list[Response]:
        """Right targets as responses, those first that the student understands best.

        That is the mean probability (geometric) that it gives to the tokens of the last line,
        which holds the answer, after all that comes before it: AMPO's comprehension score.
        Shorter ones first where it does not matter or is equal.
        """
        assert self.grader is not None
        examples = question.examples
        grades = self.grader.grade(examples, [e.target for e in examples])
        right = [e for e, grade in zip(examples, grades, strict=True) if grade >= 1]
        found = [
            (response, _last_line(self.pool.texts, example.target))
            for response, example in self._written(right)
        ]
        found.sort(key=lambda each: len(each[0].ids))
        if len(found) > self.rescue:
            scores = self._comprehension(student, question, found)
            order = sorted(range(len(found)), key=lambda i: -scores[i])
            found = [found[i] for i in order]
        return [response for response, _ in found]

    def _comprehension(
        self, student: int, question: Question, found: Sequence[tuple[Response, int]]
    ) -> list[float]:
        """The score of each solution, in [0, 1]; ``found`` tells where its last line begins."""
        group = Group(question.ids, ())
        data = [group.datum(response) for response, _ in found]
        self.read[student] += sum(d.n_tokens for d in data)
        now = [data if k == student else [] for k in range(self.pool.count)]
        scored = score(self.pool, token_budget(self.pool.network.device), now)
        known: dict[int, list[float]] = {id(d): logprobs.tolist() for d, logprobs in scored}
        lines = [known[id(d)][first:] for d, (_, first) in zip(data, found, strict=True)]
        return [math.exp(math.fsum(line) / len(line)) for line in lines]


def _last_line(texts: Texts, target: str) -> int:
    """Number of the token in which the last line of a target begins."""
    first = target.rstrip("\n").rfind("\n") + 1
    return sum(start < first for start in texts.starts(target)) if first else 0
