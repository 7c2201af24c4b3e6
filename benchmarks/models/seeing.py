"""Pretrain a student that sees, in stages: easy questions about few things first.

Trained on one question after another, a small student answers as if it were blind for a long time.
Three things shorten that. All questions about a picture stand behind it in one row, where none
reads another, so that the picture is read once. What the language model is told of a patch is
compared with all words, as CLIP does (Radford et al. 2021, arXiv 2103.00020), so that patches are
near the words for what they show and where. And queries start as keys do (Trockman and Kolter 2023,
arXiv 2305.09828), so that a word looks for what is like it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch
from torch.nn import functional

from teachgym.benchmarks.models.scene_lessons import (
    CELL,
    Lesson,
    Lessons,
    Syllabus,
    assemble,
    tiles,
    words_of_cells,
)
from teachgym.tasks.scenes import PLACES, WIDTH

IMAGE = "<image>"
"""The token that stands for a patch."""
_N_PATCHES = len(PLACES)
_SHARPNESS, _OFFSET = 10.0, 3.0
"""A word is a patch's if the cosine of the two is above their quotient."""
_WEIGHT = 10.0
"""Of the comparison of patches with words, beside the questions."""
_END_WEIGHT = 0.1
"""Of the end token, which is soon known."""


@dataclass(frozen=True)
class Stage:
    """A part of the pretraining, with an optimizer and lessons of its own."""

    questions: int
    """How many of them."""
    levels: tuple[float, ...]
    """Relative frequency of each level, easiest first."""
    things: tuple[int, int]
    """The fewest and the most things of a scene."""
    often: bool = True
    """Ask only of skills that the mixture has often; else of all by their weights."""


@dataclass(frozen=True)
class Sight:
    """What a student that sees has beside a language model."""

    vision: Mapping[str, Any]
    """Fields of ``SiglipVisionConfig``; a patch is a cell of a scene."""
    stages: tuple[Stage, ...]
    scenes: int = 12
    """Of an update."""
    questions: int = 10
    """About each scene."""

    def of(self, questions: int) -> Sight:
        """The same with so many questions in all stages, in proportion."""
        share = questions / sum(stage.questions for stage in self.stages)
        stages = (replace(s, questions=round(s.questions * share)) for s in self.stages)
        return replace(self, stages=tuple(stages))


@dataclass(frozen=True)
class Plan:
    """What decides how a model is pretrained."""

    sight: Sight
    weights: Mapping[str, float]
    """Of the skills in the mixture."""
    recipe: Mapping[str, Any]
    """Fields of ``FineTuningSettings``."""
    seed: int
    """Chooses the lessons."""

    def skills(self, stage: Stage) -> Mapping[str, float]:
        """The weights of the skills that a stage asks of."""
        most = max(self.weights.values())
        return {s: w for s, w in self.weights.items() if w == most or not stage.often}


@dataclass(frozen=True)
class Progress:
    """How an update went."""

    stage: int
    update: int
    loss: float
    right: Mapping[tuple[str, int], tuple[int, int]]
    """How many questions of a skill and level were asked, and how many answered rightly."""


