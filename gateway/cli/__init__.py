"""The command `gateway`: a thin frame; every package brings its group through the entry points `gateway.commands`."""

from gateway.cli.app import main

__all__ = ["main"]
