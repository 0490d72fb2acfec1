"""What every program of the house uses: errors and exit codes, clocks, configuration files, logging, results.

It knows none of the programs. What two of them need in the same way belongs here; what one system needs does not.
"""
