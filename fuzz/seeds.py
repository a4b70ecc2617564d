"""Writes the seeds of the fuzz targets, from the shared vectors and from below. Run it when either changes."""

import json
import pathlib

HERE = pathlib.Path(__file__).parent
VECTORS = HERE.parent / "spec" / "vectors"


def load(name):
    return json.loads((VECTORS / name).read_text())


def write(target, seeds):
    folder = HERE / "seeds" / target
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    for name, data in seeds.items():
        (folder / name).write_bytes(data if isinstance(data, bytes) else data.encode())


# Requests and answers of HTTP/1.1, sound ones and those that another server might read otherwise.
POST = "POST / HTTP/1.1\r\nHost: a\r\n"
GET = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
CHUNKS = "3;x=y\r\na\nb\r\nA\r\n0123456789\r\n0\r\nTrailer: t\r\n\r\n"
FRAMINGS = {
    "get": "\r\n" + GET + GET,
    "length": POST + "Content-Length: 5\r\n\r\n\nab\n\n" + GET,
    "chunked": POST + "transfer-encoding: Chunked\r\n\r\n" + CHUNKS + GET,
    "length-and-chunked": POST + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\nhello",
    "two-lengths": POST + "Content-Length: 5\r\ncontent-length: 6\r\n\r\nhello",
    "list-of-lengths": POST + "Content-Length: 5, 5\r\n\r\nhello",
    "other-coding": POST + "Transfer-Encoding: chunked, identity\r\n\r\n",
    "folded": POST + "Transfer-Encoding: chunked\r\n chunked\r\n\r\n",
    "bare-line-feed": "GET / HTTP/1.1\nHost: a\n\n",
    "long-extension": POST + "Transfer-Encoding: chunked\r\n\r\n1;" + "x" * 270 + "\r\na\r\n",
}
HEADS = {
    "length": "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nA: 1\r\na: 2\r\n\r\nhello",
    "chunked": "HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n" + CHUNKS,
    "until-closed": "HTTP/1.1 200\r\nSet-Cookie: x=1\r\nset-cookie: y=2\r\n\r\nhello",
    "interim": "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
    "switch": "HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n\x01",
    "old": "HTTP/1.0 200 OK\r\nConnection: keep-alive, x-a\r\nContent-Length: 1\r\n\r\n",
    "close": "HTTP/1.1 304 x\r\nConnection: close\r\nContent-Length: 7\r\n\r\n",
    "two-lengths": "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n",
    "length-and-chunked": "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
    "bare-line-feed": "HTTP/1.1 200 OK\nContent-Length: 0\n\n",
}
BODIES = {
    "chunks": CHUNKS + "HTTP/1.1",
    "padded": "2 \t\r\nok\r\n000\r\n\r\n",
    "empty": "0\r\n\r\n",
    "cut": "3\r\nab",
    "longer-than-said": "2\r\nabc\r\n0\r\n\r\n",
    "bare-line-feed": "3\nabc\r\n0\r\n\r\n",
    "bare-return": "2;a\rb\r\nok\r\n0\r\n\r\n",
    "long-extension": "1;" + "x" * 4090 + "\r\na\r\n0\r\n\r\n",
    "many-digits": "0000000000000002\r\nok\r\n0\r\n\r\n",
    "trailers": "0\r\n" + "a: b\r\n" * 40 + "\r\n",
}

# Headers of the PROXY protocol.
SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
V4 = bytes([203, 0, 113, 7, 192, 0, 2, 1, 199, 56, 1, 187])
PROXY_HEADERS = {
    "line-4": "PROXY TCP4 203.0.113.7 192.0.2.1 51000 443\r\n" + GET,
    "line-6": "PROXY TCP6 2001:db8::7 ::1 51000 443\r\n",
    "line-unknown": "PROXY UNKNOWN ffff::1 x\r\n",
    "line-cut": "PROXY TCP4 203.0",
    "binary-4": SIGNATURE + b"\x21\x11\0\x0c" + V4,
    "binary-6": SIGNATURE + b"\x21\x21\0\x24" + bytes(range(36)),
    "binary-tls": SIGNATURE + b"\x21\x11\0\x14" + V4 + b"\x20\0\x05\x01\0\0\0\0",
    "binary-checksum": SIGNATURE + b"\x21\x11\0\x13" + V4 + b"\x03\0\x04\0\0\0\0",
    "binary-local": SIGNATURE + b"\x20\0\0\0" + GET.encode(),
    "binary-cut": SIGNATURE + b"\x21\x11\0\xff" + V4,
}


def main():
    macaroons, flow = load("macaroon_vectors.json"), load("flow_vectors.json")["l402"]
    tokens, credentials, caveats = {}, {}, {}
    for vector in macaroons["vectors"]:
        name, base64 = vector["name"], vector["serialized_base64"]
        tokens[name] = bytes.fromhex(vector["serialized_hex"])
        tokens[f"{name}.base64"] = base64["url_nopad"]
        for style in ("json_libmacaroons_style", "json_go_macaroon_style"):
            if style in vector:
                tokens[style] = vector[style]
        lines = [caveat["cid_hex"] for caveat in vector["caveats"]]
        if lines:
            text = b"\n".join(bytes.fromhex(line) for line in lines)
            caveats[name] = text.replace(b"loop", b"api").replace(b"forecast", b"api")
        if "header_macaroon_hex" in vector:
            credentials["metadata"] = "macaroon: " + vector["header_macaroon_hex"]
    for vector in macaroons["negative"]:
        if "serialized_hex" in vector:
            tokens[vector["name"]] = bytes.fromhex(vector["serialized_hex"])
    for number, form in enumerate(macaroons["authorization_forms"]):
        credentials[f"form-{number:02}"] = "authorization: " + form["authorization"]
    credentials["own-header"] = "l402-credential: " + flow["authorization"]
    caveats["every-condition"] = (
        "services=api:1\napi_capabilities=read\napi_valid_until=1790001800\n"
        "api_price_msat=40000\napi_policy=uses=3\napi_network=regtest"
    )
    caveats["other-dialect"] = (
        "service=api\ncapabilities=read\nexpiry=1790001800\npayment_hash=" + "0" * 64
    )
    challenges = {form: flow[form] for form in flow if form.startswith("challenge_")}
    challenges["two-lines"] = "\n".join(challenges.values())
    payment = load("mpp_vectors.json")
    for number, vector in enumerate(payment["challengeHeaders"] + payment["challengeLists"]):
        challenges[f"payment-{number:02}"] = vector["header"]
    write("macaroon", tokens)
    write("credential", credentials)
    write("caveat", caveats)
    write("challenge", challenges)
    write("framing", FRAMINGS)
    # The first byte says if the request was HEAD.
    heads = {f"{name}-to-{method}": to_head + text for name, text in HEADS.items()
             for method, to_head in (("get", "0"), ("head", "1"))}
    write("head", heads)
    write("chunks", BODIES)
write("proxy_header", PROXY_HEADERS)


main()
