"""A server of bytes: greets, keeps what comes, sends it back."""
import socket
import threading

from lib.wait import DEADLINE


class TcpServer:
    """greeting is sent at once; without echo the connection is closed behind it."""

    def __init__(self):
        self.sock = socket.create_server(("127.0.0.1", 0))
        self.port = self.sock.getsockname()[1]
        self.greeting, self.echo = b"", True
        self.received = b""
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        while True:
            try:
                s, _ = self.sock.accept()
            except OSError:
                return
            with s:
                self._serve(s)

    def _serve(self, s):
        s.settimeout(DEADLINE)
        try:
            s.sendall(self.greeting)
            while self.echo:
                data = s.recv(65536)
                if not data:
                    return
                self.received += data
                s.sendall(data)
        except OSError:
            pass

    def refuse(self):
        try:
            self.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *a):
        self.refuse()
