"""Teachers that ask a chat model what to teach."""
