"""Chat models: clients, limits, retries, records, and answers that have a structure."""
