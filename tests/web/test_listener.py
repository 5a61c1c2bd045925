"""The socket that HTTP is served on."""

import socket

from orchestration.web.serving import bound


def test_what_is_accepted_waits_for_no_acknowledgement() -> None:
    with bound("127.0.0.1", 0) as listener, socket.create_connection(listener.getsockname(), 5):
        accepted, _ = listener.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
