"""Published loops of teaching whose actions are plans: orders in words, with seeds and engines."""
