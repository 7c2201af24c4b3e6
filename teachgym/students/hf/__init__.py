"""Language models through the code of transformers."""
