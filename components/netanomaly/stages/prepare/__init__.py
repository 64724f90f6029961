"""Check the configuration and resolve everything in it that can change."""
