"""How the shipped students are made and checked; not part of the wheel."""
