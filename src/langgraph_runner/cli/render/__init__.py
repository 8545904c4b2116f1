"""What a command prints: tables, lines for a pipe, JSON, live displays, words and symbols.

Graphs and timelines are in `drawing/`.
"""
