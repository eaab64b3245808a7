"""Trains a random llama in the shape of SmolLM2-135M with PyTorch, and prints
its tokens a second as JSON: the median of steps after a few to warm up.

    train.py f32|bf16 THREADS WARM STEPS [--fused] [--compile]

Weights, gradients and AdamW's moments are f32; bf16 computes under autocast.
It needs torch and transformers.
"""

import argparse
import json
import statistics
import time

import torch
from transformers import LlamaConfig, LlamaForCausalLM

BATCH, TOKENS = 2, 512

parser = argparse.ArgumentParser()
parser.add_argument("format", choices=["f32", "bf16"])
parser.add_argument("threads", type=int)
parser.add_argument("warm", type=int)
parser.add_argument("steps", type=int)
parser.add_argument("--fused", action="store_true", help="fused AdamW instead of foreach")
parser.add_argument("--compile", action="store_true", help="torch.compile the model")
args = parser.parse_args()

torch.set_num_threads(args.threads)
torch.set_flush_denormal(True)
torch.manual_seed(1)

config = LlamaConfig(
    vocab_size=49152, hidden_size=576, intermediate_size=1536, num_hidden_layers=30,
    num_attention_heads=9, num_key_value_heads=3, max_position_embeddings=8192,
    rms_norm_eps=1e-5, rope_theta=100000.0, tie_word_embeddings=True, use_cache=False,
    attn_implementation="sdpa",
)
model = LlamaForCausalLM(config).train()
forward = torch.compile(model) if args.compile else model
optimizer = torch.optim.AdamW(
    model.parameters(), lr=2e-4, weight_decay=0.01,
    **({"fused": True} if args.fused else {"foreach": True}),
)
ids = torch.randint(0, config.vocab_size, (BATCH, TOKENS + 1))


def step():
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=args.format == "bf16"):
        logits = forward(input_ids=ids[:, :-1]).logits
    loss = torch.nn.functional.cross_entropy(logits.float().flatten(0, 1), ids[:, 1:].flatten())
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return loss.item()


rates = []
for i in range(args.warm + args.steps):
    start = time.perf_counter()
    step()
    if i >= args.warm:
        rates.append(BATCH * TOKENS / (time.perf_counter() - start))
print(json.dumps({"tokens_per_second": statistics.median(rates)}))
