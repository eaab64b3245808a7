"""Reference ids: writes golden.json and small.json beside this file.

    python -m venv v && v/bin/pip install tokenizers==0.23.3 gguf==0.19.0 numpy
    v/bin/python ids.py DATA SMOLLM2.gguf GPT2.gguf

DATA is the folder of corpora (wikitext-2, tinyshakespeare, multi30k), SMOLLM2.gguf
smollm2-135m-instruct-q4_1.gguf, GPT2.gguf llama.cpp's models/ggml-vocab-gpt-2.gguf.
A digest is the SHA-256 of the ids as little-endian uint32; over hard text, each
string's ids are followed by 0xffffffff.
"""

import gzip
import hashlib
import json
import pathlib
import struct
import sys

from gguf import GGUFReader
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers

import hard

HERE = pathlib.Path(__file__).parent
ByteLevel = pre_tokenizers.ByteLevel

PRE = {
    "gpt-2": lambda: ByteLevel(add_prefix_space=False),
    "smollm": lambda: pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), ByteLevel(add_prefix_space=False)]
    ),
}


def build(tokens, types, merges, pre):
    """A reference tokenizer over a file's own vocabulary and merges."""
    vocab = {t: i for i, t in enumerate(tokens)}
    model = models.BPE(vocab=vocab, merges=[tuple(m.split(" ")) for m in merges])
    tok = Tokenizer(model)
    tok.pre_tokenizer = PRE[pre]()
    tok.decoder = decoders.ByteLevel()
    tok.add_special_tokens([AddedToken(t, normalized=False) for t, k in zip(tokens, types) if k == 3])
    tok.add_tokens([AddedToken(t, normalized=False) for t, k in zip(tokens, types) if k == 4])
    return tok


def from_gguf(path):
    f = GGUFReader(path).fields
    get = lambda k: f["tokenizer.ggml." + k].contents()
    return build(get("tokens"), get("token_type"), get("merges"), get("pre"))


def corpora(data):
    for name in ["wikitext-2/valid.txt", "wikitext-2/test.txt", "tinyshakespeare/input.txt"]:
        yield name, (data / name).read_bytes().decode()
    for split in ["train", "val", "test_2016_flickr"]:
        for lang in ["en", "de", "fr"]:
            name = f"multi30k/{split}.{lang}.gz"
            yield name, gzip.decompress((data / name).read_bytes()).decode()


def pack(ids):
    return struct.pack(f"<{len(ids)}I", *ids)


def digest(tok, texts, mark):
    h, n = hashlib.sha256(), 0
    for text in texts:
        ids = tok.encode(text, add_special_tokens=False).ids
        n += len(ids)
        h.update(pack(ids))
        if mark:
            h.update(b"\xff\xff\xff\xff")
    return {"ids": n, "sha256": h.hexdigest()}


def both(tok, texts, mark):
    """Digests with control tokens recognized in the text, and without."""
    tok.encode_special_tokens = False
    with_special = digest(tok, texts, mark)
    tok.encode_special_tokens = True
    out = {"special": with_special, "plain": digest(tok, texts, mark)}
    tok.encode_special_tokens = False
    return out


def words(pre, texts):
    """The digest of where words end: their sizes in bytes, as uint32."""
    h, n, splitter = hashlib.sha256(), 0, PRE[pre]()
    for text in texts:
        sizes = [len(word) for word, _ in splitter.pre_tokenize_str(text)]  # one letter a byte
        n += len(sizes)
        h.update(pack(sizes) + b"\xff\xff\xff\xff")
    return {"ids": n, "sha256": h.hexdigest()}


def small(data):
    """A vocabulary small enough to commit, with a few merges in many scripts."""
    tok = Tokenizer(models.BPE())
    tok.pre_tokenizer = PRE["smollm"]()
    tok.decoder = decoders.ByteLevel()
    text = (data / "tinyshakespeare/input.txt").read_text()[:200000]
    pieces = json.loads((HERE / "hard.json").read_text())["pieces"]
    tok.train_from_iterator(
        [text] + pieces * 8,
        trainers.BpeTrainer(
            vocab_size=1200,
            initial_alphabet=ByteLevel.alphabet(),
            special_tokens=["<|endoftext|>", "<|im_start|>", "<|im_end|>"],
            show_progress=False,
        ),
    )
    tok.add_tokens([AddedToken("<repo_name>", normalized=False), AddedToken("<repo", normalized=False)])
    tok.save(str(HERE / "small.json"), pretty=False)
    return tok


def main():
    data = pathlib.Path(sys.argv[1])
    hard_text = list(hard.strings())
    text_digest = hashlib.sha256("".join(hard_text).encode()).hexdigest()
    golden = {
        "hard_text": {"bytes": len("".join(hard_text).encode()), "sha256": text_digest},
        "words": {pre: words(pre, hard_text) for pre in PRE},
        "models": {},
    }
    for name, path in [("smollm2", sys.argv[2]), ("gpt2", sys.argv[3])]:
        tok = from_gguf(path)
        entry = {"hard": both(tok, hard_text, True)}
        for corpus, text in corpora(data):
            entry[corpus] = both(tok, [text], False)["special"]
        golden["models"][name] = entry
    tok = small(data)
    for pre in PRE:
        tok.pre_tokenizer = PRE[pre]()
        golden["models"]["small/" + pre] = {"hard": both(tok, hard_text, True)}
    (HERE / "golden.json").write_text(json.dumps(golden, indent=1, sort_keys=True) + "\n")


main()
