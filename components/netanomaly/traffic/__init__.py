"""What sensors write, made into one table of flows: formats, pairing of one-way records, and features in context."""
