"""LNbits on loopback with play money: server.py PORT.

Its FakeWallet writes invoices for the main network, in the form of before features. Here they are
for regtest, where no coin has a value, and have the features that every wallet asks for today. The
rest of LNbits is as its package has it.
"""

import sys

import uvicorn
from bitstring import Bits
from bolt11.models.features import Feature, Features, FeatureState
from bolt11.models.tags import TagChar
from lnbits.wallets import fake

# Variable onions and payment secrets, both required (BOLT 9, bits 8 and 14).
FEATURES = Features(
    Bits(uint=1 << 8 | 1 << 14, length=15),
    {
        Feature.var_onion_optin: FeatureState.required,
        Feature.payment_secret: FeatureState.required,
    },
)
write = fake.encode


def write_for_regtest(invoice, *rest):
    invoice.currency = "bcrt"
    invoice.tags.add(TagChar.features, FEATURES)
    return write(invoice, *rest)


fake.encode = write_for_regtest
uvicorn.run("lnbits.__main__:app", host="127.0.0.1", port=int(sys.argv[1]))
