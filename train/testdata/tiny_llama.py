"""Makes the golden run of package train: a tiny llama, 30 AdamW steps in f32.

    python tiny_llama.py OUTDIR [--check]

writes tiny_llama_init.gguf, tiny_llama_final.gguf and tiny_llama.json. It
needs torch, numpy and gguf. --check also compares the logits of the initial
weights with transformers' LlamaForCausalLM, and the whole run with one in f64,
which tells how far f32 alone lets two right implementations drift apart.

The model is llama with tied embeddings. Tensors have GGUF's names and llama's
row order: the two rows that a rotary angle turns are neighbors (2i, 2i+1).

Ids come from 64-bit linear congruential generators, so that any language can
make them again; the JSON holds them all the same.
"""

import argparse
import json
import math
import pathlib

import gguf
import numpy as np
import torch
import torch.nn.functional as F

VOCAB, LAYERS, WIDTH, HEADS, KV_HEADS, HEAD_DIM, FFN = 256, 2, 64, 4, 2, 16, 160
ROPE_THETA, RMS_EPS = 10000.0, 1e-5
STEPS, BATCH, LENGTH = 30, 4, 48
ALPHABETS = 256, 64, 16
PEAK_LR, WARMUP, FLOOR = 1e-3, 5, 0.1
BETAS, ADAM_EPS, DECAY, CLIP = (0.9, 0.95), 1e-8, 0.1, 1.0


def learning_rate(step):
    """Rises linearly to the peak at step WARMUP-1 (steps count from 0), then
    falls along half a cosine to FLOOR of the peak at the last step."""
    if step < WARMUP:
        return PEAK_LR * (step + 1) / WARMUP
    progress = (step + 1 - WARMUP) / (STEPS - WARMUP)
    return PEAK_LR * (FLOOR + (1 - FLOOR) * 0.5 * (1 + math.cos(math.pi * progress)))


def make_ids():
    """ids[STEPS][BATCH][LENGTH]: each id is an affine function of the one
    before plus noise of three bits, so that there is something to learn. The
    alphabet's size changes from batch to batch, and with it the norm of the
    gradient: some steps are clipped and some are not."""
    state, out = 1, []
    for i in range(STEPS * BATCH):
        alphabet = ALPHABETS[i // BATCH % len(ALPHABETS)]
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        row = [(state >> 56) % alphabet]
        while len(row) < LENGTH:
            state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
            row.append((row[-1] * 5 + 17 + (state >> 61)) % alphabet)
        out.append(row)
    return np.array(out).reshape(STEPS, BATCH, LENGTH)


def initial_weights():
    """Weights large enough that attention is far from uniform, and norms away
    from 1: a forgotten norm weight or a wrong rotary pairing then shows. A small
    embedding and last norm keep the logits small, as they are in practice."""
    rng = np.random.Generator(np.random.PCG64(2024))

    def matrix(rows, cols, scale=1.0):
        return (rng.standard_normal((rows, cols)) * scale / math.sqrt(cols)).astype(np.float32)

    def norm(scale=1.0):
        return (scale * (1 + 0.1 * rng.standard_normal(WIDTH))).astype(np.float32)

    w = {"token_embd.weight": matrix(VOCAB, WIDTH, 0.5)}
    for i in range(LAYERS):
        w[f"blk.{i}.attn_norm.weight"] = norm()
        w[f"blk.{i}.attn_q.weight"] = matrix(HEADS * HEAD_DIM, WIDTH)
        w[f"blk.{i}.attn_k.weight"] = matrix(KV_HEADS * HEAD_DIM, WIDTH)
        w[f"blk.{i}.attn_v.weight"] = matrix(KV_HEADS * HEAD_DIM, WIDTH)
        w[f"blk.{i}.attn_output.weight"] = matrix(WIDTH, HEADS * HEAD_DIM)
        w[f"blk.{i}.ffn_norm.weight"] = norm()
        w[f"blk.{i}.ffn_gate.weight"] = matrix(FFN, WIDTH)
        w[f"blk.{i}.ffn_up.weight"] = matrix(FFN, WIDTH)
        w[f"blk.{i}.ffn_down.weight"] = matrix(WIDTH, FFN)
    w["output_norm.weight"] = norm(0.5)
    return w


def rms_norm(x, weight):
    return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + RMS_EPS) * weight


