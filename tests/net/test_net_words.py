import pytest

from peak_console.net.http import _in_words


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (
            "Cannot connect to host 127.0.0.1:9 ssl:default [Connect call failed ('127.0.0.1', 9)]",
            "127.0.0.1:9 [Connect call failed ('127.0.0.1', 9)]",
        ),
        (
            "Response payload is not completed: <TransferEncodingError: 400, message='Not enough data'>",
            "Response payload is not completed",
        ),
        ("Server disconnected", "Server disconnected"),
        ("", ""),
    ],
)
def test_library_noise_is_no_word_of_ours(said: str, words: str) -> None:
    """What a person reads of a lost connection is free of class names, codes and settings of a library."""
    assert _in_words(said) == words
