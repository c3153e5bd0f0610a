"""Signatures: one Ed25519 signature a batch, one a request, one a grant. Keys travel as 64 hex digits.

`cryptography` is imported where it is used, so that a till's reports start without it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


class SigningKey:
    """A private key from its 32 secret bytes. Never printed, never sent."""

    def __init__(self, secret: bytes) -> None:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        self._key: Ed25519PrivateKey = Ed25519PrivateKey.from_private_bytes(secret)

    def __repr__(self) -> str:
        return f"SigningKey(public={self.public})"

    @property
    def public(self) -> str:
        return self._key.public_key().public_bytes_raw().hex()

    def sign(self, message: bytes) -> str:
        return self._key.sign(message).hex()


def is_signed(public: str, message: bytes, signature: str) -> bool:
    """Whether `signature` is that key's on exactly these bytes. Malformed keys and signatures are simply not."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(public)).verify(bytes.fromhex(signature), message)
    except (InvalidSignature, ValueError):
        return False
    return True


def batch_message(terminal: str, epoch: str, last_number: int, head: str) -> bytes:
    """What a terminal signs of a batch: the head of the chain stands for every entry before it."""
    return msgspec.json.encode(["batch", terminal, epoch, last_number, head])


def request_message(path: str, terminal: str, nonce: str, body: bytes) -> bytes:
    """What a terminal signs of any other request: the server's nonce makes it fresh, whatever the till's clock says."""
    return msgspec.json.encode(["request", path, terminal, nonce]) + b"\n" + body


def grant_message(grant: str, terminal: str, epoch: str, member: str, slices: list[list[object]]) -> bytes:
    """What the server signs of a grant, so that it can believe it again after it was restored from a backup."""
    return msgspec.json.encode(["grant", grant, terminal, epoch, member, slices])


def merge_message(merge: str, old: str, into: str) -> bytes:
    """What the server signs of a merge, for the same reason."""
    return msgspec.json.encode(["merge", merge, old, into])


def new_sealing_key(secret: bytes) -> str:
    """The public half of a 32-byte X25519 secret: whatever is sealed to it, only the holder of the secret can open."""
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

    return X25519PrivateKey.from_private_bytes(secret).public_key().public_bytes_raw().hex()


def seal(sealing_key: str, plain: bytes) -> str:
    """`plain` for the holder of the sealing key alone (X25519, HKDF-SHA256, ChaCha20-Poly1305), in hex."""
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
    from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

    once = X25519PrivateKey.generate()
    sender, receiver = once.public_key().public_bytes_raw(), bytes.fromhex(sealing_key)
    key = _box_key(once.exchange(X25519PublicKey.from_public_bytes(receiver)), sender + receiver)
    return (sender + ChaCha20Poly1305(key).encrypt(bytes(12), plain, None)).hex()


def unseal(secret: bytes, sealed: str) -> bytes:
    """What was sealed. Raises ValueError where it was not sealed to this key, or was changed."""
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
    from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

    box, private = bytes.fromhex(sealed), X25519PrivateKey.from_private_bytes(secret)
    key_pair = box[:32] + private.public_key().public_bytes_raw()
    try:
        key = _box_key(private.exchange(X25519PublicKey.from_public_bytes(box[:32])), key_pair)
        return ChaCha20Poly1305(key).decrypt(bytes(12), box[32:], None)
    except InvalidTag as error:
        raise ValueError("not sealed to this key, or changed since") from error


def _box_key(shared: bytes, context: bytes) -> bytes:
    """A key for one box: the sender's half is new each time, so a nonce of zeros is never used twice with one key."""
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    return HKDF(algorithm=SHA256(), length=32, salt=None, info=b"pos-plugin sealed box" + context).derive(shared)


def phone_hash(phone_key: str, phone: str) -> str:
    """A phone number as a till can look it up without holding it: its digits under a key that the shops share."""
    import hashlib
    import hmac

    digits = "".join(character for character in phone if character.isascii() and character.isdigit())
    return hmac.digest(bytes.fromhex(phone_key), digits.encode(), hashlib.sha256).hex()


def card_hash(phone_key: str, card: str) -> str:
    """A card's number as all shops can be told of it without the number: what is blocked for one is no news of whose it was."""
    import hashlib
    import hmac

    return hmac.digest(bytes.fromhex(phone_key), b"card " + card.encode("utf-8", "surrogatepass"), hashlib.sha256).hex()
