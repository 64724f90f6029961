"""Traffic records: where they come from, how each format is read, and the one form every stage shares."""
