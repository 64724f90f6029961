"""Bytes of frames to bytes of IP: what the link layer adds to each packet is taken off."""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

_LEAST_IP = 20


def ip_bytes(frame_bytes: pa.Array, packets: pa.Array, link: Any) -> pa.Array:
    """Bytes without the link layer; null where the packets are not known.

    Where that would leave less than an IP header a packet the sensor did not count the link layer (a tunnel, a raw
    capture), and the bytes stay as they are.

    Args:
        frame_bytes: As the sensor counts.
        packets: In the same direction.
        link: Bytes of the link layer on each packet, one number or one for each row.
    """
    least = pc.multiply(packets, _LEAST_IP)
    taken = pc.multiply(packets, pa.array(np.broadcast_to(link, len(packets)).astype(np.int64)))
    without = pc.subtract(frame_bytes, taken)
    return pc.if_else(pc.less(without, least), frame_bytes, without)
