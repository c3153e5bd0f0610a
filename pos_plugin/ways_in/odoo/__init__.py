"""Odoo's point of sale finds here what it looks for in an IoT box: its receipt printer, its drawer, its scanner.

    proxy       what it asks, path by path, and what it is answered
    rewards     the block at the end of a receipt whose fiscal code says what was sold
    polls       what the scanners read, for whoever waits for it

Bodies and answers are those of Odoo's own sources, versions 14 to 19: addons/point_of_sale/static/src (hardware_proxy_service.js,
hw_printer.js, barcode_reader_service.js), addons/hw_drivers and, from 19 on, addons/iot_drivers.
"""

from pos_plugin.ways_in.odoo.proxy import Odoo

app = Odoo

__all__ = ["Odoo", "app"]
