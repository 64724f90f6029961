"""Runs and registered versions made visible in MLflow, by its REST API; the registry stays the truth.

Nothing here may fail or delay what it tells of: `patience.within` bounds it all, and every failure is one `TrackingFailed`.
"""

from netanomaly.tracking.access import Access, address, from_environment
from netanomaly.tracking.errors import TrackingFailed

__all__ = ["Access", "TrackingFailed", "address", "from_environment"]
