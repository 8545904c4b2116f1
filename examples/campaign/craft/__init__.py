"""The crafts that the steps use: colour, type, drawing, words, money, files."""
