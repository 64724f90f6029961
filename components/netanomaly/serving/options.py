"""How a server is told to serve: by the command, and by the image's arguments."""

from dataclasses import dataclass
from pathlib import Path

from netanomaly.errors import ConfigError


@dataclass(frozen=True)
class Limits:
    """What one request may hold, and all of them together. Beyond, requests are refused, not kept waiting.

    Attributes:
        body_bytes: Of one request.
        rows: Of one request.
        requests: Read, waiting or scored at once.
        held_bytes: Bodies of all of these.
        body_seconds: Within which a request's body has to come.
        seconds: Within which a request has to be answered, from then on.
        connections: Open at once.
        threads: That score.
    """

    body_bytes: int = 32 << 20
    rows: int = 50_000
    requests: int = 64
    held_bytes: int = 64 << 20
    body_seconds: float = 30.0
    seconds: float = 30.0
    connections: int = 1000
    threads: int = 2

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if value <= 0:
                raise ConfigError(f"{name} is {value}; give a number over 0")
        if self.held_bytes < self.body_bytes:
            raise ConfigError(
                f"held_bytes is {self.held_bytes}, less than the {self.body_bytes} that one body may have"
            )


@dataclass(frozen=True)
class Options:
    """Where and how to listen, what to write down.

    Attributes:
        host, port: Where to listen; port 0: any that is free.
        look_seconds: Between two looks whether the alias points elsewhere.
        token: Bearer token that requests have to show; empty: none.
        certificate, key: PEM files for TLS; None: plain HTTP.
        linger_seconds: How long requests are still taken after SIGTERM, until everybody knows that readiness is gone.
        drain_seconds: How long requests that are being answered have after that.
        access_log: Whether each request is a line of JSON on standard output.
        score_log: Folder or s3://bucket/prefix for scored rows; empty: none are kept.
        score_share: The share of the rows that are kept there.
    """

    host: str = "127.0.0.1"
    port: int = 8080
    look_seconds: float = 30.0
    token: str = ""
    certificate: Path | None = None
    key: Path | None = None
    linger_seconds: float = 3.0
    drain_seconds: float = 20.0
    access_log: bool = True
    score_log: str = ""
    score_share: float = 0.01
    limits: Limits = Limits()

    def __post_init__(self) -> None:
        if not 0 <= self.port <= 65535:
            raise ConfigError(f"port is {self.port}; give 1 to 65535, or 0 for any that is free")
        if (self.certificate is None) != (self.key is None):
            raise ConfigError("TLS takes a certificate and its key; give both --tls-cert and --tls-key")
        if self.look_seconds <= 0:
            raise ConfigError(f"look_seconds is {self.look_seconds}; give a number over 0")
        if not 0 < self.score_share <= 1:
            raise ConfigError(f"score_share is {self.score_share}; give a share over 0 and at most 1")
        if self.token and (len(self.token) < 16 or not self.token.isascii() or not self.token.isprintable()):
            raise ConfigError(
                "the token is shorter than 16 characters, or not plain ASCII; make one: openssl rand -hex 32"
            )
