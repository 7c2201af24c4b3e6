"""How fast a cycle of training and evaluation is, beside the stacks that a user would pick."""
