"""Teachers of the Skill-Tree environment: one teacher, several rules."""
