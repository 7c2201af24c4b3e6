"""The registered environments with the views that each offers."""

from __future__ import annotations

VIEWS = {
    "teachgym/OpenEnded-v0": ("report", "arrays", "text"),
    "teachgym/SkillList-v0": ("arrays", "flat", "text", "report"),
    "teachgym/SkillTree-v0": ("arrays", "flat", "text", "report"),
}
CASES = [(id_, view) for id_, views in VIEWS.items() for view in views]
