"""The socket of the API."""

import socket

from fuseline.api.access.settings import ApiSettings
from fuseline.api.listener import bind


def test_answers_go_out_at_once_whatever_the_event_loop() -> None:
    with (
        bind(ApiSettings(port=0)) as listener,
        socket.create_connection(listener.getsockname()),
    ):
        accepted, _ = listener.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
