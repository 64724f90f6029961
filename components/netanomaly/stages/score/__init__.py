"""Score traffic with a registered model."""
