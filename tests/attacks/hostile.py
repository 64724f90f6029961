"""Text that a terminal or a page would obey, and how to see that none of it got out."""

import re

# Title, clipboard, colour, cursor; bell; C1's control sequence introducer; bidirectional override, isolate and mark;
# what has no width; a tag; half of a surrogate pair cannot be in a file.
MARKS = (
    "\x1b]0;owned\x07",
    "\x1b]52;c;cm0gLXJmIH4=\x07",
    "\x1b[2J\x1b[31m",
    "\x9b31m",
    "\x9d0;owned\x9c",
    "\x7f\x08\x08",
    "\u202eexe.lausac\u202c",
    "\u2066x\u2069\u200f\u061c",
    "pay\u200bpal\u2060\ufeff",
    "\U000e0041",
)
ALL = "".join(MARKS)

OBEYED = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u034f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufe00-\ufe0f\ud800-\udfff"
    "\U000e0000-\U000e0fff]"
)


def obeyed(text: str) -> list[str]:
    """What of a text a terminal would obey or a reader would be deceived by; line ends and tabs are layout."""
    return OBEYED.findall(text)
