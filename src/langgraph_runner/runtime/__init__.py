"""Time, sleep, randomness, threads and abort signals: what the rest of the package asks of the outside world.

`runtimes.py` has the clocks and the calls, `abort.py` the signals, `limits.py` what may stop a call. Nothing here
knows nodes, LangGraph or workflows; the lint rules forbid clocks and randomness everywhere else.
"""
