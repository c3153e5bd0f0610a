"""Devices: bytes and wires. Knows no sale."""
