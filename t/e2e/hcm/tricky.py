"""The table of tricky targets (tricky.txt), and hosts and headers that are not what they seem."""
import os
import re

OPTIONS = {
    "n": {"normalize_path": True},
    "m": {"merge_slashes": True},
    "r": {"path_with_escaped_slashes_action": "REJECT_REQUEST"},
    "d": {"path_with_escaped_slashes_action": "UNESCAPE_AND_REDIRECT"},
    "f": {"path_with_escaped_slashes_action": "UNESCAPE_AND_FORWARD"},
    "-": {},
}


def fields(options):
    out = {}
    for o in options:
        out.update(OPTIONS[o])
    return out


def targets():
    """(options, bytes sent, path seen or None, status, location or None)"""
    out = []
    with open(os.path.join(os.path.dirname(__file__), "tricky.txt")) as f:
        for line in f:
            if line.startswith("#") or not line.strip():
                continue
            options, rest = line.rstrip("\n").split(None, 1)
            sent, want, where = re.match(
                r"(\S.*?)\s{2,}(\S+)(?:\s(\S+))?$|(.*)", rest).groups()[:3]
            if want[0] == "/":
                out.append((options, sent, want, 200, None))
            else:
                out.append((options, sent, None, int(want), where))
    return out


# Host sent, virtual host that serves it (None: 400), host that the upstream sees.
HOSTS = [
    ("good.example", "good", "good.example"),
    ("GOOD.Example", "good", "GOOD.Example"),
    ("good.example:80", "good-80", "good.example:80"),
    ("good.example.", "other", "good.example."),
    ("a.good.example", "wild", "a.good.example"),
    ("good.example@evil.example", None, None),
    ("good.example/../x", None, None),
    ("good.example evil", None, None),
    ("good.example,evil.example", "other", "good.example,evil.example"),
    ("good.example#x", None, None),
    ("good.example\\x", None, None),
    ("[::1", None, None),
    ("good.example:x", None, None),
    ("good.example:80:81", None, None),
    ("good.example%00", "other", "good.example%00"),
]

# Extra header lines, status, what the upstream saw of which header.
HEADERS = [
    (b"Host: second.example\r\n", 400, None),
    (b"X : 1\r\n", 400, None),
    (b" X: 1\r\n", 400, None),
    (b"X: a\r\n b\r\n", 400, None),
    (b"X: a\rb\r\n", 400, None),
    (b"X: a\x00b\r\n", 400, None),
    (b"X\x00: a\r\n", 400, None),
    (b":path: /evil\r\n", 400, None),
    (b":authority: evil\r\n", 400, None),
    (b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nx", 400, None),
    (b"Content-Length: +1\r\n\r\nx", 400, None),
    (b"Transfer-Encoding: chunked, identity\r\n", None, None),
    (b"X-Forwarded-For: 1.1.1.1\r\nX-FORWARDED-FOR: 2.2.2.2\r\n", 200,
     ("x-forwarded-for", ["1.1.1.1,2.2.2.2,127.0.0.1"])),
    (b"Connection: x-envoy-internal\r\nX-Envoy-Internal: true\r\n", None, None),
    (b"X-Envoy-Internal: true\r\nx-envoy-internal: true\r\n", 200, ("x-envoy-internal", [])),
    (b"Connection: x-forwarded-for\r\nX-Forwarded-For: 1.1.1.1\r\n", None, None),
]
