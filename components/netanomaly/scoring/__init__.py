"""Scoring: traffic becomes scores by a registered model, and what stands out becomes incidents."""
