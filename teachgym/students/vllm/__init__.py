"""Language models whose answers a vLLM server writes."""
