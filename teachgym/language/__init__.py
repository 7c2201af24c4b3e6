"""Text for language models as teachers: episodes to read, and actions in replies.

A ``Form`` belongs to each kind of action in words: ``plan.PlanForm``, ``moves.MovesForm`` and
``examples.ExamplesForm``. It says what to reply (``prompt_of``, ``schema``, ``tools``) and reads
any reply whatever (``parse``, ``parse_calls``). Environments with ``action="text"`` and the
teachers that ask chat models use the same ones. Needs the extra ``llm``, ``excerpts`` aside.
"""
