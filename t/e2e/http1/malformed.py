"""The table of malformed HTTP/1: raw bytes and what must come of them.

REQUESTS    name, bytes, the status codes that are right, and
            forwarded   True when the head is sound, so that the upstream may have seen it
            details     %RESPONSE_CODE_DETAILS% where Envoy's documentation names one
            listener    "main", or "http10" where HTTP/1.0 is accepted
            closes      False where the message is sound and only its meaning is refused
RESPONSES   name, bytes, and the outcome at the client:
            502   the head was refused: 502 with flag UPE
            503   the upstream closed before a response: 503 with flag UC
            CUT   the head was sound and went out: the client sees a response that breaks off

Every malformed request closes its connection, nothing of what follows it is taken for a request, and
no byte of a refused head reaches the upstream.
"""
from typing import NamedTuple, Optional, Tuple

CUT = "cut"
H = b"Host: t\r\n"
SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: t\r\n\r\n"


class Row(NamedTuple):
    name: str
    raw: bytes
    status: Tuple[int, ...] = (400,)
    forwarded: bool = False
    details: Optional[str] = None
    listener: str = "main"
    closes: bool = True


class Answer(NamedTuple):
    name: str
    raw: bytes
    outcome: object = 502
    then: str = "close"


def get(*lines):
    """A GET with these extra header lines."""
    return b"GET / HTTP/1.1\r\n" + H + b"".join(x + b"\r\n" for x in lines) + b"\r\n"


def post(*lines, body=b""):
    return b"POST / HTTP/1.1\r\n" + H + b"".join(x + b"\r\n" for x in lines) + b"\r\n" + body


def chunked(body):
    return post(b"Transfer-Encoding: chunked", body=body)


def line(first):
    return first + b"\r\n" + H + b"\r\n"


def refuse(name, raw, *status, **kw):
    return Row(name, raw, status or (400,), **kw)


