"""Benchmarks: fixed workloads, the programs under test, and dated results."""
