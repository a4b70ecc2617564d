"""Reads the QR codes of pictures, as the phone in somebody's hand does: `read_qr.py PICTURE...` prints a line for each.

`read_qr.py --pay L402 PICTURE` pays what it reads, and prints what `l402 wallet pay` says.
"""

import subprocess
import sys

import zxingcpp
from PIL import Image


def read(path):
    with Image.open(path) as picture:
        found = zxingcpp.read_barcodes(picture.convert("RGB"), formats=zxingcpp.BarcodeFormat.QRCode)
    assert len(found) == 1, f"{len(found)} QR codes in {path}"
    # Either case of letters is a wallet's usual fare; upper-case ones make a smaller picture.
    return found[0].text.lower().removeprefix("lightning:")


if sys.argv[1] == "--pay":
    program, path = sys.argv[2:]
    command = [program, "wallet", "pay", read(path), "--wallet", "sandbox", "--json"]
    sys.exit(subprocess.run(command).returncode)
for path in sys.argv[1:]:
    print(read(path))
