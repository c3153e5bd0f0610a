"""The far ends of the wires: devices that exist only in software, with faults on command."""
