"""Ed25519 keys in PEM files named `<kid>.pem`: private to sign with, public to trust."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Iterator, Mapping

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from wayfare.domain.errors import SettingsInvalid
from wayfare.domain.ids import is_id


class Signer:
    """Signs with the private key in `<kid>.pem`, or in a folder that holds just that; SettingsInvalid when it is not one."""

    def __init__(self, private_pem: pathlib.Path) -> None:
        private_pem = key_file(private_pem)
        self._kid = _kid_of(private_pem)
        try:
            key = serialization.load_pem_private_key(private_pem.read_bytes(), password=None)
        except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise SettingsInvalid(f"no Ed25519 private key can be read: {error}, got {private_pem}") from error
        if not isinstance(key, Ed25519PrivateKey):
            raise SettingsInvalid(f"a signing key is Ed25519, got {type(key).__name__} in {private_pem}")
        self._key = key

    @property
    def kid(self) -> str:
        """The file's name without `.pem`."""
        return self._kid

    def sign(self, message: bytes) -> bytes:
        """64 bytes."""
        return self._key.sign(message)

    def public_pem(self) -> bytes:
        """The public half, to put into the folder of trusted keys."""
        return _public_pem(self._key)


class Verifier:
    """Verifies with a public key."""

    def __init__(self, key: Ed25519PublicKey) -> None:
        self._key = key

    def verify(self, message: bytes, signature: bytes) -> bool:
        """True when `signature` is this key's over exactly `message`."""
        try:
            self._key.verify(signature, message)
        except InvalidSignature:
            return False
        return True


class TrustedKeys(Mapping[str, Verifier]):
    """The public keys of a folder, by kid, as they are now: a key added or taken away counts from the next look-up."""

    def __init__(self, folder: pathlib.Path) -> None:
        self._folder = folder

    def __getitem__(self, kid: str) -> Verifier:
        path = self._folder / f"{kid}.pem"
        if not is_id(kid) or not path.is_file():
            raise KeyError(kid)
        return Verifier(_read_public(path))

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(path.stem for path in self._folder.glob("*.pem") if is_id(path.stem)))

    def __len__(self) -> int:
        return sum(1 for _ in self)


def trusted_keys(folder: pathlib.Path) -> TrustedKeys:
    """The keys whose signatures count; SettingsInvalid when a file of the folder is not a public Ed25519 key."""
    keys = TrustedKeys(folder)
    for kid in keys:
        keys[kid]
    return keys


def generate_key(private_pem: pathlib.Path) -> Signer:
    """Make a new private key at `<kid>.pem`, readable by its owner only; FileExistsError when there is one."""
    _kid_of(private_pem)
    key = Ed25519PrivateKey.generate()
    private_pem.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(private_pem, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
    return Signer(private_pem)


def key_file(path: pathlib.Path) -> pathlib.Path:
    """The key's file: `path` itself, or the one key of the folder `path`; SettingsInvalid when there is not exactly one."""
    if not path.is_dir():
        return path
    found = sorted(path.glob("*.pem"))
    if len(found) != 1:
        raise SettingsInvalid(f"a folder of a signing key holds one <kid>.pem, got {len(found)} in {path}")
    return found[0]


def trust(signer: Signer, folder: pathlib.Path) -> pathlib.Path:
    """Put the public half of a key into the folder of trusted keys; the file's path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{signer.kid}.pem"
    draft = path.with_suffix(f".{os.getpid()}.tmp")
    draft.write_bytes(signer.public_pem())
    draft.replace(path)
    return path


def _kid_of(path: pathlib.Path) -> str:
    if path.suffix != ".pem" or not is_id(path.stem):
        raise SettingsInvalid(f"a key's file is named <kid>.pem, got {path}")
    return path.stem


def _public_pem(key: Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def _read_public(path: pathlib.Path) -> Ed25519PublicKey:
    try:
        key = serialization.load_pem_public_key(path.read_bytes())
    except (OSError, ValueError, UnsupportedAlgorithm) as error:
        raise SettingsInvalid(f"no Ed25519 public key can be read: {error}, got {path}") from error
    if not isinstance(key, Ed25519PublicKey):
        raise SettingsInvalid(f"a trusted key is Ed25519, got {type(key).__name__} in {path}")
    return key
