"""Graphs and timelines as text and as SVG. Pure functions: they neither print nor read a database.

Tables and live displays are in `render/`; the commands `graph` and `timeline` are in `commands/draw`.
"""
