"""Peers are named by the kernel."""

import getpass
import os
import socket

from peak_console.ledger.service.peers import credentials, login_name


def test_a_peer_is_who_the_kernel_says() -> None:
    """Both ends of a pair are this process's user."""
    one, other = socket.socketpair(socket.AF_UNIX)
    with one, other:
        found = credentials(one)
    assert (found.uid, found.login) == (os.getuid(), getpass.getuser())
    assert found.pid in {os.getpid(), 0}


def test_a_user_without_an_entry_is_named_by_number() -> None:
    """An actor is never empty."""
    assert login_name(2**31 - 7) == f"uid:{2**31 - 7}"
