"""``llm`` in Skill-Tree environments: a chat model explores or exploits, root by root."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from teachgym.agents.context import Classroom
from teachgym.agents.llm.moves import fit_moves, toss_moves
from teachgym.chat.prompts import render
from teachgym.chat.structured import ChatRequest, StructuredChat
from teachgym.forest.moves import describe
from teachgym.forest.space import TreeReport
from teachgym.language.excerpts import CUT, Shown, choose, in_words
from teachgym.language.moves import TreeAnswer, move_of
from teachgym.protocols import ChatModel, Teacher
from teachgym.settings import Count, Few, Kept, checked
from teachgym.streams import draw_seed
from teachgym.types import Explore, Incident, Move, Score

Objective = Literal["improvement", "frontier"]


class LLMSkillTree(Teacher[TreeReport, tuple[Move, ...]]):
    """Asks one question about each root, with its whole history; the answer is one move.

    After the language-model action policy of DataEnvGym (arXiv 2410.06215, code), with both its
    objectives: ``improvement`` raises accuracy on ``val`` with little data, ``frontier`` looks
    for the subskills at which the student is worst on the data made for them. There, it sees no
    errors; here, some of the root's are in the prompt.

    A root of which nothing is known explores without being asked about. A root whose answer
    cannot be used keeps its standing allocation and counts as the incident ``kept``.

    Args:
        classroom: what it may know, and who pays.
        chat: is asked about every root.
        state: whether anybody is asked. Without (the paper's "No State"), a coin decides:
            ``toss_moves``.
        objective: ``improvement`` or ``frontier``.
        most_per_subskill: examples per subskill and move at most, with ``frontier``, >= 1.
        subskills: asked for when a root is explored for the first time, >= 1.
        error_tokens: budget of the errors in all prompts of a step together, >= 0.
        workers: most calls at a time, >= 1.

    Raises:
        ConfigError: for a number out of range or an objective that does not exist.
    """

    name: str = "llm"

    @checked
    def __init__(
        self,
        classroom: Classroom,
        *,
        chat: ChatModel,
        state: bool = True,
        objective: Objective = "improvement",
        most_per_subskill: Kept = 30,
        subskills: Kept = 2,
        error_tokens: Count = 8_000,
        workers: Few = 8,
    ) -> None:
        self.objective = objective
        self.most_per_subskill = most_per_subskill
        self.subskills = subskills
        self.error_tokens = error_tokens
        self.classroom, self.state = classroom, state
        self.name = "llm" if state else "llm-no-state"
        self._asker = StructuredChat(chat, classroom.meter, workers=workers)
        self.reset(0)

    @property
    def share(self) -> int:
        """The examples of a step for one root when all roots get the same, at least 1."""
        return max(self.classroom.per_step // len(self.classroom.leaves), 1)

    def reset(self, seed: int) -> None:
        """Start with a new random generator; nothing else is remembered."""
        self._rng = np.random.default_rng(seed)

    def act(self, observation: TreeReport) -> tuple[Move, ...]:
        """Return at most one move per root."""
        if self.state:
            moves = self._decide(observation)
        else:
            moves = toss_moves(observation.forest, self.share, self._rng)
        most = self.most_per_subskill if self.objective == "frontier" else None
        return fit_moves(moves, self.classroom.per_step, most=most)

    def _decide(self, now: TreeReport) -> tuple[Move, ...]:
        roots = [root for root, tree in now.forest.trees.items() if tree]
        answers = self._asker.ask(self._questions(now, roots), TreeAnswer)
        moves: dict[str, Move | None] = {
            root: self._first_move(root) for root in now.forest.trees if root not in roots
        }
        for root, answer in zip(roots, answers, strict=True):
            moves[root] = self._move(now, root, answer)
        return tuple(move for root in now.forest.trees if (move := moves[root]))

    def _first_move(self, root: str) -> Explore:
        examples = max(self.share // self.subskills, 1)
        return Explore(root, self.subskills, examples, "nothing is known yet")

    def _move(self, now: TreeReport, root: str, answer: Sequence[TreeAnswer]) -> Move | None:
        # The prompt asks for one item; of several, the first that can be used counts.
        move = next((move for a in answer if (move := self._move_of(a, now, root))), None)
        if move is None:
            detail = f"{root}: no usable answer; its allocation stands"
            self.classroom.meter.note(Incident("kept", detail))
        return move

    def _move_of(self, answer: TreeAnswer, now: TreeReport, root: str) -> Move | None:
        """The move that it asks for; names that do not exist are counted."""
        move, rejected = move_of(answer, now.forest, root)
        for verdict in rejected:
            self.classroom.meter.note(Incident("unknown-skill", verdict.detail))
        return move

    def _questions(self, now: TreeReport, roots: Sequence[str]) -> list[ChatRequest]:
        names = [leaf for root in roots for leaf in self.classroom.leaves[root]]
        describe_pictures = self.classroom.syllabus.describe
        errors = choose(
            now.report.errors, names, self.error_tokens, self._rng, describe=describe_pictures
        )
        return [self._question(now, root, errors) for root in roots]

    def _question(self, now: TreeReport, root: str, errors: Sequence[Shown]) -> ChatRequest:
        leaves, syllabus = self.classroom.leaves[root], self.classroom.syllabus
        predictions = (p for p in now.report.predictions if p.example.skill in leaves)
        subskills = now.forest.trees[root]
        messages = render(
            "teachgym.agents",
            "skill_tree",
            brief=syllabus.brief,
            objective=self.objective,
            most_per_subskill=self.most_per_subskill,
            root=next(skill for skill in syllabus.skills if skill.name == root),
            score=Score.of(p.score for p in predictions),
            subskills=subskills,
            past=now.forest.past(root),
            room=now.forest.max_subskills - len(subskills),
            share=self.share,
            errors=[error for error in errors if error.skill in leaves],
            mark=CUT.strip(),
            words=in_words,
            described=describe,
        )
        return ChatRequest(messages, draw=draw_seed(self._rng))
