"""User-defined regexes, which may backtrack: their time limit, and the process that runs them."""
