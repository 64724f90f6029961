"""Globs over the keys of a bucket, as a folder's are: `*` and `?` stay within one part, `**` is any number of parts.

Matched by going back to the last star alone, which is enough for any number of them: the work for a key is at most its
length times the pattern's. An expression made of the same pattern takes time with a power of the number of stars.
"""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from netanomaly.errors import DataError

Item = TypeVar("Item")

LONGEST_PATTERN = 4096
_STAR = "*"
_ANY_PARTS = "**"


class Glob:
    """A pattern for whole keys. What begins with a dot is found by a part that begins with one, and by no wildcard.

    Raises:
        DataError: It is longer than any key.
    """

    def __init__(self, pattern: str) -> None:
        if len(pattern) > LONGEST_PATTERN:
            raise DataError(f"a glob of {len(pattern):,} characters matches no key; keys have at most 1024 bytes")
        *folders, last = pattern.split("/")
        parts: list[str | _Part] = [_ANY_PARTS if part == _ANY_PARTS else _Part(part) for part in folders]
        # At the end it stands for one part and all above it.
        parts += [_ANY_PARTS, _Part(_STAR)] if last == _ANY_PARTS else [_Part(last)]
        self._parts = parts

    @staticmethod
    def fixed_part(pattern: str) -> str:
        """What every key that fits begins with."""
        ends = [place for mark in "*?[" if (place := pattern.find(mark)) >= 0]
        return pattern[: min(ends)] if ends else pattern

    def matches(self, key: str) -> bool:
        """Whether the whole key is one that the pattern means."""
        return _match(self._parts, key.split("/"), _ANY_PARTS, lambda part, name: part.matches(name), _is_visible)


class _Part:
    """The pattern of one part of a key."""

    def __init__(self, pattern: str) -> None:
        self._hidden_too = not pattern.startswith((_STAR, "?", "["))
        self._tokens = _tokens(pattern)

    def matches(self, name: str) -> bool:
        if not self._hidden_too and not _is_visible(name):
            return False
        return _match(self._tokens, name, _STAR, lambda token, character: token(character), lambda _: True)


def _match(
    pattern: Sequence[Any],
    items: Sequence[Item],
    star: object,
    fits: Callable[[Any, Item], bool],
    starred: Callable[[Item], bool],
) -> bool:
    """Whether items fit a pattern in which a star stands for any number of items, each of which it may stand for."""
    at = place = 0
    last_star, resumed = -1, 0
    while at < len(items):
        if place < len(pattern) and pattern[place] == star:
            last_star, resumed = place, at
            place += 1
        elif place < len(pattern) and fits(pattern[place], items[at]):
            place += 1
            at += 1
        elif last_star >= 0 and starred(items[resumed]):
            resumed += 1
            place, at = last_star + 1, resumed
        else:
            return False
    return all(token == star for token in pattern[place:])


def _tokens(pattern: str) -> list[Any]:
    """A star, or for each character what tells whether it fits."""
    tokens: list[Any] = []
    at = 0
    while at < len(pattern):
        character = pattern[at]
        at += 1
        if character == _STAR:
            tokens.append(_STAR)
        elif character == "?":
            tokens.append(lambda _: True)
        elif character == "[" and (end := _class_end(pattern, at)):
            tokens.append(_class(pattern[at:end]))
            at = end + 1
        else:
            tokens.append(character.__eq__)
    return tokens


def _class_end(pattern: str, at: int) -> int:
    """Where the bracket closes that opened before; 0 where it does not, and stands for itself."""
    first = at + 1 if pattern[at : at + 1] == "!" else at
    # A bracket that comes first is one of the characters.
    return max(pattern.find("]", first + 1), 0)


def _class(inside: str) -> Callable[[str], bool]:
    negated = inside.startswith("!")
    inside = inside.removeprefix("!")
    ranges: list[tuple[str, str]] = []
    at = 0
    while at < len(inside):
        if inside[at + 1 : at + 2] == "-" and at + 2 < len(inside):
            ranges.append((inside[at], inside[at + 2]))
            at += 3
        else:
            ranges.append((inside[at], inside[at]))
            at += 1
    return lambda character: any(low <= character <= high for low, high in ranges) != negated


def _is_visible(name: str) -> bool:
    return bool(name) and not name.startswith(".")
