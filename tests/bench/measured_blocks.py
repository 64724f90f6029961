"""Tables of a page of documentation that a program measures, in a page whose other lines people write.

A table stands between two comments, `<!-- measured: NAME -->` and `<!-- end -->`, each alone on its line. It is put there anew
by who measured it; every other line of the page stays as it is.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

_BLOCK = re.compile(r"(?ms)^(<!-- measured: ([\w -]+) -->\n)(.*?)^(<!-- end -->)$")


def put(path: Path, tables: Mapping[str, Sequence[str]]) -> list[str]:
    """Write these tables, lists of lines by name, into a page; a table without lines was not measured.

    Returns: The names of the page's tables that stay as they stood, in their order.

    Raises:
        SystemExit: The page has no place for a table, or two.
    """
    page = path.read_text()
    places = [found[2] for found in _BLOCK.finditer(page)]
    for name in tables:
        if places.count(name) != 1:
            raise SystemExit(
                f"{path} has {places.count(name)} places for the table {name!r}: <!-- measured: {name} -->, <!-- end -->"
            )

    def filled(found: re.Match[str]) -> str:
        lines = tables.get(found[2])
        return found[1] + "\n".join(["", *lines, "", ""]) + found[4] if lines else found[0]

    path.write_text(_BLOCK.sub(filled, page))
    return [name for name in places if not tables.get(name)]
