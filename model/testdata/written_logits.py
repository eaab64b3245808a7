"""Compares Limbeck's logits with those that transformers and llama.cpp compute
from what Limbeck writes.

    make check-peers PY=PYTHON

FOLDER holds what go test ./model -run TestWriteForPeers -written FOLDER writes:
the built-in teacher, which is tied, and a variant of it that is not, in every
format, as NAME.gguf and as the folder NAME; Limbeck's logits of each with f32
activations, NAME.f32; and input.json. PYTHON needs (5 GB)

    pip install torch==2.13.0 transformers==5.23.0 accelerate gguf
    pip install --no-deps cffi llama-cpp-py-sync==0.11548 xllamacpp==2026.10.11549

llama-cpp-py-sync declares llama.cpp's C interface, and the library is the one
in xllamacpp, one build younger: it runs on older systems than the former's own.
--llama names another libllama with that interface; --llama none leaves
llama.cpp out.
"""

import argparse
import importlib.util
import json
import os
import pathlib
import sys

import numpy as np

os.environ["TQDM_DISABLE"] = "1"

KINDS = ["tied", "untied"]
FORMATS = ["f32", "f16", "bf16", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0"]

# Where both compute in f32, only the order of sums differs: the largest
# difference of a logit is that of Limbeck and transformers on SmolLM2.
F32_DIFFERENCE, F32_TOP = 1e-3, 0.999

# llama.cpp rounds activations to what it multiplies a format's weights by, and
# keys and values to f16 whatever the format. Blocks meet int8 activations, one
# scale for 32: Limbeck's own such products lie 5e-4 to 1e-3 (KL in nats) from its
# f32 and change 0.2 to 1.7 % of the top tokens (two teachers). llama.cpp may lie
# twice as far, and change 2 %: its rounding is no coarser. Each bit more than
# int8's 7 halves the rounding error and with it the changes of top tokens; the
# divergence grows with the square.
INT8_BITS, INT8_KL, INT8_CHANGED = 7, 2e-3, 0.02
BITS = {"f32": 11, "f16": 11, "bf16": 8}  # of the significand

# Bounds mean nothing if a peer that took the table for the untied model's output
# kept them: that would be off by so many times the widest.
UNTIED_MARGIN = 10


def bounds(peer, fmt):
    """The largest difference of a logit, the largest mean KL, and the smallest
    share of positions with the same top token."""
    if peer != "llama.cpp":
        return F32_DIFFERENCE, np.inf, F32_TOP
    more = BITS.get(fmt, INT8_BITS) - INT8_BITS
    return np.inf, INT8_KL / 4**more, 1 - INT8_CHANGED / 2**more


class Transformers:
    """A GGUF file or a folder, its weights decoded to f32."""

    def __init__(self, path):
        import torch
        import transformers

        transformers.utils.logging.set_verbosity_error()
        torch.set_num_threads(1)
        self.torch, where, only, how = torch, path, {}, {}
        if path.is_file():  # else it may keep the weights packed and multiply them by kernels of its own
            where, only = path.parent, {"gguf_file": path.name}
            how = {"quantization_config": transformers.GgufConfig(dequantize=True)}
        self.model = transformers.AutoModelForCausalLM.from_pretrained(
            where, dtype=torch.float32, attn_implementation="eager", **only, **how).eval()
        self.tokenizer = transformers.AutoTokenizer.from_pretrained(where, **only)

    def logits(self, ids):
        with self.torch.no_grad():
            return self.model(self.torch.tensor([ids])).logits[0].numpy()

    def tokenize(self, text):
        return self.tokenizer(text, add_special_tokens=False).input_ids


class Llama:
    """llama.cpp on the CPU. f32 keeps attention and its cache in f32, without
    which even f32 weights meet activations of f16."""

    def __init__(self, library, path, f32):
        (self.ffi, self.lib), self.f32 = library, f32
        params = self.lib.llama_model_default_params()
        params.n_gpu_layers = 0
        model = self.lib.llama_model_load_from_file(str(path).encode(), params)
        if not model:
            raise SystemExit(f"llama.cpp does not load {path}")
        self.model = self.ffi.gc(model, self.lib.llama_model_free)
        self.vocab = self.lib.llama_model_get_vocab(model)

    def context(self, length):
        params = self.lib.llama_context_default_params()
        if (params.n_ctx, params.n_batch, params.n_ubatch) != (512, 2048, 512):
            raise SystemExit("libllama has another interface than llama_cpp_py_sync declares")
        params.n_ctx = params.n_batch = params.n_ubatch = length
        params.n_threads = params.n_threads_batch = 1  # more of them spin, and starve each other on a busy machine
        if self.f32:
            params.flash_attn_type = self.lib.LLAMA_FLASH_ATTN_TYPE_DISABLED
            params.type_k = params.type_v = self.lib.GGML_TYPE_F32
        return self.ffi.gc(self.lib.llama_init_from_model(self.model, params), self.lib.llama_free)

    def logits(self, ids):
        context, batch = self.context(len(ids)), self.lib.llama_batch_init(len(ids), 0, 1)
        batch.n_tokens = len(ids)
        for i, token in enumerate(ids):
            batch.token[i], batch.pos[i], batch.logits[i] = token, i, 1
            batch.n_seq_id[i], batch.seq_id[i][0] = 1, 0
        status = self.lib.llama_decode(context, batch)
        self.lib.llama_batch_free(batch)
        if status != 0:
            raise SystemExit(f"llama.cpp: llama_decode gives {status}")
        width = self.lib.llama_vocab_n_tokens(self.vocab)
        data = self.ffi.buffer(self.lib.llama_get_logits(context), 4 * len(ids) * width)
        return np.frombuffer(data, "<f4").reshape(len(ids), width).copy()

    def tokenize(self, text):
        data = text.encode()
        ids = self.ffi.new("llama_token[]", len(data))
        return list(ids[0:self.lib.llama_tokenize(self.vocab, data, len(data), ids, len(ids), False, False)])


def open_library(path):
    """The C interface's declarations and the library."""
    from llama_cpp_py_sync import _cffi_bindings

    if path is None:
        folder = importlib.util.find_spec("xllamacpp").submodule_search_locations[0]
        path = next(pathlib.Path(folder).glob("xllamacpp*.so"))
    ffi = _cffi_bindings.get_ffi()
    lib = ffi.dlopen(str(path))
    open_library.quiet = ffi.callback("void(enum ggml_log_level, const char *, void *)", lambda *_: None)
    lib.llama_log_set(open_library.quiet, ffi.NULL)
    lib.llama_backend_init()
    return ffi, lib


def peers(name, fmt, library):
    """Each peer's name and what loads the model there."""
    file = pathlib.Path(f"{name}.gguf")
    yield "transformers, file", lambda: Transformers(file)
    yield "transformers, folder", lambda: Transformers(name)
    if library:
        yield "llama.cpp", lambda: Llama(library, file, False)
    if library and fmt == "f32":
        yield "llama.cpp, f32", lambda: Llama(library, file, True)


def divergence(a, b):
    """The mean over positions of KL(a ‖ b) in nats, of logits."""
    def log_softmax(x):
        x = x.astype(np.float64)
        x -= x.max(-1, keepdims=True)
        return x - np.log(np.exp(x).sum(-1, keepdims=True))

    a, b = log_softmax(a), log_softmax(b)
    return (np.exp(a) * (a - b)).sum(-1).mean()


def texts(peer, given):
    """The texts that a peer must cut into Limbeck's tokens, and those. Replies
    have user-defined tokens, which transformers reads from a folder, but not
    from a GGUF file: it spells them out."""
    pairs = list(zip(given["texts"], given["ids"]))
    return pairs[:-given["replies"]] if peer == "transformers, file" else pairs


def compare(kind, fmt, peer, model, ours, given):
    """Prints a row of the table; tells whether all its bounds hold."""
    theirs = np.concatenate([model.logits(ids) for ids in given["windows"]])
    difference, top = np.abs(ours - theirs).max(), (ours.argmax(-1) == theirs.argmax(-1)).mean()
    kl = divergence(ours, theirs)
    pairs = texts(peer, given)
    ids = sum(model.tokenize(t) == want for t, want in pairs)
    most, most_kl, least_top = bounds(peer, fmt)
    ok = difference <= most and kl <= most_kl and top >= least_top and ids == len(pairs)
    print(f"| {fmt} | {kind} | {peer} | {difference:.1e} | {100 * top:.1f} % | {kl:.1e} | {ids} of {len(pairs)} |",
          "" if ok else f"WRONG: want {most:.0e}, {100 * least_top:.1f} %, {most_kl:.0e}, all", flush=True)
    return ok


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--llama", help="a libllama, or none")
    args = parser.parse_args()
    given = json.loads((args.folder / "input.json").read_text())
    library = None if args.llama == "none" else open_library(args.llama)
    ok, positions = True, sum(map(len, given["windows"]))
    print("| format | | peer | largest difference of a logit | same top token | mean KL | texts with the same tokens |")
    print("|---|---|---|---|---|---|---|")
    for fmt in FORMATS:
        tied, untied = (np.fromfile(args.folder / f"{kind}-{fmt}.f32", "<f4").reshape(positions, -1) for kind in KINDS)
        if divergence(untied, tied) < UNTIED_MARGIN * INT8_KL:
            raise SystemExit(f"{fmt}: the untied model gives nearly what the tied one does")
        for kind, ours in zip(KINDS, (tied, untied)):
            for peer, load in peers(args.folder / f"{kind}-{fmt}", fmt, library):
                ok &= compare(kind, fmt, peer, load(), ours, given)
    if not ok:
        sys.exit("a peer computes something else")


if __name__ == "__main__":
    main()
