"""Checks a folder with tokenizer.json and tokenizer_config.json, as Limbeck writes
them: transformers loads it, and gives the ids of hard text that golden.json has
under the name given.

    python -m venv v && v/bin/pip install transformers==5.23.0 tokenizers==0.23.3
    v/bin/python load.py FOLDER smollm2|gpt2|small/smollm|…
"""

import hashlib
import json
import struct
import sys

from transformers import AutoTokenizer

import hard

tok = AutoTokenizer.from_pretrained(sys.argv[1])
h = hashlib.sha256()
for text in hard.strings():
    ids = tok(text, add_special_tokens=False).input_ids
    h.update(struct.pack(f"<{len(ids)}I", *ids) + b"\xff\xff\xff\xff")
want = json.loads((hard.HERE / "golden.json").read_text())["models"][sys.argv[2]]["hard"]["special"]["sha256"]
print(type(tok).__name__, len(tok), "bos", tok.bos_token_id, "eos", tok.eos_token_id, "pad", tok.pad_token_id)
if h.hexdigest() != want:
    sys.exit("ids differ from golden.json's")
