"""The plug-in of ``teachgym.bridges.verifiers``: verifiers looks it up by a name without dots."""

from teachgym.bridges.verifiers import Seeds, TeacherEnv

__all__ = ["Seeds", "TeacherEnv"]
