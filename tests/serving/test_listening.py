"""The socket that the server listens at."""

import socket

from netanomaly.serving.options import Options
from netanomaly.serving.server import listening


def test_no_part_of_an_answer_waits_for_the_acknowledgement_of_another():
    """It would for 40 ms, at each request on a connection that stays open."""
    with listening(Options(host="127.0.0.1", port=0)) as made, socket.create_connection(made.getsockname()):
        accepted, _ = made.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
