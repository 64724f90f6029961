"""Which kind of sensor recorded flows: what one kind taught says nothing of another's."""

from netanomaly.errors import DataError

AUTO, TABLE = "auto", "table"
"""Of a source's format: told by its content, and no sensor's."""


def refuse_other(learnt: str, found: str, *, allowed: bool) -> None:
    """Refuse to judge flows of one kind of sensor by what those of another taught.

    The same traffic gives other numbers of flows, and bytes that differ by 14 a packet, from tool to tool.

    Args:
        learnt: The kind that was learnt from; empty: a table of no known sensor.
        found: The kind that is to be judged.
        allowed: Whether the configuration wants it all the same.

    Raises:
        DataError: They differ.
    """
    if learnt and not found and not allowed:
        raise DataError(
            f"flows of {learnt} taught the model and rows of a table (no known sensor) are to be judged: give a log as {learnt} "
            "writes it, with its header; a table that has the model's columns is judged with allow_other_sensor (of score and "
            "monitor: --allow-other-sensor)"
        )
    if learnt != found and not allowed:
        raise DataError(
            f"{_called(learnt)} taught the model and {_called(found)} are to be judged: sensors count flows, packets and "
            "bytes each in their own way; give data of the same kind of sensor, or set allow_other_sensor to true (of score and monitor: --allow-other-sensor)"
        )


def _called(sensor: str) -> str:
    return f"flows of {sensor}" if sensor else "rows of a table (no known sensor)"
