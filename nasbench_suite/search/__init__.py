"""The world of a strategy: the problem with its meter and journal, what answers it, and what a strategy is."""
