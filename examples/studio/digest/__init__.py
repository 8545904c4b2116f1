"""A digest of a Markdown text: the text is split, each section is analysed in a subgraph, then summarised."""
