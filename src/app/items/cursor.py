"""Where a list goes on: the last key of a page, signed, so that nobody makes one up.

Both sides sign with the same secret, so the next page may come from either.
"""

import base64
import hashlib
import hmac

from pydantic import SecretStr

SIZE = 16  # bytes of the signature


class Cursors:
    """Makes cursors and reads them."""

    def __init__(self, key: SecretStr) -> None:
        self._key = key.get_secret_value().encode()

    def write(self, last: str) -> str:
        """Return the cursor for what comes after the key `last`."""
        key = last.encode()
        return base64.urlsafe_b64encode(self._signature(key) + key).decode().rstrip("=")

    def read(self, cursor: str) -> str:
        """Return the key that `cursor` has; raise `ValueError` for one that is not of `write`."""
        try:
            # Binascii would leave out what is not of its alphabet.
            whole = base64.b64decode(cursor + "=" * (-len(cursor) % 4), "-_", validate=True)
        except ValueError:
            whole = b""
        signature, key = whole[:SIZE], whole[SIZE:]
        if not hmac.compare_digest(signature, self._signature(key)):
            raise ValueError("cursor is not one that a list answered with.")
        return key.decode()

    def _signature(self, key: bytes) -> bytes:
        return hmac.digest(self._key, key, hashlib.sha256)[:SIZE]
