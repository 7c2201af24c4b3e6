"""The films of the environments in README and docs: python docs/make_gallery.py.

Each is an episode on the student ``tiny``, a frame of ``render_mode="rgb_array"`` per step.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gymnasium as gym
from gymnasium.wrappers import RenderCollection
from PIL import Image

import teachgym  # noqa: F401 (registers the environments)
from teachgym.agents import make_teacher
from teachgym.loop import run_episode

GALLERY = Path(__file__).parent / "gallery"
TEACHERS = {"open_ended": "pool", "skill_list": "alp", "skill_tree": "fill-and-balance"}
IDS = {
    "open_ended": "teachgym/OpenEnded-v0",
    "skill_list": "teachgym/SkillList-v0",
    "skill_tree": "teachgym/SkillTree-v0",
}
FRAME, LAST = 900, 3000
"""Milliseconds for which a frame is shown, and the last one."""
COLORS = 48


def film(id_: str, teacher: str) -> list[Image.Image]:
    """The frames of an episode, the untrained student first, in few colours of one palette."""
    env: gym.Env[Any, Any] = gym.make(id_, student="tiny", render_mode="rgb_array")
    collected = RenderCollection(env, pop_frames=False)
    pool = {"pool": env.get_wrapper_attr("task").examples("train")} if teacher == "pool" else {}
    run_episode(collected, make_teacher(teacher, collected, **pool), seed=0)
    frames = [Image.fromarray(frame) for frame in collected.render()]
    palette = frames[-1].quantize(COLORS)
    return [frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames]


def main() -> None:
    """Teach in each environment and write its film."""
    GALLERY.mkdir(exist_ok=True)
    for name, teacher in TEACHERS.items():
        first, *others = film(IDS[name], teacher)
        durations = [FRAME] * len(others) + [LAST]
        path = GALLERY / f"{name}.gif"
        first.save(path, save_all=True, append_images=others, duration=durations, loop=0)


if __name__ == "__main__":
    main()
