"""Placeholder until the registry is merged."""

import typer

app = typer.Typer()