def rope(x):
    """Rotates x [batch, heads, length, HEAD_DIM]; pairs are neighbors."""
    freq = ROPE_THETA ** (-torch.arange(0, HEAD_DIM, 2, dtype=torch.float64) / HEAD_DIM)
    angle = torch.arange(x.shape[2], dtype=torch.float64)[:, None] * freq
    cos, sin = angle.cos().to(x.dtype), angle.sin().to(x.dtype)
    a, b = x[..., 0::2], x[..., 1::2]
    return torch.stack((a * cos - b * sin, a * sin + b * cos), -1).flatten(-2)


def attention(x, w, i):
    b, t, _ = x.shape

    def project(name, heads):
        return F.linear(x, w[f"blk.{i}.attn_{name}.weight"]).view(b, t, heads, HEAD_DIM).transpose(1, 2)

    q, k, v = rope(project("q", HEADS)), rope(project("k", KV_HEADS)), project("v", KV_HEADS)
    k, v = (y.repeat_interleave(HEADS // KV_HEADS, dim=1) for y in (k, v))
    score = q @ k.transpose(-1, -2) / math.sqrt(HEAD_DIM)
    future = torch.ones(t, t, dtype=torch.bool).triu(1)
    mixed = score.masked_fill(future, -math.inf).softmax(-1) @ v
    return F.linear(mixed.transpose(1, 2).flatten(-2), w[f"blk.{i}.attn_output.weight"])


def logits(w, ids):
    """Logits [batch, length, VOCAB] of ids [batch, length]."""
    x = w["token_embd.weight"][ids]
    for i in range(LAYERS):
        x = x + attention(rms_norm(x, w[f"blk.{i}.attn_norm.weight"]), w, i)
        h = rms_norm(x, w[f"blk.{i}.ffn_norm.weight"])
        gate = F.silu(F.linear(h, w[f"blk.{i}.ffn_gate.weight"]))
        x = x + F.linear(gate * F.linear(h, w[f"blk.{i}.ffn_up.weight"]), w[f"blk.{i}.ffn_down.weight"])
    return F.linear(rms_norm(x, w["output_norm.weight"]), w["token_embd.weight"])


def train(init, ids, dtype):
    """Returns the losses and gradient norms (before clipping) of every step,
    and the final weights."""
    w = {name: torch.tensor(v, dtype=dtype, requires_grad=True) for name, v in init.items()}
    groups = [
        {"params": [p for p in w.values() if p.dim() > 1], "weight_decay": DECAY},
        {"params": [p for p in w.values() if p.dim() == 1], "weight_decay": 0.0},
    ]
    opt = torch.optim.AdamW(groups, lr=PEAK_LR, betas=BETAS, eps=ADAM_EPS, foreach=False)
    losses, norms = [], []
    for step, batch in enumerate(torch.from_numpy(ids)):
        for group in opt.param_groups:
            group["lr"] = learning_rate(step)
        opt.zero_grad()
        out = logits(w, batch)[:, :-1]
        loss = F.cross_entropy(out.reshape(-1, VOCAB), batch[:, 1:].reshape(-1))
        loss.backward()
        norms.append(torch.nn.utils.clip_grad_norm_(list(w.values()), CLIP, foreach=False).item())
        losses.append(loss.item())
        opt.step()
    return losses, norms, {name: p.detach().numpy() for name, p in w.items()}


def write_gguf(path, weights):
    out = gguf.GGUFWriter(path, "llama")
    out.add_name("tiny llama")
    out.add_file_type(gguf.LlamaFileType.ALL_F32)
    out.add_vocab_size(VOCAB)
    out.add_context_length(256)
    out.add_embedding_length(WIDTH)
    out.add_block_count(LAYERS)
    out.add_feed_forward_length(FFN)
    out.add_head_count(HEADS)
    out.add_head_count_kv(KV_HEADS)
    out.add_key_length(HEAD_DIM)
    out.add_value_length(HEAD_DIM)
    out.add_rope_dimension_count(HEAD_DIM)
    out.add_rope_freq_base(ROPE_THETA)
    out.add_layer_norm_rms_eps(RMS_EPS)
    for name, value in weights.items():
        out.add_tensor(name, value)
    out.write_header_to_file()
    out.write_kv_data_to_file()
    out.write_tensors_to_file()
    out.close()


def write_json(path, ids, losses, norms):
    doc = {
        "about": "made by tiny_llama.py; steps count from 0",
        "loss": "mean cross entropy over the 4 x 47 next tokens of a batch",
        "optimizer": {
            "name": "AdamW",
            "betas": BETAS,
            "eps": ADAM_EPS,
            "decay": DECAY,
            "decayed": "matrices, the tied embedding among them; no norms",
            "clip": CLIP,
        },
        "lr": [learning_rate(step) for step in range(STEPS)],
        "losses": losses,
        "gradient_norms": norms,
    }
    text = json.dumps(doc, indent=1)[:-2] + ',\n "ids": [\n'
    rows = ["  [" + ",\n   ".join(json.dumps(row) for row in batch) + "]" for batch in ids.tolist()]
    path.write_text(text + ",\n".join(rows) + "\n ]\n}\n")


def check(init, ids, losses, final):
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=VOCAB, hidden_size=WIDTH, intermediate_size=FFN, num_hidden_layers=LAYERS,
        num_attention_heads=HEADS, num_key_value_heads=KV_HEADS, head_dim=HEAD_DIM, rms_norm_eps=RMS_EPS,
        rope_parameters={"rope_type": "default", "rope_theta": ROPE_THETA}, tie_word_embeddings=True,
        attn_implementation="eager", max_position_embeddings=256)  # fmt: skip
    model = LlamaForCausalLM(config).eval()
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, LAYERS)
    with torch.no_grad():
        for name, p in model.named_parameters():
            value = init[names.get_name(name, try_suffixes=(".weight",))]
            if "q_proj" in name or "k_proj" in name:  # neighbors to halves
                heads = value.shape[0] // HEAD_DIM
                value = value.reshape(heads, HEAD_DIM // 2, 2, -1).swapaxes(1, 2).reshape(value.shape)
            p.copy_(torch.from_numpy(np.ascontiguousarray(value)))
        batch = torch.from_numpy(ids[0])
        mine = logits({name: torch.from_numpy(v) for name, v in init.items()}, batch)
        print("transformers: largest difference of a logit", (model(batch).logits - mine).abs().max().item())

    losses64, _, final64 = train(init, ids, torch.float64)
    print("f64: largest difference of a loss", max(abs(a - b) for a, b in zip(losses, losses64)))
    drift = {n: np.linalg.norm(final[n] - v) / np.linalg.norm(v) for n, v in final64.items()}
    name = max(drift, key=drift.get)
    print("f64: largest relative difference of a final tensor", drift[name], name)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("outdir", type=pathlib.Path)
    parser.add_argument("--check", action="store_true")
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)

    init, ids = initial_weights(), make_ids()
    losses, norms, final = train(init, ids, torch.float32)
    write_gguf(args.outdir / "tiny_llama_init.gguf", init)
    write_gguf(args.outdir / "tiny_llama_final.gguf", final)
    write_json(args.outdir / "tiny_llama.json", ids, losses, norms)
    print("losses", losses[0], "to", losses[-1], "gradient norms", max(norms), "to", min(norms))
    if args.check:
        check(init, ids, losses, final)


if __name__ == "__main__":
    main()
