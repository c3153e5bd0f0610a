"""Readers in HID POS mode: a `descriptor` says what the `reports` hold, which come by hidraw or, elsewhere, by `usb_line`."""
