"""What the context remembers of very many hosts: each flow is of a source that was never met before, the worst there is.

python -m tests.bench.hosts [--hosts 10000000]
"""

import argparse
import resource
import time

import numpy as np
from netanomaly.traffic.context import Context, Flows

_BLOCK = 1 << 16
_FLOWS_A_SECOND = 1000
_TARGETS = 10_000_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hosts", type=int, default=10_000_000)
    hosts = parser.parse_args().hosts
    draw, past = np.random.default_rng(1), Context()
    before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    for begin in range(0, hosts, _BLOCK):
        which = np.arange(begin, min(begin + _BLOCK, hosts))
        past.features(
            Flows(
                end=which * (1_000_000 // _FLOWS_A_SECOND),
                src=(which + 1).astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15),
                dst=draw.integers(1, _TARGETS, len(which)).astype(np.uint64),
                port=draw.integers(0, 65_536, len(which)),
                failed=np.zeros(len(which), dtype=np.int64),
                bytes_out=np.ones(len(which), dtype=np.int64),
            )
        )
    busy = time.process_time() - began
    peak = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    print(
        f"{hosts:,} hosts: {busy / hosts * 1e6:.1f} processor seconds a million flows, {peak:.0f} MiB over idle at the peak, "
        f"{len(past.kept):,} flows kept, windows cut after {past.cut} blocks, {past.forgotten:,} hosts and pairs forgotten, "
        f"state of {len(past.state()) / 2**20:.0f} MiB"
    )


if __name__ == "__main__":
    main()
