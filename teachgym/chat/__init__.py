"""Chat models: clients, limits, retries, records and structured answers."""
