"""A corpus of another author, who saw neither the sanitizer nor the other corpora. All values are invented."""
