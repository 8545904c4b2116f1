"""What the package costs, compared with alternatives. `python -m benchmarks` writes docs/benchmarks.md."""
