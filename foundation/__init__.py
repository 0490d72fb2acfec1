"""The common base of all programs: errors and exit codes, clocks, configuration files, logging, results.

It does not depend on the programs. Code that two of them need in the same way belongs here; code of one system does
not.
"""
