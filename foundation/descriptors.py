"""The shares of a program's limit of descriptors."""

OWN_FILES = 64
"""Descriptors that any program needs beside its connections and logs: libraries, its own log, sockets of its own."""
