"""What alerts and budgets are about, in words, for a column of a table: PromQL that makes one label of many."""

SUBJECTS = {  # labels that say what a series is about, and the word before their values
    "source": "",
    "server": "server ",
    "account_id": "account ",
    "store_id": "store ",
    "build": "build ",
    "candidate": "build ",
    "code": "code ",
    "slo": "",
    "part": "",
    "reason": "",
    "job": "",
    "instance": "",
}


def about(vector: str, *, without: str = "") -> str:
    """The vector with a label `about` made of the labels that say what each of its series is about.

    `without`: one of these labels that is not part of it, as it is shown elsewhere.
    """
    worded = vector
    for label, word in SUBJECTS.items():
        if word:
            worded = f'label_replace({worded}, "{label}", "{word}$1", "{label}", "(.+)")'
    names = ", ".join(f'"{label}"' for label in SUBJECTS if label != without)
    return f'label_replace(label_join({worded}, "about", " ", {names}), "about", "$1", "about", " *(.*?) *")'
