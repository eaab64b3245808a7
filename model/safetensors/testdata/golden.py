"""Writes the folder tiny/, sharded, by transformers, and golden.txt: the
SHA-256 of each tensor as llama.cpp's converter stores it in a GGUF file.

    pip install torch==2.13.0 transformers==5.23.0
    python golden.py
"""
import hashlib
import json

import torch
from transformers import LlamaConfig, LlamaForCausalLM


def permute(w, heads):  # convert_hf_to_gguf.py, LlamaModel.permute
    return w.reshape(heads, 2, w.shape[0] // heads // 2, *w.shape[1:]).swapaxes(1, 2).reshape(w.shape)


torch.manual_seed(3)
config = LlamaConfig(vocab_size=12, hidden_size=16, intermediate_size=20, num_hidden_layers=2,
                     num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=32,
                     rms_norm_eps=1e-5, rope_theta=50000.0, bos_token_id=1, eos_token_id=2)
model = LlamaForCausalLM(config).to(torch.bfloat16)
model.save_pretrained("tiny", max_shard_size="3KB")  # generation_config.json was removed

names = {"input_layernorm": "attn_norm", "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k",
         "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output", "post_attention_layernorm": "ffn_norm",
         "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
         "model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output"}
with open("golden.txt", "w") as out:
    for name, w in model.state_dict().items():
        if "q_proj" in name:
            w = permute(w, 4)
        if "k_proj" in name:
            w = permute(w, 2)
        for hf, gguf in names.items():
            name = name.replace(hf + ".", gguf + ".")
        name = name.replace("model.layers.", "blk.")
        data = w.contiguous().view(torch.uint8).numpy().tobytes()
        print(name, hashlib.sha256(data).hexdigest(), file=out)
