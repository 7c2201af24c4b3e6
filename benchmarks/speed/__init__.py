"""Speed benchmarks: a cycle of training and evaluation beside the usual stacks."""
