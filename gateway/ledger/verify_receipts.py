"""Verify exported receipts with nothing but Python: `python3 verify_receipts.py FILE.zip [--signatures]`.

Checks that every record fits the one before it and that the signed head is the chain's end; with --signatures also the
signature of every record (about 15 ms each). Exit code 0: equal; 1: the first fault is printed; 2: usage.
"""

import base64
import hashlib
import json
import sys
import zipfile

P = 2**255 - 19
Q = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT = pow(2, (P - 1) // 4, P)


def recover_x(y, sign):
    """Return the x of a point of Ed25519 (RFC 8032, 5.1.3), or None."""
    if y >= P:
        return None
    x2 = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    if x2 == 0:
        return None if sign else 0
    x = pow(x2, (P + 3) // 8, P)
    if (x * x - x2) % P:
        x = x * ROOT % P
    if (x * x - x2) % P:
        return None
    return P - x if x & 1 != sign else x


def add(a, b):
    """Add two points in extended coordinates."""
    p, q = (a[1] - a[0]) * (b[1] - b[0]) % P, (a[1] + a[0]) * (b[1] + b[0]) % P
    r, s = 2 * a[3] * b[3] * D % P, 2 * a[2] * b[2] % P
    e, f, g, h = q - p, s - r, s + r, q + p
    return e * f % P, g * h % P, f * g % P, e * h % P


def multiply(n, point):
    """Multiply a point by a number."""
    result = (0, 1, 1, 0)
    while n:
        if n & 1:
            result = add(result, point)
        point = add(point, point)
        n >>= 1
    return result


def decompress(raw):
    """Read a point, or return None."""
    y = int.from_bytes(raw, "little")
    sign, y = y >> 255, y & ((1 << 255) - 1)
    x = recover_x(y, sign)
    return None if x is None else (x, y, 1, x * y % P)


BASE_Y = 4 * pow(5, P - 2, P) % P
BASE = (recover_x(BASE_Y, 0), BASE_Y, 1, recover_x(BASE_Y, 0) * BASE_Y % P)


def signed(public, message, signature):
    """Tell whether an Ed25519 signature is right."""
    a, r, s = decompress(public), decompress(signature[:32]), int.from_bytes(signature[32:], "little")
    if len(signature) != 64 or a is None or r is None or s >= Q:
        return False
    h = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % Q
    left, right = multiply(s, BASE), add(r, multiply(h, a))
    return (left[0] * right[2] - right[0] * left[2]) % P == 0 and (left[1] * right[2] - right[1] * left[2]) % P == 0


def public_key(pem):
    """Return the 32 bytes of a PEM public key."""
    return base64.b64decode("".join(line for line in pem.splitlines() if "-----" not in line))[-32:]


def verify(archive, signatures):
    """Return the first fault as text, or None, and the number of records that fit."""
    keys = {name: public_key(pem) for name, pem in json.loads(archive.read("keys.json")).items()}
    head = json.loads(archive.read("head.json"))
    prev, checked = "00" * 32, 0
    with archive.open("receipts.jsonl") as lines:
        for line in lines:
            entry = json.loads(line)
            no, body = checked + 1, entry["body"]
            text = json.dumps(body, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()
            if entry["no"] != no:
                return (
                    f"record {no} was removed or reordered: record {entry['no']} stands in its place",
                    checked,
                )
            found = hashlib.sha256(bytes.fromhex(prev) + text).hexdigest()
            if body.get("no") != no or entry["prev"] != prev or found != entry["hash"]:
                return f"record {no} was changed", checked
            if signatures and not by_us(keys, entry["key_id"], bytes.fromhex(found), entry["signature"]):
                return f"record {no} is not signed by a key of this file", checked
            prev, checked = found, no
    if not by_us(keys, head["key_id"], f"head|{head['no']}|{head['hash']}".encode(), head["signature"]):
        return "the head's signature is not of a key of this file", checked
    if (head["no"], head["hash"]) != (checked, prev):
        return f"truncated: the head says {head['no']} records, {checked} are there", checked
    return None, checked


def by_us(keys, key_id, message, signature):
    """Tell whether one of the file's keys made a signature."""
    return key_id in keys and signed(keys[key_id], message, bytes.fromhex(signature))


def main(arguments):
    """Print the verdict and return the exit code."""
    files = [a for a in arguments if not a.startswith("-")]
    if len(files) != 1:
        print(__doc__)
        return 2
    with zipfile.ZipFile(files[0]) as archive:
        fault, checked = verify(archive, "--signatures" in arguments)
    print(f"FAULT after {checked} records: {fault}" if fault else f"ok: {checked} records, head signed")
    return 1 if fault else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
