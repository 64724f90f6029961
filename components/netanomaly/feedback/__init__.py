"""What people say of alerts: kept for good, in a place of its own, and what follows from it for the next alerts."""
