"""Skills that are discovered in a task's examples, and tasks seen through them."""
