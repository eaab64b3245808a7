"""Makes llama_quantize.json: digests of what llama-quantize writes.

    python llama_quantize.py smollm2-135m-instruct-q4_1.gguf LLAMA_QUANTIZE imatrix.gguf llama_quantize.json

The model is decoded to F32, column j of each matrix is multiplied in f32 by
1 + (j mod 7)/8, and LLAMA_QUANTIZE --pure quantizes that to every format below,
without and with the importance matrix. Without the factors the weights would
lie on Q4_1's grid already, and Q4_1 with or without importance could not fail.
It needs numpy, gguf and 1 GB in the temporary folder. The importance matrix
came from

    llama-imatrix -m smollm2-135m-instruct-q4_1.gguf -f wikitext-2/valid.txt -c 512 --chunks 50 -o imatrix.gguf

Its values depend on the machine, so those of the tensors below stand in the
JSON: "importance", f32 little-endian in base64, one value a column.

A digest is SHA-256 of a tensor's bytes as they lie in the file. "f32" holds the
digests of the scaled weights that were quantized; "all" is over the bytes of
all matrices, in the order of their names. Norms stay F32 and are left out.
"""

import argparse
import base64
import hashlib
import json
import pathlib
import subprocess
import tempfile

import gguf
import numpy as np

PLAIN = ["f16", "bf16", "q8_0", "q4_0", "q4_1", "q5_0", "q5_1"]
WEIGHTED = ["q4_0", "q4_1", "q5_0", "q5_1"]
TENSORS = [
    "blk.0.attn_k.weight",
    "blk.0.attn_output.weight",
    "blk.7.attn_q.weight",
    "blk.15.ffn_down.weight",
    "blk.29.ffn_gate.weight",
    "token_embd.weight",
]


def write_f32(source, path):
    """Copies a GGUF file with every tensor decoded to F32 and matrices scaled."""
    reader = gguf.GGUFReader(source)
    out = gguf.GGUFWriter(path, reader.fields["general.architecture"].contents())
    for name, field in reader.fields.items():
        if name.startswith("GGUF.") or name in ("general.architecture", "general.file_type"):
            continue
        kind, sub = field.types[0], field.types[-1] if field.types[0] == gguf.GGUFValueType.ARRAY else None
        out.add_key_value(name, field.contents(), kind, sub)
    out.add_file_type(gguf.LlamaFileType.ALL_F32)
    for t in reader.tensors:
        value = gguf.quants.dequantize(t.data, t.tensor_type).astype(np.float32)
        if value.ndim > 1:
            value *= (1 + np.arange(value.shape[1]) % 7 / 8).astype(np.float32)
        out.add_tensor(t.name, value)
    out.write_header_to_file()
    out.write_kv_data_to_file()
    out.write_tensors_to_file()
    out.close()


def digests(path, kind):
    """Digests of the matrices of a file, every one of which must be of a kind."""
    matrices = {t.name: t for t in gguf.GGUFReader(path).tensors if len(t.shape) > 1}
    everything = hashlib.sha256()
    for name in sorted(matrices):
        if matrices[name].tensor_type.name.lower() != kind:
            raise SystemExit(f"{name}: {matrices[name].tensor_type.name}, want {kind}")
        everything.update(matrices[name].data.tobytes())
    out = {name: hashlib.sha256(matrices[name].data.tobytes()).hexdigest() for name in TENSORS}
    return out | {"all": everything.hexdigest()}


def importance(path):
    """The mean square of each column's input, as llama-quantize computes it."""
    tensors = {t.name: t.data for t in gguf.GGUFReader(path).tensors}
    out = {}
    for name in TENSORS:
        if name + ".in_sum2" in tensors:
            mean = tensors[name + ".in_sum2"].ravel() / np.float32(tensors[name + ".counts"].item())
            out[name] = base64.b64encode(mean.astype("<f4").tobytes()).decode()
    return out


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("llama_quantize")
    parser.add_argument("imatrix", type=pathlib.Path)
    parser.add_argument("output", type=pathlib.Path)
    args = parser.parse_args()

    doc = {
        "about": "made by llama_quantize.py",
        "model_sha256": hashlib.sha256(args.model.read_bytes()).hexdigest(),
        "importance": importance(args.imatrix),
    }
    with tempfile.TemporaryDirectory() as tmp:
        f32, out = f"{tmp}/f32.gguf", f"{tmp}/out.gguf"
        write_f32(args.model, f32)
        doc["f32"] = digests(f32, "f32")

        def quantize(kind, *flags):
            subprocess.run([args.llama_quantize, "--pure", *flags, f32, out, kind, "2"], check=True, capture_output=True)
            return digests(out, kind)

        doc["plain"] = {kind: quantize(kind) for kind in PLAIN}
        doc["weighted"] = {kind: quantize(kind, "--imatrix", args.imatrix) for kind in WEIGHTED}
    for kind in WEIGHTED:
        for name in TENSORS:
            same = doc["plain"][kind][name] == doc["weighted"][kind][name]
            if same == (name in doc["importance"]):
                raise SystemExit(f"{name}: {kind} with importance: same bytes as without: {same}")
    args.output.write_text(json.dumps(doc, indent=1) + "\n")


if __name__ == "__main__":
    main()
