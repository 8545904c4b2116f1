"""`python -m langgraph_runner`: the command line."""

from langgraph_runner.cli import main

if __name__ == "__main__":
    main()
