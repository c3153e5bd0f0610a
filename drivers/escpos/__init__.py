"""A document as the bytes of one ESC/POS printer, and what that printer can do.

    profile    what a model can do: the printer database, and what we know better
    encoding   blocks, styles and cuts
    text       lines of Unicode: code pages, double-byte sets, and what has to be drawn
    code_pages which characters a byte prints; stand_ins for what nobody has
    scripts    drawing what a printer has no letters for; fonts, the machine's own
    parser     bytes in, commands out: what other programs print, and what the simulated printer gets
    codes      QR, PDF417 and bar codes, by the printer or as a picture
    pictures   PNG files, and those that a printer keeps

Pure but for reading the printer database and the machine's fonts. Bytes are those of the ESC/POS command reference, under the
commands' names.
"""

from drivers.escpos.encoding import PULSE, RESET, encode
from drivers.escpos.pictures import ASK_STORED_PICTURES, define_picture, picture_key, stored_picture_keys
from drivers.escpos.profile import Profile, profile, profile_names

__all__ = [
    "ASK_STORED_PICTURES",
    "PULSE",
    "RESET",
    "Profile",
    "define_picture",
    "encode",
    "picture_key",
    "profile",
    "profile_names",
    "stored_picture_keys",
]
