"""Readers whose bytes come in order, over a serial port or the network.

`scanner` makes scans of what `framing` cuts; `serial_line` and `tcp` carry the bytes, `listening` takes the calls of several
readers. `ssi` speaks Zebra's packets (`ssi_packets`) on the ports of `serial_port`.
"""
