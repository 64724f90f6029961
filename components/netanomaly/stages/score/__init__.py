"""The score stage: traffic becomes scores, and what stands out becomes incidents."""
