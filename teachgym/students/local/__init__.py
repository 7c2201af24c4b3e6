"""Language models in this process: packed passes and continuous batching."""
