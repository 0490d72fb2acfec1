"""The second process of `pair`: a job, then questions come on standard input, answers go to standard output."""

import atexit
import contextlib
import gc
import sys
from typing import IO

from exporter.accesslog.report.pair import Answer, Job, Question, receive, send
from exporter.regexes.main import depend_on


def serve(questions: IO[bytes], answers: IO[bytes]) -> None:
    """Report that it is ready, and answer questions until they end."""
    job = receive(questions, Job)
    if job is None:
        return
    reader = job.reader()
    send(answers, True)
    while question := receive(questions, Question):
        reader.go_on_from(question.kept)
        tally = reader.read(question.data, question.path)
        try:
            send(answers, Answer(tally, reader.kept))
        except OverflowError:  # a sum of bytes above 64 bits; the other process reads these lines itself
            send(answers, Answer(None, reader.kept))


if __name__ == "__main__":
    depend_on(int(sys.argv[1]))
    gc.freeze()
    atexit.register(gc.unfreeze)  # as in `daemon`
    with contextlib.suppress(BrokenPipeError):
        serve(sys.stdin.buffer, sys.stdout.buffer)
