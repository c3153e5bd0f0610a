"""Readers that type: `event_devices` are Linux's, `keystrokes` become text by `layouts`, and `scanner` makes scans of it."""
