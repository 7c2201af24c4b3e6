"""Make and check the shipped students; not part of the wheel."""
