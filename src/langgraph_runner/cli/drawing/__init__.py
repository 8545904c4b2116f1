"""Graphs and timelines as text and as SVG. Pure functions: what is drawn goes in, text comes out."""
