"""Benchmarks: fixed workloads, the programs they are run on, and their dated results."""
