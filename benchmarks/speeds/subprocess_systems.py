"""The subprocess-reload architecture, after the description of DataEnvGym's (arXiv 2410.06215).

Every step starts a process that loads the base, trains and saves an adapter, and another that
loads base and adapter and answers. Its real settings are a micro-batch of 1 accumulated to the
batch, and 4 prompts at a time; the generous variant has a micro-batch of 8 and all prompts at
once. Trainer and generator are those of transformers, so that it runs anywhere; the original's
command line imports more than this one.

    python -m teachgym.benchmarks.speeds.subprocess_systems JOB.json      # one stage, as a process
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar

from teachgym.benchmarks.speeds.material import Material, in_order
from teachgym.benchmarks.speeds.measure import Curve
from teachgym.types import Data, Example


@dataclass
class SubprocessSystem:
    """One student, two processes a step.

    Args:
        material: of the case.
        micro_batch: examples a forward pass.
        answers_at_once: prompts a call of ``generate``.
    """

    material: Material
    micro_batch: int
    answers_at_once: int
    _adapter: Path = Path()

    @property
    def _folder(self) -> Path:
        return self.material.adapters[0].parent / f"stages-{self.micro_batch}"

    is_resident: ClassVar[bool] = False

    def prepare(self) -> None:
        """Nothing stays between the stages."""
        import peft  # noqa: F401

        self._folder.mkdir(exist_ok=True)

    def reset(self) -> None:
        """Training starts from the first adapter."""
        self._adapter = self.material.adapters[0]

    def train(self, data: Sequence[Data]) -> Curve:
        """A process that loads, trains, saves."""
        training = self.material.case.training
        assert training is not None
        target = self._folder / "adapter"
        curve = self._run(
            stage="train",
            examples=[[e.prompt, e.target] for e in in_order(data[0], training)],
            batch=training.batch,
            micro_batch=min(self.micro_batch, training.batch),
            save=str(target),
        )
        self._adapter = target
        return Curve(**curve)

    def answer(self, prompts: Sequence[Sequence[str]]) -> list[list[str]]:
        """A process that loads, answers."""
        answers: list[str] = self._run(
            stage="answer",
            prompts=list(prompts[0]),
            at_once=self.answers_at_once,
            limit=self.material.case.longest_answer,
        )
        return [answers]

    def _run(self, **job: Any) -> Any:
        path, out = self._folder / "job.json", self._folder / "out.json"
        job |= {
            "base": str(self.material.base),
            "adapter": str(self._adapter),
            "device": self.material.device,
            "out": str(out),
        }
        path.write_text(json.dumps(job))
        command = [sys.executable, "-m", __spec__.name, str(path)]
        subprocess.run(command, check=True, capture_output=True, text=True)
        return json.loads(out.read_text())

    def close(self) -> None:
        """Nothing is held."""


def run_stage(job: dict[str, Any]) -> Any:
    """What one process does; returns what goes back."""
    import torch

    from teachgym.benchmarks.speeds import peft_systems as peft

    torch.set_num_threads(1)
    tokenizer, model = peft.load(Path(job["base"]), Path(job["adapter"]), device=job["device"])
    if job["stage"] == "answer":
        return peft.generate(
            model, tokenizer, job["prompts"], at_once=job["at_once"], limit=job["limit"]
        )
    data = tuple(Example(prompt, target, skill="any") for prompt, target in job["examples"])
    rows = peft.encode(tokenizer, data)
    curve = peft.train_with_trainer(
        model, rows, job["batch"], tokenizer=tokenizer, micro_batch=job["micro_batch"]
    )
    model.save_pretrained(job["save"])
    return asdict(curve)


def main() -> None:
    """One stage: read the job, do it, write what goes back."""
    job = json.loads(Path(sys.argv[1]).read_text())
    Path(job["out"]).write_text(json.dumps(run_stage(job)))


if __name__ == "__main__":
    main()
