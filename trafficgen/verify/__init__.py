"""The end-to-end check: drives traffic with a fault, then compares what was sent with what every part says it saw.

Independent of the exporter: it reads the log files itself and talks HTTP to the rest.
"""

from trafficgen.verify.cli import command

__all__ = ["command"]
