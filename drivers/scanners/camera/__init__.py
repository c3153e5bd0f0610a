"""Cameras: `frames` come from OpenCV, `decoding` makes `codes` of `views` of them, with zbar in a process of its own.

`agreement` makes scans of the codes of successive frames, `tally` of those of one still picture. `scanner` is all of it.
"""
