"""Cameras: `scanner` takes the frames, `decoding` makes `codes` of `views` of them, with zbar in a process of its own
(`zbar_child`). `agreement` makes scans of the codes of successive frames, `tally` of those of one still picture.
"""
