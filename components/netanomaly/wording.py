"""What a failed request says, without the objects of the program that failed; and web pages that came in place of an answer."""

import re

# `<urllib3.connection.HTTPConnection object at 0x7f...>: ` and the like; the pool with its host is named by the message.
_OBJECT = re.compile(r"<[^<>]*\bat 0x[0-9a-fA-F]+>(?::\s*|,\s*)?")
_LONGEST_HEAD = 1 << 16
_POOL = re.compile(r"^\w+\(host=[^)]*\): ")


def reason(error: BaseException) -> str:
    """The error in words, the innermost cause first."""
    inner = getattr(error, "reason", None)
    if isinstance(inner, BaseException):
        return reason(inner)
    # Of several arguments, as a time-out has, the text is the one that says something.
    texts = [argument for argument in error.args if isinstance(argument, str)]
    text = str(error) if len(error.args) <= 1 or isinstance(error, OSError) or not texts else texts[-1]
    return _POOL.sub("", _OBJECT.sub("", text)).strip() or type(error).__name__


def is_web_page(body: bytes) -> bool:
    """Whether a body is HTML."""
    return bool(re.match(rb"(?is)\s*(<!doctype html|<html|<head|<body)", body))


def page_title(page: bytes) -> str:
    """The title of a web page; looked for step by step: an expression for it takes cubic time over blanks."""
    start = page[:_LONGEST_HEAD].decode("utf-8", "replace")
    _, found, rest = start.partition("<title")
    _, _, rest = (rest if found else "").partition(">")
    return " ".join(rest.partition("</")[0].split())[:80]
