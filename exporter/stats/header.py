"""The header of a collector's file. Pure."""


def header_names(line: str) -> tuple[str, ...]:
    """The names of the columns, or the fields of a row, as they are written: TABs divide them, or else blanks."""
    return (
        tuple(name.strip() for name in line.split("\t") if name.strip()) if "\t" in line.strip() else (*line.split(),)
    )
