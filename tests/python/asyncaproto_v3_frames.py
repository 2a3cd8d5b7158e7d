"""The frames of AsyncAProto V3, from the chapter `protocol-v3.md` alone: written, read, and checked in every byte."""

import json
import struct

HELLO, OPEN, ITEM, ERROR, CANCEL, CREDIT, PING, GOAWAY = range(1, 9)
END, HEAD, NAME, DEADLINE, EMPTY, COMPRESSED, SEALED, ACK = (1 << bit for bit in range(8))
ALLOWED = {OPEN: 0x6F, ITEM: 0x73, ERROR: 0x62, PING: ACK}
JSON, RAW = 0, 2


class Failure(Exception):
    """What a stream or the connection has failed with."""

    def __init__(self, error, message=None, field=None, details=None, **_):
        super().__init__(error, message)
        self.code, self.message, self.field, self.details = error, message, field, details


def check(right, code):
    if not right:
        raise Failure(code)


def frame(kind, flags, stream, fields=b"", payload=b"", encoding=JSON, header_size=4, byteorder="big"):
    content = struct.pack(">BBBBI", 23, encoding, kind, flags, stream) + fields + payload
    return len(content).to_bytes(header_size, byteorder) + content


def refusal(content):
    """What a server that lets a connection not in says, in a packet of V2; None if it is anything else."""
    if content[:2] != b"\x16\0":
        return None
    try:
        said = json.loads(content[2:])
    except ValueError:
        return None
    code = isinstance(said, dict) and said.get("status") == "failure" and said.get("error")
    return Failure(**said) if code and isinstance(code, str) else None


def open_fields(target, name=None, deadline=None):
    named = b"" if name is None else bytes([len(name.encode())]) + name.encode()
    return struct.pack(">H", target) + named + (b"" if deadline is None else struct.pack(">I", deadline))


def parse(content):
    """What follows Content-Length: kind, flags, stream, encoding, fields (a tuple), head, payload."""
    check(len(content) >= 8, "ERR_REQUEST_MALFORMED")
    version, encoding, kind, flags, stream = struct.unpack_from(">BBBBI", content)
    check(version == 23 and encoding <= RAW and 1 <= kind <= 8, "ERR_HEADER_INVALID")
    check(encoding != RAW or kind not in (HELLO, ERROR, GOAWAY), "ERR_HEADER_INVALID")
    check(flags & ~ALLOWED.get(kind, 0) == 0, "ERR_HEADER_INVALID")
    check(not flags & EMPTY or flags & (END | COMPRESSED) == END, "ERR_HEADER_INVALID")
    rest = content[8:]

    def take(size):
        nonlocal rest
        check(len(rest) >= size, "ERR_REQUEST_MALFORMED")
        taken, rest = rest[:size], rest[size:]
        return taken

    fields, head = (), b""
    if kind == OPEN:
        target, name, deadline = int.from_bytes(take(2), "big"), None, None
        if flags & NAME:
            name = take(take(1)[0])
            check(name and name.decode(errors="replace").encode() == name, "ERR_REQUEST_MALFORMED")
        if flags & DEADLINE:
            deadline = int.from_bytes(take(4), "big")
        fields = (target, name and name.decode(), deadline)
    elif kind == CREDIT:
        fields = struct.unpack(">II", take(8))
    elif kind == PING:
        fields = (take(8),)
    if flags & HEAD:
        head = take(int.from_bytes(take(2), "big"))
        check(head, "ERR_REQUEST_MALFORMED")
    void = kind in (CANCEL, CREDIT, PING) or flags & (EMPTY | SEALED) == EMPTY
    check(not void or not rest, "ERR_REQUEST_MALFORMED")
    check(kind == CREDIT or (stream != 0) == (kind in (OPEN, ITEM, ERROR, CANCEL)), "ERR_PROTOCOL_VIOLATION")
    check(kind != CREDIT or stream or not fields[0], "ERR_PROTOCOL_VIOLATION")
    return kind, flags, stream, encoding, fields, head, rest
