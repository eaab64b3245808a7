"""Writes adamw.json: five steps of torch.optim.AdamW in f32; floats are their bits in hexadecimal.

Run with PyTorch 2.13: python3 adamw.py > adamw.json
"""
import json

import torch

N, STEPS = 37, 5
SETTINGS = dict(lr=3e-3, betas=(0.9, 0.95), eps=1e-8, weight_decay=0.1)

torch.manual_seed(7)
w = torch.nn.Parameter(torch.randn(N))
opt = torch.optim.AdamW([w], **SETTINGS, foreach=False, fused=False)


def bits(t):
    return [f"{v:08x}" for v in t.detach().view(torch.int32).numpy().astype("uint32").tolist()]


out = {"settings": SETTINGS, "start": bits(w), "steps": []}
for _ in range(STEPS):
    w.grad = torch.randn(N) * torch.logspace(-6, 2, N)
    g = bits(w.grad)
    opt.step()
    s = opt.state[w]
    out["steps"].append({"g": g, "w": bits(w), "m": bits(s["exp_avg"]), "v": bits(s["exp_avg_sq"])})
print(json.dumps(out))
