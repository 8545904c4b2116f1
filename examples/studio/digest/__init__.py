"""A Markdown text, taken apart, analysed section by section in subgraphs, and summarised."""
