"""Numbers in eight bytes at once are what Python makes of their texts."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from exporter.accesslog.parse import vector_words


@given(st.lists(st.text("0123456789.-+ e/:", max_size=14).map(str.encode), min_size=1, max_size=8))
def test_numbers_are_what_python_makes_of_their_texts(texts):
    buffer = vector_words.Buffer(400)
    buffer.put(memoryview(b" ".join(texts)))
    sizes = np.array([len(text) for text in texts])
    ends = vector_words.FRONT + np.cumsum(sizes + 1) - 1
    numbers, plain = vector_words.whole_numbers(buffer, ends - sizes, ends)
    decimals, plain_decimals, _ = vector_words.decimals(buffer, ends - sizes, ends)
    for at, text in enumerate(texts):
        is_whole = text in (b"", b"-") or (text.isdigit() and len(text) <= 12)
        assert plain[at] == is_whole
        assert not is_whole or numbers[at] == int(text.strip(b"-") or 0)
        left, point, right = text.partition(b".")
        is_decimal = left.isdigit() and (right.isdigit() or not point) and len(text) <= 8
        assert plain_decimals[at] == is_decimal
        assert not is_decimal or decimals[at] == float(text)


@given(st.lists(st.binary(min_size=8, max_size=8), min_size=1), st.integers(0, 255), st.integers(-2, 10))
def test_bytes_of_words_are_found_and_counted(texts, byte, most):
    words = np.array([vector_words.word(text) for text in texts])
    mask = vector_words.before(vector_words.first_of(words, byte, 0))
    first = [min((text + b"\0").index(byte) if byte in text else 8, (text + b"\0").index(0)) for text in texts]
    assert vector_words.size(mask).tolist() == first
    assert (vector_words.has_byte(words, byte) != 0).tolist() == [byte in text for text in texts]
    counts = vector_words.count(words, byte, np.full(len(texts), most))
    assert counts.tolist() == [text[: max(0, most)].count(byte) for text in texts]


@given(st.binary(min_size=8, max_size=8))
def test_three_digits_are_a_number(text):
    for one in (text, b"204" + text[3:], b"9/7" + text[3:], b"1:9" + text[3:]):
        (number,), (plain,) = vector_words.three_digits(np.array([vector_words.word(one)]))
        assert plain == one[:3].isdigit()
        assert not plain or number == int(one[:3])
