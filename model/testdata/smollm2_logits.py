"""Makes smollm2_logits.bin: reference logits of SmolLM2-135M-Instruct.

    python smollm2_logits.py smollm2-135m-instruct-q4_1.gguf wikitext-2/test.txt smollm2_logits.bin

transformers decodes the file's weights to f32 and runs the first 40 windows of
512 tokens of the text, each from position 0, without BOS, with eager attention.
It needs torch, transformers, accelerate, gguf, tokenizers and numpy, and takes
some minutes on two cores.

The output, little-endian:

    OFFSET    SIZE  FIELD
         0       8  "limblog1"
         8       4  W, the number of windows
        12       4  T, the tokens of a window
        16       4  V, the size of the vocabulary
        20       4  P, the number of probed positions
        24       4  C, the number of probed columns
        28       4  zero
        32      32  SHA-256 of the W*T token ids, each as a u32
        64      32  SHA-256 of the model file
        96    2*WT  the top token of each position, u16
              4*WT  its logit, f32
              4*WT  the logarithm of the sum of exp over all logits, f32
               4*P  the probed positions, u32, window*T + position
               4*C  the probed columns (token ids), u32
             4*P*C  the logits there, f32, a row for each position

The ids themselves are not in it: the text is not ours to commit.
"""

import argparse
import hashlib
import pathlib
import struct

import gguf
import numpy as np
import tokenizers
import torch
import transformers

WINDOWS, LENGTH, POSITIONS, COLUMNS = 40, 512, 48, 64


def build_tokenizer(path):
    """Byte-level BPE over the file's own vocabulary and merges. Digits are split
    one by one first; transformers' own import of the file loses that."""
    fields = gguf.GGUFReader(path).fields
    vocab = {token: i for i, token in enumerate(fields["tokenizer.ggml.tokens"].contents())}
    merges = [tuple(m.split(" ")) for m in fields["tokenizer.ggml.merges"].contents()]
    tok = tokenizers.Tokenizer(tokenizers.models.BPE(vocab, merges))
    tok.pre_tokenizer = tokenizers.pre_tokenizers.Sequence([
        tokenizers.pre_tokenizers.Digits(individual_digits=True),
        tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False),
    ])
    return tok


def spread(count, limit):
    """count indices below limit, evenly spread, the first and last among them."""
    return np.linspace(0, limit - 1, count).round().astype("<u4")


def load(path, dtype):
    """The model with its weights decoded; transformers may else keep them packed
    and multiply them by kernels of its own."""
    model = transformers.AutoModelForCausalLM.from_pretrained(
        path.parent, gguf_file=path.name, dtype=dtype, attn_implementation="eager",
        quantization_config=transformers.GgufConfig(dequantize=True))
    tensors = {t.name: t for t in gguf.GGUFReader(path).tensors}
    for ours, theirs in ("token_embd", "embed_tokens"), ("blk.0.ffn_down", "layers.0.mlp.down_proj"):
        want = gguf.quants.dequantize(tensors[ours + ".weight"].data, tensors[ours + ".weight"].tensor_type)
        assert np.array_equal(model.get_parameter(f"model.{theirs}.weight").detach().numpy(), want), ours
    return model.eval()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("text", type=pathlib.Path)
    parser.add_argument("output", type=pathlib.Path)
    parser.add_argument("--check", action="store_true",
                        help="also run the first window in f64, which tells how exact f32 itself is")
    args = parser.parse_args()
    torch.set_num_threads(2)

    text = args.text.read_bytes().decode("utf-8")
    ids = np.array(build_tokenizer(args.model).encode(text).ids[: WINDOWS * LENGTH], dtype="<u4")
    batch = torch.from_numpy(ids.astype(np.int64).reshape(WINDOWS, 1, LENGTH))
    positions = spread(POSITIONS, WINDOWS * LENGTH)

    model = load(args.model, torch.float32)
    vocab = model.config.vocab_size
    columns = spread(COLUMNS, vocab)
    tops, best, lse, nll = [], [], [], 0.0
    probes = np.zeros((POSITIONS, COLUMNS), dtype="<f4")
    with torch.no_grad():
        for i, window in enumerate(batch):
            out = model(window).logits[0]
            value, top = out.max(-1)
            tops.append(top.numpy())
            best.append(value.numpy())
            lse.append(out.double().logsumexp(-1).numpy())
            for row in np.flatnonzero(positions // LENGTH == i):
                probes[row] = out[positions[row] % LENGTH].numpy()[columns]
            # llama.cpp's protocol: the second half of a window, without its first token.
            half = slice(LENGTH // 2, LENGTH - 1)
            target = window[0, LENGTH // 2 + 1 :]
            nll += (out.double().logsumexp(-1)[half] - out[half].gather(1, target[:, None])[:, 0].double()).sum().item()
            scored = (i + 1) * (LENGTH - 1 - LENGTH // 2)
            print(f"window {i + 1}: perplexity so far {np.exp(nll / scored):.4f}", flush=True)
            if args.check and i == 0:
                exact = load(args.model, torch.float64)(window).logits[0]
                print("f64: largest difference of a logit", (exact - out).abs().max().item())

    with args.output.open("wb") as f:
        f.write(struct.pack("<8s6I", b"limblog1", WINDOWS, LENGTH, vocab, POSITIONS, COLUMNS, 0))
        f.write(hashlib.sha256(ids.tobytes()).digest())
        f.write(hashlib.sha256(args.model.read_bytes()).digest())
        f.write(np.concatenate(tops).astype("<u2").tobytes())
        for part in (best, lse):
            f.write(np.concatenate(part).astype("<f4").tobytes())
        for part in (positions, columns, probes):
            f.write(part.tobytes())
    print("ids", hashlib.sha256(ids.tobytes()).hexdigest())


if __name__ == "__main__":
    main()
