"""The compiled pipelines, as `make compile` writes them; what runs and what is uploaded are these files."""
