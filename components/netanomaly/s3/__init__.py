"""An S3 server: how it is reached, what its answers mean, and how long it is asked again."""
