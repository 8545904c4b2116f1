"""The routes: runs, workflows, and what operators look at."""
