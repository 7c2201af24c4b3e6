"""Teachers that are trained: what libraries of reinforcement learning make of the environments."""
