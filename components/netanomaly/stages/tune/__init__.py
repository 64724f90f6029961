"""The tune stage: candidates suggested, tried side by side, and one of them chosen, or the defaults kept."""
