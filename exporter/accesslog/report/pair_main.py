"""The second process of `pair`: a job, then questions come on standard input, answers go to standard output."""

import contextlib
import gc
import sys
from typing import IO

from exporter.accesslog.parse.own_regex_main import depend_on
from exporter.accesslog.report.pair import Answer, Job, Question, receive, send


def serve(questions: IO[bytes], answers: IO[bytes]) -> None:
    """Say that it is there, and answer until the questions end."""
    job = receive(questions, Job)
    if job is None:
        return
    reader = job.reader()
    send(answers, True)
    while question := receive(questions, Question):
        reader.go_on_from(question.kept)
        tally = reader.read(question.data, question.path)
        send(answers, Answer(tally, reader.kept))


if __name__ == "__main__":
    depend_on(int(sys.argv[1]))
    gc.freeze()
    with contextlib.suppress(BrokenPipeError):
        serve(sys.stdin.buffer, sys.stdout.buffer)
