"""Rewrites a Java keystore of trusted certificates so that its making leaves no mark. Usage: keystore.py FILE

Debian writes the certificates in the order of a hash table and each with the time of day. Here they are ordered by name,
with no time, and sealed anew by the password that Java expects of its own store (it protects nothing: all of it is public).
"""

import hashlib
import pathlib
import struct
import sys

MAGIC, VERSION, CERTIFICATE = 0xFEEDFEED, 2, 2
SEAL = "changeit".encode("utf-16-be") + b"Mighty Aphrodite"


def entries(content):
    """Name and certificate of each entry: tag, name, milliseconds, kind, bytes; lengths before text and bytes."""
    head, end = struct.calcsize(">III"), len(content) - hashlib.sha1().digest_size
    magic, version, count = struct.unpack_from(">III", content)
    if (magic, version) != (MAGIC, VERSION):
        raise SystemExit(f"keystore: a JKS keystore of version {VERSION} is needed, got {content[:8].hex()}")
    if hashlib.sha1(SEAL + content[:end]).digest() != content[end:]:
        raise SystemExit("keystore: the seal is not that of the usual password")
    at = head

    def sized(form):
        nonlocal at
        (size,) = struct.unpack_from(form, content, at)
        at += struct.calcsize(form) + size
        return content[at - size : at]

    for _ in range(count):
        (tag,) = struct.unpack_from(">I", content, at)
        if tag != CERTIFICATE:
            raise SystemExit(f"keystore: only certificates are expected, got an entry of kind {tag}")
        at += 4
        name = sized(">H")
        at += 8
        yield name, sized(">H"), sized(">I")
    if at != end:
        raise SystemExit(f"keystore: {end - at} bytes are left over")


def main(file):
    """Write the store anew in its place."""
    found = sorted(entries(file.read_bytes()))
    made = struct.pack(">III", MAGIC, VERSION, len(found))
    for name, kind, certificate in found:
        made += struct.pack(">IH", CERTIFICATE, len(name)) + name + bytes(8)
        made += struct.pack(">H", len(kind)) + kind + struct.pack(">I", len(certificate)) + certificate
    file.write_bytes(made + hashlib.sha1(SEAL + made).digest())


main(pathlib.Path(sys.argv[1]))