REQUEST_LINES = [
    refuse("method is empty", line(b" / HTTP/1.1")),
    refuse("space before the method", line(b" GET / HTTP/1.1")),
    refuse("tab before the method", line(b"\tGET / HTTP/1.1")),
    refuse("method with an at sign", line(b"G@T / HTTP/1.1")),
    refuse("method with a bracket", line(b"GE(T / HTTP/1.1")),
    refuse("method with a colon", line(b"GET: / HTTP/1.1")),
    refuse("method with a NUL", line(b"GE\0T / HTTP/1.1")),
    refuse("method with a byte above 127", line(b"G\xc9T / HTTP/1.1")),
    refuse("method in quotes", line(b'"GET" / HTTP/1.1')),
    refuse("method of 100 kilobytes", line(b"G" * 100000 + b" / HTTP/1.1"), 400, 431),
    refuse("no target", line(b"GET HTTP/1.1")),
    refuse("no target but two spaces", line(b"GET  HTTP/1.1")),
    refuse("two spaces before the target", line(b"GET  / HTTP/1.1")),
    refuse("two spaces before the version", line(b"GET /  HTTP/1.1")),
    refuse("a tab before the target", line(b"GET\t/ HTTP/1.1")),
    refuse("a tab before the version", line(b"GET /\tHTTP/1.1")),
    refuse("a form feed as separator", line(b"GET\x0c/ HTTP/1.1")),
    refuse("a space in the target", line(b"GET /a b HTTP/1.1")),
    refuse("space after the version", line(b"GET / HTTP/1.1 ")),
    refuse("tab after the version", line(b"GET / HTTP/1.1\t")),
    refuse("word after the version", line(b"GET / HTTP/1.1 x")),
    refuse("target with a NUL", line(b"GET /\0 HTTP/1.1")),
    refuse("target with a control byte", line(b"GET /\x01 HTTP/1.1")),
    refuse("target with an escape byte", line(b"GET /\x1b[2J HTTP/1.1")),
    refuse("target with DEL", line(b"GET /\x7f HTTP/1.1")),
    refuse("target with a byte above 127", line(b"GET /\xff HTTP/1.1")),
    refuse("target with a bare CR", line(b"GET /a\rb HTTP/1.1")),
    refuse("target with a bare LF", b"GET /a\nb HTTP/1.1\r\n" + H + b"\r\n"),
    refuse("target without a slash", line(b"GET foo HTTP/1.1")),
    refuse("target that is a query alone", line(b"GET ?a=b HTTP/1.1")),
    refuse("target with a fragment", line(b"GET /a#b HTTP/1.1"), closes=False),
    refuse("asterisk for another method than OPTIONS", line(b"GET * HTTP/1.1"), 400, 404),
    refuse("CONNECT of a path", line(b"CONNECT /x HTTP/1.1")),
    refuse("absolute target without a host", line(b"GET http:/// HTTP/1.1")),
    refuse("absolute target that ends at the slashes", line(b"GET http:// HTTP/1.1")),
    refuse("absolute target with a port that is no number", line(b"GET http://a:x/ HTTP/1.1")),
    refuse("absolute target with a port above 65535", line(b"GET http://a:99999/ HTTP/1.1")),
    refuse("absolute target with user and password", line(b"GET http://u:p@a/ HTTP/1.1")),
    refuse("absolute target of another scheme", line(b"GET ftp://a/ HTTP/1.1")),
    refuse("absolute target with an unfinished IPv6 address", line(b"GET http://[::1/ HTTP/1.1")),
    refuse("no version", line(b"GET /"), 400, 426, 505),
    refuse("version in lower case", line(b"GET / http/1.1")),
    refuse("version of another protocol", line(b"GET / ICAP/1.0")),
    refuse("version without a minor number", line(b"GET / HTTP/1")),
    refuse("version with an empty minor number", line(b"GET / HTTP/1.")),
    refuse("version without a major number", line(b"GET / HTTP/.1")),
    refuse("version with two digits", line(b"GET / HTTP/1.10")),
    refuse("version with a leading zero", line(b"GET / HTTP/01.1")),
    refuse("version with three numbers", line(b"GET / HTTP/1.1.1")),
    refuse("version with a comma", line(b"GET / HTTP/1,1")),
    refuse("version with a sign", line(b"GET / HTTP/+1.1")),
    refuse("version without a slash", line(b"GET / HTTP 1.1")),
    refuse("version without a dot", line(b"GET / HTTP/11")),
    refuse("version 2.0 in a text request", line(b"GET / HTTP/2.0"), 400, 505),
    refuse("version 3.0 in a text request", line(b"GET / HTTP/3.0"), 400, 505),
    refuse("version 0.9 spelled out", line(b"GET / HTTP/0.9"), 400, 426, 505),
    refuse("HTTP/1.0 where it is not accepted", line(b"GET / HTTP/1.0"), 426,
           details="low_version"),
    refuse("target longer than the header limit", line(b"GET /" + b"a" * 70000 + b" HTTP/1.1"), 431,
           details="http1.headers_too_large"),
    refuse("a response instead of a request", b"HTTP/1.1 200 OK\r\n\r\n"),
    refuse("the HTTP/2 preface on an HTTP/1 listener", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
           400, 505),
    refuse("a TLS hello", bytes.fromhex("1603010200010001fc0303") + bytes(range(256))),
    refuse("an SSH greeting", b"SSH-2.0-OpenSSH_9.2\r\n\r\n"),
    refuse("a hundred NUL bytes", b"\0" * 100),
    refuse("a bare LF before the request", b"\n" + get()),
    refuse("a bare CR before the request", b"\r" + get()),
]

