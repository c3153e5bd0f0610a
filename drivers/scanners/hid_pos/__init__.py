"""Readers in HID POS mode: a `descriptor` says what the `reports` hold, which come by
`hidraw_line` or, elsewhere, by `usb_line`; `scanner` makes scans of them.
"""
