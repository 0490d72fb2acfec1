"""Receivers of records from the network: HTTP, TCP, bodies, answers, and the rate."""