LINE_ENDS = [
    refuse("bare LF after the request line", b"GET / HTTP/1.1\nHost: t\r\n\r\n"),
    refuse("bare LF after a header", b"GET / HTTP/1.1\r\nHost: t\nA: b\r\n\r\n"),
    refuse("bare LF as the empty line", b"GET / HTTP/1.1\r\nHost: t\r\n\n"),
    refuse("bare LF everywhere", b"GET / HTTP/1.1\nHost: t\n\n"),
    refuse("CR CR LF after the request line", b"GET / HTTP/1.1\r\r\nHost: t\r\n\r\n"),
    refuse("CR CR LF after a header", b"GET / HTTP/1.1\r\nHost: t\r\r\n\r\n"),
    refuse("bare CR instead of the line end", b"GET / HTTP/1.1\rHost: t\r\n\r\n"),
    refuse("bare CR in a header value", get(b"A: b\rc")),
    refuse("bare CR at the end of a header value", get(b"A: b\r")),
    refuse("CR and a letter instead of the empty line",
           b"GET / HTTP/1.1\r\nHost: t\r\n\rA: b\r\n\r\n"),
    refuse("a header hidden behind a bare CR", get(b"A: b\rTransfer-Encoding: chunked")),
    refuse("a header hidden behind a bare LF",
           b"GET / HTTP/1.1\r\nHost: t\r\nA: b\nContent-Length: 5\r\n\r\n"),
]

FIELDS = [
    refuse("space before the colon", get(b"A : b")),
    refuse("tab before the colon", get(b"A\t: b")),
    refuse("space before the colon of Host", b"GET / HTTP/1.1\r\nHost : t\r\n\r\n"),
    refuse("space before the colon of Content-Length", post(b"Content-Length : 1", body=b"a")),
    refuse("space before the colon of Transfer-Encoding",
           post(b"Transfer-Encoding : chunked", body=b"0\r\n\r\n")),
    refuse("folded value with a space", get(b"A: b", b" c")),
    refuse("folded value with a tab", get(b"A: b", b"\tc")),
    refuse("folded line that is empty", get(b"A: b", b" ")),
    refuse("folded line before the first header", b"GET / HTTP/1.1\r\n A: b\r\nHost: t\r\n\r\n"),
    refuse("folded Content-Length", post(b"Content-Length:", b" 1", body=b"a")),
    refuse("folded Transfer-Encoding", post(b"Transfer-Encoding:", b" chunked", body=b"0\r\n\r\n")),
    refuse("line without a colon", get(b"garbage")),
    refuse("line without a colon before Host", b"GET / HTTP/1.1\r\ngarbage\r\nHost: t\r\n\r\n"),
    refuse("empty name", get(b": b")),
    refuse("name with a space", get(b"A B: c")),
    refuse("name with a NUL", get(b"A\0B: c")),
    refuse("name with a control byte", get(b"A\x01: c")),
    refuse("name with a byte above 127", get(b"A\xe4: c")),
    refuse("name with a bracket", get(b"A(b): c")),
    refuse("name with a comma", get(b"A,B: c")),
    refuse("name with a slash", get(b"A/B: c")),
    refuse("name with an equals sign", get(b"A=B: c")),
    refuse("name with a quote", get(b'"A": c')),
    refuse("name with an at sign", get(b"A@B: c")),
    refuse("name with a square bracket", get(b"A[0]: c")),
    refuse("name with a brace", get(b"A{0}: c")),
    refuse("name with a semicolon", get(b"A;B: c")),
    refuse("name with DEL", get(b"A\x7f: c")),
    refuse("name with a backslash", get(b"A\\B: c")),
    refuse("value with a NUL", get(b"A: b\0c")),
    refuse("value that is a NUL", get(b"A: \0")),
    refuse("value with byte 1", get(b"A: b\x01c")),
    refuse("value with a vertical tab", get(b"A: b\x0bc")),
    refuse("value with a form feed", get(b"A: b\x0cc")),
    refuse("value with an escape", get(b"A: b\x1bc")),
    refuse("value with DEL", get(b"A: b\x7fc")),
    refuse("value with a backspace", get(b"A: b\x08c")),
    refuse("pseudo header as a field", get(b":authority: evil")),
    refuse("more than 100 headers", get(*[b"A%d: b" % i for i in range(110)]), 431,
           details="http1.too_many_headers"),
    refuse("one header longer than the limit", get(b"A: " + b"b" * 70000), 431,
           details="http1.headers_too_large"),
    refuse("headers that are too large together", get(*[b"A%d: " % i + b"b" * 2000
                                                       for i in range(50)]), 431,
           details="http1.headers_too_large"),
    refuse("a header name longer than the limit", get(b"A" * 70000 + b": b"), 431,
           details="http1.headers_too_large"),
]

