"""What a command prints: tables, fields, lines for a pipe, JSON, live displays, the style of each status.

Graphs and timelines are in `drawing/`.
"""
