"""A client as AsyncAPY's document (release 0.5, "The AsyncAPProto Client") describes it, and exchanges with a server.

Written from the document: plain sockets, and the package `ziproto` of PyPI for the other encoding. Run as a script it
drives a server, says `ok` and the number of exchanges, or fails with what was wrong:

    client.py echo HOST PORT HEADER_SIZE BYTEORDER ENCODING [CAFILE]
    client.py hello HOST PORT
"""

import json
import socket
import ssl
import sys

import ziproto

VERSION = 22
ENCODINGS = {"json": 0, "ziproto": 1}


class Client:
    """The document's `asyncapy.client.Client`; `cafile` is ours, since a test's certificates are of its own making."""

    def __init__(self, byteorder="big", header_size=4, tls=True, encoding="json", timeout=60, cafile=None):
        self.byteorder = byteorder
        self.header_size = header_size
        self.tls = tls
        self.encoding = encoding
        self.timeout = timeout
        self.cafile = cafile
        self.sock = None

    def connect(self, hostname, port):
        sock = socket.create_connection((hostname, port), self.timeout)
        if self.tls:
            context = ssl.create_default_context(cafile=self.cafile)
            sock = context.wrap_socket(sock, server_hostname=hostname)
        self.sock = sock

    def disconnect(self):
        self.sock.close()

    def send(self, payload):
        """Sends a dictionary, or a string that is valid JSON."""
        if isinstance(payload, str):
            payload = json.loads(payload)
        body = json.dumps(payload).encode() if self.encoding == "json" else bytes(ziproto.encode(payload))
        content = bytes([VERSION, ENCODINGS[self.encoding]]) + body
        frame = len(content).to_bytes(self.header_size, self.byteorder) + content
        self.sock.sendall(frame)
        return frame

    def receive_raw(self):
        """A whole packet with its headers; empty if the socket is closed."""
        header = self._exactly(self.header_size)
        content = self._exactly(int.from_bytes(header, self.byteorder)) if header else b""
        return header + content if content else b""

    def receive(self):
        return self.decode(self.receive_raw())

    def decode(self, raw):
        content = raw[self.header_size:]
        if not content:
            raise EOFError("the server closed the connection")
        version, encoding, body = content[0], content[1], content[2:]
        if version != VERSION:
            raise ValueError(f"version {version}")
        return json.loads(body) if encoding == ENCODINGS["json"] else ziproto.decode(body)

    def _exactly(self, size):
        data = b""
        while len(data) < size:
            more = self.sock.recv(size - len(data))
            if not more:
                return b""
            data += more
        return data


def same(found, expected):
    if found != expected or type(found) is not type(expected):
        raise AssertionError(f"{found!r} instead of {expected!r}")


def readable(value):
    """Whether `ziproto` 1.0 can read what it has written: it trips over its own lists and maps of more than 15 items."""
    if isinstance(value, dict):
        return len(value) <= 15 and all(readable(inner) for inner in value.values())
    if isinstance(value, list):
        return len(value) <= 15 and all(readable(inner) for inner in value)
    return True


def packets(header_size, encoding):
    """What goes there and back, as long as the header can say it."""
    yield {"test": 1}
    yield {"foo": "bar"}
    yield {"text": "é 日本 \U0001f600 \"quoted\" \\ \n\t\x00", "empty": ""}
    yield {"numbers": [0, 1, -1, 127, 128, 255, 256, -32, -33, -128, -129, 65535, 65536, 2**31, 2**32]}
    yield {"wide": [2**63 - 1, -(2**63), 2**64 - 1]}
    yield {"floats": [0.5, -1.25, 0.1, 1e300, 5e-324]}
    yield {"others": [None, True, False, [], {}], "nested": {"a": {"b": [{"c": []}]}}}
    yield {f"field {at}": at for at in range(15)}
    if encoding == "ziproto":
        yield {7: "an integer as a key", -300: 1, True: 2, None: 3}
    if header_size > 1:
        yield {f"field {at}": at for at in range(300)}
        yield {"long": "x" * 60_000}
    if header_size > 2:
        yield {"longer": "y" * 500_000, "list": list(range(2_000))}


def echo(client, header_size, encoding):
    exchanges = 0
    for packet in packets(header_size, encoding):
        sent = client.send(packet)
        raw = client.receive_raw()
        # An echo is the same bytes, also where the client cannot read them.
        same(raw, sent)
        if encoding == "json" or readable(packet):
            same(client.decode(raw), packet)
        exchanges += 1
    # A JSON string will do as well.
    client.send('{"a": [1, 2]}')
    same(client.receive(), {"a": [1, 2]})
    # Several before the first reply is read.
    for at in range(50):
        client.send({"at": at})
    for at in range(50):
        same(client.receive(), {"at": at})
    # The encoding of the session stays that of its first packet.
    other = "ziproto" if encoding == "json" else "json"
    client.encoding = other
    client.send({"in": other})
    raw = client.receive_raw()
    same(raw[header_size + 1], ENCODINGS[encoding])
    client.encoding = encoding
    client.send({"in": encoding})
    same(client.receive(), {"in": encoding})
    # An empty map is too short a packet: the server says so, in JSON, and closes.
    client.send({})
    same(client.receive(), {"status": "failure", "error": "ERR_REQUEST_MALFORMED"})
    same(client.receive_raw(), b"")
    return exchanges + 54


def main(scenario, host, port, *rest):
    if scenario == "hello":
        # The document's own test client, to the letter but for the port.
        client = Client(tls=False, encoding="json")
        client.connect(host, int(port))
        client.send({"test": 1})
        response = client.receive()
        same(response, {"test": 1})
        same(client.receive_raw(), b"")
        client.disconnect()
        print("ok 1")
        return
    header_size, byteorder, encoding = int(rest[0]), rest[1], rest[2]
    cafile = rest[3] if len(rest) > 3 else None
    client = Client(byteorder, header_size, cafile is not None, encoding, 20, cafile)
    client.connect(host, int(port))
    print("ok", echo(client, header_size, encoding))
    client.disconnect()


if __name__ == "__main__":
    main(*sys.argv[1:])
