"""What the package costs, beside what else one could use. `python -m benchmarks` writes docs/benchmarks.md."""
