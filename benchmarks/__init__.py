"""teachgym.benchmarks: how the numbers are made. Running and judging are different programs."""