def make_model(text: Mapping[str, Any], sight: Sight, tokenizer: Any, seed: int) -> Any:
    """An untrained LLaVA: SigLIP's tower, a projector, a Llama, with random weights."""
    import transformers

    make: Any = transformers
    config = make.LlavaConfig(
        vision_config=make.SiglipVisionConfig(
            image_size=CELL * WIDTH, patch_size=CELL, vision_use_head=False, **sight.vision
        ),
        text_config=make.LlamaConfig(
            vocab_size=len(tokenizer),
            pad_token_id=tokenizer.pad_token_id,
            eos_token_id=tokenizer.eos_token_id,
            bos_token_id=None,
            **text,
        ),
        image_token_index=tokenizer.convert_tokens_to_ids(IMAGE),
        image_seq_length=_N_PATCHES,
        vision_feature_select_strategy="full",
        vision_feature_layer=-1,
        tie_word_embeddings=False,
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = make.LlavaForConditionalGeneration(config)
    for layer in model.model.language_model.layers:
        layer.self_attn.q_proj.weight.data.copy_(layer.self_attn.k_proj.weight.data)
    return model


def make_processor(tokenizer: Any) -> Any:
    """What turns a picture and a text into what the model reads."""
    import transformers
    from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil

    make: Any = transformers
    make_pixels: Any = SiglipImageProcessorPil
    side = CELL * WIDTH
    return make.LlavaProcessor(
        image_processor=make_pixels(size={"height": side, "width": side}),
        tokenizer=tokenizer,
        patch_size=CELL,
        vision_feature_select_strategy="full",
    )


def teach_to_see(
    model: Any,
    tokenizer: Any,
    plan: Plan,
    *,
    kept: Path | None = None,
    tell: Callable[[Progress], None] = lambda progress: None,
) -> float:
    """Train the model in place through all stages; the mean loss of the last one that was trained.

    Args:
        model: of ``make_model``.
        tokenizer: one token for each answer.
        plan: the stages, and what they are about.
        kept: folder where the weights after each stage are kept, and from which stages that were
            done by the same plan are not repeated.
        tell: is told of every update.
    """
    loss, done = float("nan"), repr((model.config.to_dict(), plan.weights, plan.recipe, plan.seed))
    for number, stage in enumerate(plan.sight.stages):
        done = sha256(f"{done} {stage}".encode()).hexdigest()
        file = kept and kept / f"stage-{number}-{done[:12]}.pt"
        if file and file.exists():
            model.load_state_dict(torch.load(file, weights_only=True))
            continue
        loss = _teach(model, tokenizer, plan, number, tell)
        if file:
            torch.save(model.state_dict(), file)
    return loss


def _teach(
    model: Any, tokenizer: Any, plan: Plan, number: int, tell: Callable[[Progress], None]
) -> float:
    """One stage."""
    from torch.nn.utils import clip_grad_norm_

    from teachgym.students.local.weights import Weight
    from teachgym.training.optimizers import make_optimizers
    from teachgym.training.settings import FineTuningSettings

    sight, stage = plan.sight, plan.sight.stages[number]
    settings = FineTuningSettings(**plan.recipe)
    syllabus = Syllabus(plan.skills(stage), stage.levels, stage.things)
    lessons = Lessons(syllabus, _Encoder(tokenizer), plan.seed, number)
    named = list(model.named_parameters())
    optimizers = make_optimizers(
        model, [Weight(n, p, is_stacked=False) for n, p in named], settings
    )
    pixels, words, total = tiles(), _WordsOfPatches(tokenizer), 0.0
    updates = max(1, round(stage.questions / (sight.scenes * sight.questions)))
    model.train()
    for update in range(updates):
        drawn = lessons.draw(sight.scenes, sight.questions)
        read = read_lessons(model, pixels, drawn)
        loss = functional.cross_entropy(read.answers, read.targets)
        ends = torch.full_like(read.targets, tokenizer.eos_token_id)
        end_loss = functional.cross_entropy(read.ends, ends)
        model.zero_grad()
        whole: Any = loss + _END_WEIGHT * end_loss + _WEIGHT * words.loss(model, read)
        whole.backward()
        clip_grad_norm_(model.parameters(), settings.clip)
        for own in optimizers:
            own.step(torch.tensor([settings.rate(update, updates)]), [0])
        total += loss.item()
        tell(Progress(number, update, loss.item(), _counts(drawn, read)))
    model.eval()
    return total / updates


@dataclass(frozen=True)
class Reading:
    """What the model makes of lessons with N questions in all."""

    answers: torch.Tensor
    """Logits of the answers, (N, V)."""
    ends: torch.Tensor
    """Logits of what comes after them, (N, V)."""
    targets: torch.Tensor
    """The right answers, (N,)."""
    patches: torch.Tensor
    """What the language model is told of each patch, (B, 9, d)."""
    kinds: torch.Tensor
    """What they show, (B, 9)."""


def read_lessons(model: Any, tiles: torch.Tensor, lessons: Sequence[Lesson]) -> Reading:
    """Read all questions about a picture in one row, each as if it stood alone behind it."""
    kinds = torch.tensor([lesson.kinds for lesson in lessons])
    width = max(sum(len(a.prompt) + 1 for a in lesson.asked) for lesson in lessons)
    shape = len(lessons), _N_PATCHES + width
    ids, owners = torch.zeros(shape, dtype=torch.long), torch.full(shape, -1)
    places = torch.arange(_N_PATCHES + width).repeat(len(lessons), 1)
    rows, asked_at, targets = [], [], []
    for row, lesson in enumerate(lessons):
        end = _N_PATCHES
        for owner, asked in enumerate(lesson.asked):
            start, end = end, end + len(asked.prompt) + 1
            ids[row, start:end] = torch.tensor([*asked.prompt, asked.answer])
            owners[row, start:end] = owner
            places[row, start:end] = torch.arange(_N_PATCHES, _N_PATCHES + end - start)
            rows.append(row)
            asked_at.append(end - 2 - _N_PATCHES)
            targets.append(asked.answer)
        owners[row, end:] = len(lesson.asked)
    patches = model.get_image_features(pixel_values=assemble(tiles, kinds)).pooler_output
    patches = torch.stack(tuple(patches))
    words = model.get_input_embeddings()(ids[:, _N_PATCHES:])
    seen = (owners[:, None] == -1) | (owners[:, None] == owners[:, :, None])
    seen &= torch.ones(shape[1], shape[1], dtype=torch.bool).tril()
    hidden = model.model.language_model(
        inputs_embeds=torch.cat([patches, words], 1),
        attention_mask=torch.zeros(seen.shape).masked_fill(~seen, -1e30)[:, None],
        position_ids=places,
        use_cache=False,
    ).last_hidden_state[:, _N_PATCHES:]
    at = torch.tensor(asked_at)
    answers, ends = (model.lm_head(hidden[rows, at + i]) for i in (0, 1))
    return Reading(answers, ends, torch.tensor(targets), patches, kinds)


class _WordsOfPatches:
    """Compares what the language model is told of a patch with words for things and places."""

    def __init__(self, tokenizer: Any) -> None:
        of_kinds, of_places = words_of_cells()
        words = sorted(set().union(*of_kinds, *of_places))
        self._ids = torch.tensor(tokenizer.convert_tokens_to_ids(words))
        self._kinds, self._places = (
            torch.tensor([[word in own for word in words] for own in of]).float()
            for of in (of_kinds, of_places)
        )

    def loss(self, model: Any, read: Reading) -> torch.Tensor:
        """Cross entropy of whether each word is one of the patch's, a scalar."""
        words = functional.normalize(model.get_input_embeddings().weight[self._ids], dim=-1)
        patches = functional.normalize(read.patches, dim=-1)
        wanted = torch.maximum(self._kinds[read.kinds], self._places)
        logits = _SHARPNESS * patches @ words.T - _OFFSET
        return functional.binary_cross_entropy_with_logits(logits, wanted)


class _Encoder:
    """Tokens of texts, which come again and again."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer, self._known = tokenizer, dict[str, list[int]]()

    def __call__(self, text: str) -> list[int]:
        if text not in self._known:
            self._known[text] = self._tokenizer(text, add_special_tokens=False)["input_ids"]
        return self._known[text]


def _counts(lessons: Sequence[Lesson], read: Reading) -> Mapping[tuple[str, int], tuple[int, int]]:
    cells = [(a.skill, a.level) for lesson in lessons for a in lesson.asked]
    right = (read.answers.argmax(-1) == read.targets).tolist()
    asked, known = Counter(cells), Counter(c for c, good in zip(cells, right, strict=True) if good)
    return {cell: (asked[cell], known[cell]) for cell in asked}
