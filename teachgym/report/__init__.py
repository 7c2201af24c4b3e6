"""Reports: figures and tables about episodes and runs."""
