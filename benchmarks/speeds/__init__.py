"""What ``teachgym.benchmarks.speed`` is made of: workloads, systems, measuring, reporting."""
