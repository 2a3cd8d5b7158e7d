# The known answers of asyncapy/src/security/seal/tests.rs, with nothing but Python's standard library and `pip install cryptography`.
# HKDF is written out here after RFC 5869, so that it shares no code with ours.
import hashlib
import hmac

from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

secret = bytes(range(32))
connecting_salt, accepting_salt = bytes([0xC1]) * 32, bytes([0xA2]) * 32
hellos = [b"\x17\x00\x01\x00\x00\x00\x00\x00{}", b"\x17\x00\x01\x00\x00\x00\x00\x00{ }"]
prk = hmac.new(connecting_salt + accepting_salt, secret, hashlib.sha256).digest()
# The header of an ITEM of stream 1 with END and SEALED: 23, ZiProto, 3, 0x41.
header, payload = bytes.fromhex("1701034100000001"), b"\xa5hello"
for side in (b"connecting", b"accepting"):
    info = b"asyncapy seal 1 " + side + b"".join(hashlib.sha256(hello).digest() for hello in hellos)
    key = hmac.new(prk, info + b"\x01", hashlib.sha256).digest()
    for number in (0, 1, 2**40 + 5):
        nonce = bytes(4) + number.to_bytes(8, "big")
        print(side.decode(), number, ChaCha20Poly1305(key).encrypt(nonce, payload, header).hex())
