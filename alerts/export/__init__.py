"""The rules written for somebody else's Prometheus: other names of jobs, other scrape intervals, other links.

promql, words (an expression, a text) -> rewrite (a file of rules for a Site), inhibition (what mutes what there)
-> formats (text by file name) -> write.
"""
