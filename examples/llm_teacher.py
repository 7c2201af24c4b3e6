"""A chat model as the teacher, behind any server that speaks OpenAI's protocol.

    python examples/llm_teacher.py --model gpt-4o-mini
    python examples/llm_teacher.py --base-url http://localhost:8000/v1 --model my-model

It reads the student's errors, decides what to practise, and writes the examples. Every answer is
recorded in the run's folder: with `--replay runs/llm/chat.sqlite` the same episode needs no server.
"""

import argparse
from pathlib import Path

from teachgym.experiment import RunConfig, run
from teachgym.report.tables import result_markdown

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--model", required=True)
parser.add_argument("--base-url", help="default: OpenAI's; the key is read from OPENAI_API_KEY")
parser.add_argument("--student", default="tiny")
parser.add_argument("--out", type=Path, default=Path("runs/llm"))
parser.add_argument("--replay", type=Path, help="recorded answers to use instead of the server")
given = parser.parse_args()

chat = {"provider": "openai", "model": given.model, "base_url": given.base_url}
if given.replay:
    chat |= {"cache": "replay", "store": str(given.replay)}

config = RunConfig(
    env="teachgym/OpenEnded-v0",
    env_settings={
        "student": given.student,
        "examples_per_step": 40,
        # A limit in tokens or dollars ends the episode like any other.
        "budget": {"steps": 3, "teacher_tokens_out": 100_000},
    },
    teacher="llm",
    chat=chat,
)
result = run(config, given.out, say=print)
print(result_markdown(result))
