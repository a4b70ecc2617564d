"""Makes pictures small: `shrink.py PICTURE...` writes each again with 64 colours."""

import sys

from PIL import Image

for path in sys.argv[1:]:
    with Image.open(path) as picture:
        few = picture.convert("RGB").quantize(64, dither=Image.Dither.NONE)
    few.save(path, optimize=True)
