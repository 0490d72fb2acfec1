"""What stands in for journalctl: shows a recorded stream of `journalctl --output=json` as journalctl 252 would.

The records are lines of the file `records` in `--directory`; a file `end` there makes a follower end with its text. As
the real one, `--follow` shows the last boot only, and a cursor that is gone stands for the next record by time.
"""

import json
import select
import sys
from pathlib import Path


def cursor_fields(cursor):
    return dict(part.split("=") for part in cursor.split(";"))


def fits(record, matches):
    wanted = {}
    for match in matches:
        field, _, value = match.partition("=")
        wanted.setdefault(field, set()).add(value)
    return all(record.get(field) in values for field, values in wanted.items())


def main(arguments):
    options = dict(one.partition("=")[::2] for one in arguments if one.startswith("--"))
    matches = [one for one in arguments if not one.startswith("--")]
    directory = Path(options["--directory"])
    with (directory / "calls").open("a") as calls:
        calls.write(json.dumps(arguments) + "\n")
    follow, begun, boot = "--follow" in options, "--cursor" not in options, None
    if follow:
        lines = (directory / "records").read_bytes().splitlines()
        boot = json.loads(lines[-1])["_BOOT_ID"] if lines else None
    reader = select.poll()
    reader.register(sys.stdout, 0)
    with (directory / "records").open("rb") as records:
        if "--lines" in options:
            shown = [line for line in records if fits(json.loads(line), matches)]
            sys.stdout.buffer.writelines(shown[-1:])
            return None
        while True:
            line = records.readline()
            if not line.endswith(b"\n"):
                if not follow:
                    return None
                sys.stdout.buffer.flush()
                if (directory / "end").exists():
                    words = (directory / "end").read_text()
                    (directory / "end").unlink()
                    return words
                records.seek(-len(line), 1)
                if reader.poll(5):  # gone, as an exporter that was killed
                    return None
                continue
            record = json.loads(line)
            if not begun:
                at, sought = (cursor_fields(one) for one in (record["__CURSOR"], options["--cursor"]))
                begun = at == sought or int(at["t"], 16) > int(sought["t"], 16)
            if begun and (boot is None or record["_BOOT_ID"] == boot) and fits(record, matches):
                sys.stdout.buffer.write(line)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
