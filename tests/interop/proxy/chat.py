"""OpenAI's client, with nothing but its base URL changed: `chat.py GO_ON`. Prints the answer; after
the first piece it lets the server go on, so that a proxy which waits for the whole answer hangs."""

import sys
import urllib.request

from openai import OpenAI

text, has_gone_on = "", False
stream = OpenAI(max_retries=0, timeout=60).chat.completions.create(
    model="fake", messages=[{"role": "user", "content": "hello"}], stream=True
)
for event in stream:
    text += event.choices[0].delta.content or ""
    if not has_gone_on:
        has_gone_on = True
        urllib.request.build_opener(urllib.request.ProxyHandler({})).open(sys.argv[1])
print(text)
