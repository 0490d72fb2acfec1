"""How a feed that runs for ever is ended."""

import os
import signal
import threading


def stop_on_signals() -> threading.Event:
    """An event that the first SIGINT or SIGTERM sets; a second one ends the process at once, with exit code 130."""
    stop = threading.Event()

    def on_signal(*_: object) -> None:
        if stop.is_set():
            os._exit(130)
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, on_signal)
    return stop
