"""Bytes that were sound, spoilt: as a fault of a disk would, as a hand would, and as someone would who knows the format."""

from random import Random

_INTERESTING = (
    b"", b"\0", b"\xff", b"\x7f", b"\x80", b"\n", b"\r\n", b",", b'"', b"'", b"{", b"}", b"[", b"]", b":", b"null", b"true",
    b"NaN", b"-1", b"1e999", b"9" * 40, b"\x1b[31m", b"\xe2\x80\xae", b"\xed\xa0\x80", b"\\ud800", b"../", b"s3://", b"%00",
    b"\xff\xff\xff\xff", b"\0\0\0\x80", b"\xff\xff\xff\x7f", b"[" * 300, b"a" * 3000, b"PAR1", b"\x1f\x8b",
)  # fmt: skip
_LARGEST = 1 << 20


def mutant(seed: bytes, random: Random) -> bytes:
    """The seed after one to eight changes."""
    data = bytearray(seed)
    for _ in range(random.choice((1, 1, 1, 2, 3, 5, 8))):
        at = random.randrange(len(data) + 1)
        length = random.choice((1, 1, 2, 4, 8, 16, random.randrange(1, max(len(data), 2))))
        match random.randrange(9):
            case 0 if data:
                place = min(at, len(data) - 1)
                data[place] ^= 1 << random.randrange(8)
            case 1 if data:
                data[min(at, len(data) - 1)] = random.randrange(256)
            case 2:
                del data[at : at + length]
            case 3:
                data[at:at] = data[at : at + length]
            case 4:
                data[at:at] = random.choice(_INTERESTING)
            case 5:
                replacement = random.choice(_INTERESTING)
                data[at : at + len(replacement)] = replacement
            case 6:
                other = random.randrange(len(data) + 1)
                data[at : at + length] = data[other : other + length]
            case 7:
                data[at : at + length] = random.randbytes(min(length, 64))
            case _:
                del data[at:]
        if len(data) > _LARGEST:
            del data[_LARGEST:]
    return bytes(data)
