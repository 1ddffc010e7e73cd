"""Ports that stay ours from the moment they are chosen.

The kernel chooses; the socket stays bound, without listening, so that no other process gets the
port, while SO_REUSEADDR and SO_REUSEPORT let the program under test bind it too.
"""
import socket


class Port:
    def __init__(self, host="127.0.0.1"):
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.sock = socket.socket(family, socket.SOCK_STREAM)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        self.sock.bind((host, 0))
        self.number = self.sock.getsockname()[1]

    def close(self):
        self.sock.close()


_kept = []


def unused_port(host="127.0.0.1"):
    """A port on which nobody listens, for as long as the test process lives."""
    port = Port(host)
    _kept.append(port)
    return port.number
