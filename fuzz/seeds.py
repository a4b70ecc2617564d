"""Writes the seeds of the fuzz targets from the shared vectors. Run it when those change."""

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


main()