HOSTS = [
    refuse("no Host", b"GET / HTTP/1.1\r\nA: b\r\n\r\n", details="missing_host_header"),
    refuse("two different Hosts", get(b"Host: u")),
    refuse("the same Host twice", get(b"Host: t")),
    refuse("Host with a space", b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n"),
    refuse("Host with a slash", b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"),
    refuse("Host with a user", b"GET / HTTP/1.1\r\nHost: u@a\r\n\r\n"),
    refuse("Host with a question mark", b"GET / HTTP/1.1\r\nHost: a?b\r\n\r\n"),
    refuse("Host with a fragment", b"GET / HTTP/1.1\r\nHost: a#b\r\n\r\n"),
    refuse("Host with a backslash", b"GET / HTTP/1.1\r\nHost: a\\b\r\n\r\n"),
    refuse("Host with a byte above 127", b"GET / HTTP/1.1\r\nHost: \xe4\r\n\r\n"),
    refuse("Host that lists two", b"GET / HTTP/1.1\r\nHost: a, b\r\n\r\n"),
    refuse("absolute target and no Host", b"GET http://a/ HTTP/1.1\r\nA: b\r\n\r\n"),
]


def cl(name, value, body=b"abcde"):
    return refuse(f"Content-Length {name}", post(b"Content-Length: " + value, body=body) + SMUGGLED)


def te(name, value, *status, body=b"0\r\n\r\n"):
    return refuse(f"Transfer-Encoding {name}",
                  post(b"Transfer-Encoding: " + value, body=body) + SMUGGLED,
                  *(status or (400, 501)))


BOTH = dict(details="http1.content_length_and_chunked_not_allowed")

FRAMING = [
    cl("that is negative", b"-5"),
    cl("with a plus sign", b"+5"),
    cl("in hexadecimal", b"0x5"),
    cl("with a decimal point", b"5.0"),
    cl("with an exponent", b"5e0"),
    cl("that is empty", b""),
    cl("of spaces", b"   "),
    cl("that is a word", b"five"),
    cl("with two numbers", b"5 5"),
    cl("with a parameter", b"5;a"),
    cl("with a trailing letter", b"5a"),
    cl("in quotes", b'"5"'),
    cl("of minus zero", b"-0"),
    cl("above 64 bits", b"18446744073709551616"),
    cl("that wraps to 5", b"18446744073709551621"),
    cl("of a hundred digits", b"9" * 100),
    cl("that is a list of equal numbers", b"5, 5"),
    cl("that is a list of different numbers", b"5, 6"),
    cl("that is a list with an empty member", b"5,"),
    cl("with digits of another script", "\u0665".encode()),
    refuse("Content-Length twice, equal",
           post(b"Content-Length: 5", b"Content-Length: 5", body=b"abcde") + SMUGGLED),
    refuse("Content-Length twice, different",
           post(b"Content-Length: 5", b"Content-Length: 6", body=b"abcde") + SMUGGLED),
    refuse("Content-Length twice, one of them 0",
           post(b"Content-Length: 0", b"Content-Length: 44", body=SMUGGLED)),
    refuse("Content-Length twice around another header",
           post(b"Content-Length: 5", b"A: b", b"content-length: 0", body=b"abcde") + SMUGGLED),
    refuse("Content-Length and then Transfer-Encoding",
           post(b"Content-Length: 5", b"Transfer-Encoding: chunked", body=b"0\r\n\r\n") + SMUGGLED,
           **BOTH),
    refuse("Transfer-Encoding and then Content-Length",
           post(b"Transfer-Encoding: chunked", b"Content-Length: 5", body=b"0\r\n\r\n") + SMUGGLED,
           **BOTH),
    refuse("Content-Length 0 and Transfer-Encoding",
           post(b"Content-Length: 0", b"Transfer-Encoding: chunked", body=b"0\r\n\r\n") + SMUGGLED,
           **BOTH),
    refuse("Content-Length that ends inside the chunked body (CL.TE)",
           post(b"Content-Length: 6", b"Transfer-Encoding: chunked", body=b"0\r\n\r\nG")
           + SMUGGLED),
    refuse("chunked body longer than the Content-Length (TE.CL)",
           post(b"Content-Length: 4", b"Transfer-Encoding: chunked",
                body=b"2c\r\n" + SMUGGLED + b"\r\n0\r\n\r\n")),
    refuse("Content-Length and an unknown Transfer-Encoding",
           post(b"Content-Length: 5", b"Transfer-Encoding: identity", body=b"abcde") + SMUGGLED,
           400, 501),
    te("identity", b"identity"),
    te("gzip", b"gzip"),
    te("gzip, chunked", b"gzip, chunked"),
    te("chunked that is not last", b"chunked, gzip"),
    te("chunked, identity", b"chunked, identity"),
    te("chunked twice in a list", b"chunked, chunked"),
    te("with a leading comma", b", chunked"),
    te("with a trailing comma", b"chunked,"),
    te("that is empty", b""),
    te("with a prefix", b"xchunked"),
    te("with a suffix", b"chunkedx"),
    te("cut short", b"chunke"),
    te("in quotes", b'"chunked"'),
    te("with a parameter", b"chunked;q=1"),
    te("with a vertical tab", b"\x0bchunked"),
    te("with a NUL", b"chunked\0"),
    te("with words", b"chunked please"),
    te("with a byte above 127", b"chunked\xa0"),
    refuse("Transfer-Encoding twice, both chunked",
           post(b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked", body=b"0\r\n\r\n")
           + SMUGGLED, 400, 501),
    refuse("Transfer-Encoding twice, identity last",
           post(b"Transfer-Encoding: chunked", b"Transfer-Encoding: identity", body=b"0\r\n\r\n")
           + SMUGGLED, 400, 501),
    refuse("Transfer-Encoding twice, identity first",
           post(b"Transfer-Encoding: identity", b"Transfer-Encoding: chunked", body=b"0\r\n\r\n")
           + SMUGGLED, 400, 501),
    refuse("Transfer-Encoding twice, the second of another case (TE.TE)",
           post(b"Transfer-Encoding: chunked", b"Transfer-encoding: x", body=b"0\r\n\r\n")
           + SMUGGLED, 400, 501),
    refuse("Transfer-Encoding in HTTP/1.0",
           b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
           listener="http10"),
    refuse("Transfer-Encoding and keep-alive in HTTP/1.0",
           b"POST / HTTP/1.0\r\nHost: t\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n"
           b"\r\n0\r\n\r\n" + SMUGGLED, listener="http10"),
    refuse("Content-Length twice in HTTP/1.0",
           b"POST / HTTP/1.0\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab" + SMUGGLED,
           listener="http10"),
]


def body(name, data, *status):
    return refuse(f"chunk {name}", chunked(data) + SMUGGLED, *(status or (400,)), forwarded=True)


CHUNKS = [
    body("size that is no number", b"g\r\n\r\n"),
    body("size that is negative", b"-1\r\na\r\n0\r\n\r\n"),
    body("size with a plus sign", b"+1\r\na\r\n0\r\n\r\n"),
    body("size with 0x", b"0x1\r\na\r\n0\r\n\r\n"),
    body("size that is empty", b"\r\na\r\n0\r\n\r\n"),
    body("size after a space", b" 1\r\na\r\n0\r\n\r\n"),
    body("size after a tab", b"\t1\r\na\r\n0\r\n\r\n"),
    body("size before a space", b"1 \r\na\r\n0\r\n\r\n"),
    body("size before a tab", b"1\t\r\na\r\n0\r\n\r\n"),
    body("size with a space inside", b"1 0\r\naaaaaaaaaaaaaaaa\r\n0\r\n\r\n"),
    body("size with a comma", b"1,\r\na\r\n0\r\n\r\n"),
    body("size with a NUL", b"1\0\r\na\r\n0\r\n\r\n"),
    body("size with an underscore", b"1_0\r\na\r\n0\r\n\r\n"),
    body("size in quotes", b'"1"\r\na\r\n0\r\n\r\n'),
    body("size above 64 bits", b"10000000000000000\r\na\r\n0\r\n\r\n"),
    body("size that wraps to 1", b"10000000000000001\r\na\r\n0\r\n\r\n"),
    body("size of a hundred digits", b"f" * 100 + b"\r\na\r\n0\r\n\r\n"),
    body("size ended by a bare LF", b"1\na\r\n0\r\n\r\n"),
    body("size ended by a bare CR", b"1\ra\r\n0\r\n\r\n"),
    body("size ended by CR CR LF", b"1\r\r\na\r\n0\r\n\r\n"),
    body("data longer than the size", b"1\r\nab\r\n0\r\n\r\n"),
    body("data shorter than the size", b"5\r\nab\r\n0\r\n\r\n" + b"x" * 30),
    body("data without its line end", b"1\r\na0\r\n\r\n"),
    body("data ended by a bare LF", b"1\r\na\n0\r\n\r\n"),
    body("data ended by LF CR", b"1\r\na\n\r0\r\n\r\n"),
    body("last one with a bare LF", b"0\n\r\n"),
    body("last one with a bare LF as the end", b"0\r\n\n"),
    body("last one followed by a bare CR", b"0\r\n\rX\r\n\r\n"),
    body("extension with a NUL", b"1;a=\0\r\na\r\n0\r\n\r\n"),
    body("extension ended by a bare LF", b"1;a=b\na\r\n0\r\n\r\n"),
    body("extension with a bare CR", b"1;a=\rb\r\na\r\n0\r\n\r\n"),
    body("extension with a control byte", b"1;a=\x01\r\na\r\n0\r\n\r\n"),
    body("extension of 100 kilobytes", b"1;" + b"a" * 100000 + b"\r\na\r\n0\r\n\r\n",
         400, 413, 431),
    body("extensions of 100 kilobytes together",
         b"".join(b"1;" + b"a" * 1000 + b"\r\na\r\n" for _ in range(100)) + b"0\r\n\r\n",
         400, 413, 431),
    body("trailer without a colon", b"0\r\ngarbage\r\n\r\n"),
    body("trailer with an empty name", b"0\r\n: b\r\n\r\n"),
    body("trailer with a space before the colon", b"0\r\nA : b\r\n\r\n"),
    body("trailer with a NUL", b"0\r\nA: \0\r\n\r\n"),
    body("trailer that is folded", b"0\r\nA: b\r\n c\r\n\r\n"),
    body("trailer with a bare LF", b"0\r\nA: b\n\r\n"),
    body("trailer with a bare CR", b"0\r\nA: b\rc\r\n\r\n"),
    body("trailer longer than the header limit", b"0\r\nA: " + b"b" * 70000 + b"\r\n\r\n",
         400, 413, 431),
    body("trailers that are too many", b"0\r\n" + b"".join(b"A%d: b\r\n" % i for i in range(200))
         + b"\r\n", 400, 413, 431),
]

REQUESTS = REQUEST_LINES + LINE_ENDS + FIELDS + HOSTS + FRAMING + CHUNKS

OK = b"HTTP/1.1 200 OK\r\n"
FIVE = b"Content-Length: 5\r\n"


def status(first):
    return first + b"\r\n" + FIVE + b"\r\nabcde"


def reply(*lines, body=b"abcde"):
    return OK + b"".join(x + b"\r\n" for x in lines) + b"\r\n" + body


def coded(data):
    return reply(b"Transfer-Encoding: chunked", body=b"2\r\nok\r\n" + data)


RESPONSES = [
    Answer("not HTTP at all", b"hello there\r\n\r\n"),
    Answer("a body alone, as in HTTP/0.9", b"<html></html>\r\n"),
    Answer("a TLS alert", bytes.fromhex("15030100020228") + b"\r\n\r\n"),
    Answer("NUL bytes", b"\0" * 64),
    Answer("a request instead of a response", get()),
    Answer("status line in lower case", status(b"http/1.1 200 OK")),
    Answer("status line of another protocol", status(b"ICY 200 OK")),
    Answer("version 2.0", status(b"HTTP/2.0 200 OK")),
    Answer("version with two digits", status(b"HTTP/1.10 200 OK")),
    Answer("version without a dot", status(b"HTTP/11 200 OK")),
    Answer("version without a minor number", status(b"HTTP/1 200 OK")),
    Answer("no status", status(b"HTTP/1.1")),
    Answer("status of one digit", status(b"HTTP/1.1 2 OK")),
    Answer("status of two digits", status(b"HTTP/1.1 20 OK")),
    Answer("status of four digits", status(b"HTTP/1.1 2000 OK")),
    Answer("status that is a word", status(b"HTTP/1.1 OK")),
    Answer("status with a sign", status(b"HTTP/1.1 +200 OK")),
    Answer("status in hexadecimal", status(b"HTTP/1.1 0xc8 OK")),
    Answer("status 000", status(b"HTTP/1.1 000 OK")),
    Answer("status 099", status(b"HTTP/1.1 099 OK")),
    Answer("two spaces before the status", status(b"HTTP/1.1  200 OK")),
    Answer("a tab before the status", status(b"HTTP/1.1\t200 OK")),
    Answer("no space after the status", status(b"HTTP/1.1 200OK")),
    Answer("space before the status line", status(b" HTTP/1.1 200 OK")),
    Answer("reason with a NUL", status(b"HTTP/1.1 200 O\0K")),
    Answer("reason with a bare CR", status(b"HTTP/1.1 200 O\rK")),
    Answer("reason with a control byte", status(b"HTTP/1.1 200 O\x01K")),
    Answer("bare LF after the status line", b"HTTP/1.1 200 OK\n" + FIVE + b"\r\nabcde"),
    Answer("bare LF after a header", OK + b"A: b\n" + FIVE + b"\r\nabcde"),
    Answer("bare LF as the empty line", OK + FIVE + b"\nabcde"),
    Answer("CR CR LF after a header", OK + b"A: b\r\r\n" + FIVE + b"\r\nabcde"),
    Answer("space before a colon", reply(b"A : b", b"Content-Length: 5")),
    Answer("space before the colon of Content-Length", reply(b"Content-Length : 5")),
    Answer("folded header", reply(b"A: b", b" c", b"Content-Length: 5")),
    Answer("folded line before the first header", reply(b" A: b", b"Content-Length: 5")),
    Answer("line without a colon", reply(b"garbage", b"Content-Length: 5")),
    Answer("empty name", reply(b": b", b"Content-Length: 5")),
    Answer("name with a space", reply(b"A B: c", b"Content-Length: 5")),
    Answer("name with a NUL", reply(b"A\0: c", b"Content-Length: 5")),
    Answer("name with a byte above 127", reply(b"A\xe4: c", b"Content-Length: 5")),
    Answer("value with a NUL", reply(b"A: \0", b"Content-Length: 5")),
    Answer("value with a bare CR", reply(b"A: b\rc", b"Content-Length: 5")),
    Answer("value with a control byte", reply(b"A: b\x01c", b"Content-Length: 5")),
    Answer("value with DEL", reply(b"A: b\x7f", b"Content-Length: 5")),
    Answer("headers larger than the limit", reply(b"A: " + b"b" * 70000, b"Content-Length: 5")),
    Answer("more than 100 headers", reply(*[b"A%d: b" % i for i in range(110)],
                                          b"Content-Length: 5")),
    Answer("headers without an end", OK + b"A: " + b"b" * 200000),
    Answer("Content-Length that is negative", reply(b"Content-Length: -5")),
    Answer("Content-Length with a plus sign", reply(b"Content-Length: +5")),
    Answer("Content-Length that is a word", reply(b"Content-Length: five")),
    Answer("Content-Length that is empty", reply(b"Content-Length:")),
    Answer("Content-Length above 64 bits", reply(b"Content-Length: 18446744073709551621")),
    Answer("Content-Length twice, different", reply(b"Content-Length: 5", b"Content-Length: 6")),
    Answer("Content-Length as a list of different numbers", reply(b"Content-Length: 5, 6")),
    Answer("Content-Length and Transfer-Encoding",
           reply(b"Content-Length: 5", b"Transfer-Encoding: chunked", body=b"0\r\n\r\n")),
    Answer("Transfer-Encoding and Content-Length",
           reply(b"Transfer-Encoding: chunked", b"Content-Length: 5", body=b"0\r\n\r\n")),
    Answer("Transfer-Encoding gzip", reply(b"Transfer-Encoding: gzip")),
    Answer("Transfer-Encoding with chunked not last", reply(b"Transfer-Encoding: chunked, gzip")),
    Answer("Transfer-Encoding chunked twice",
           reply(b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked", body=b"0\r\n\r\n")),
    Answer("Transfer-Encoding with a suffix", reply(b"Transfer-Encoding: chunkedx",
                                                    body=b"0\r\n\r\n")),
    Answer("Transfer-Encoding in a 204",
           b"HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    Answer("Content-Length in a 204",
           b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nabcde"),
    Answer("101 that nobody asked for",
           b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n"),
    Answer("Transfer-Encoding in a 103",
           b"HTTP/1.1 103 Early Hints\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
           + reply(FIVE[:-2])),
    Answer("close before any byte", b"", 503),
    Answer("close in the status line", b"HTTP/1.1 20", 503),
    Answer("close after the status line", OK, 503),
    Answer("close in a header", OK + b"Content-Le", 503),
    Answer("close before the empty line", OK + FIVE, 503),
    Answer("reset before any byte", b"", 503, "reset"),
    Answer("close after a 100", b"HTTP/1.1 100 Continue\r\n\r\n", 503),
    Answer("close in the middle of a body", reply(b"Content-Length: 50"), CUT),
    Answer("reset in the middle of a body", reply(b"Content-Length: 50"), CUT, "reset"),
    Answer("close between chunks", coded(b""), CUT),
    Answer("close in the middle of a chunk", coded(b"5\r\nab"), CUT),
    Answer("close in the trailers", coded(b"0\r\nA: b"), CUT),
    Answer("close before the last line of the trailers", coded(b"0\r\n"), CUT),
    Answer("chunk size that is no number", coded(b"g\r\n\r\n"), CUT),
    Answer("chunk size with 0x", coded(b"0x1\r\na\r\n0\r\n\r\n"), CUT),
    Answer("chunk size that is negative", coded(b"-1\r\na\r\n0\r\n\r\n"), CUT),
    Answer("chunk size above 64 bits", coded(b"10000000000000001\r\na\r\n0\r\n\r\n"), CUT),
    Answer("chunk size ended by a bare LF", coded(b"1\na\r\n0\r\n\r\n"), CUT),
    Answer("chunk data longer than its size", coded(b"1\r\nabc\r\n0\r\n\r\n"), CUT),
    Answer("chunk data without its line end", coded(b"1\r\na0\r\n\r\n"), CUT),
    Answer("trailer without a colon", coded(b"0\r\ngarbage\r\n\r\n"), CUT),
    Answer("trailer with a NUL", coded(b"0\r\nA: \0\r\n\r\n"), CUT),
]
