"""Writes input.f32, importance.f32 and golden.txt by llama.cpp's own code:

    cmake --build build --target ggml-base      (llama.cpp, commit 3f545bec)
    pip install numpy; python golden.py PATH/libggml-base.so

A line of golden.txt is a format, the kind of the bytes and the bytes in hex:
"encoded" (round to nearest; for a K-quant or iq4 llama.cpp's own search), "weighted"
(with importances) and "decoded" (the SHA-256 of the decoded bytes, as f32).
"""
import ctypes
import hashlib
import sys

import numpy as np

ROWS, COLS = 2, 256
lib = ctypes.CDLL(sys.argv[1])
for f in ("q8_0", "q4_0", "q4_1", "q5_0", "q5_1", "q2_K", "q3_K", "q4_K", "q5_K", "q6_K",
          "iq4_nl", "iq4_xs", "mxfp4"):
    getattr(lib, "quantize_" + f).restype = ctypes.c_size_t


def pointer(a):
    return a.ctypes.data_as(ctypes.c_void_p)


def inputs():
    rng = np.random.default_rng(3)
    x = rng.standard_normal((ROWS, COLS)).astype(np.float32) * np.float32(0.05)
    x[0, 32:64] = 0
    x[0, 64:96] *= np.float32(1e-6)  # scales that are subnormal in f16
    x[0, 96:128] *= np.float32(3e4)
    x[0, 128:160] = np.abs(x[0, 128:160])
    x[0, 160:192] = -np.abs(x[0, 160:192])
    x[0, 192:224] = np.arange(-16, 16) * np.float32(0.5)  # halfway cases
    x[0, 224:256] = np.float32(0.25)
    w = rng.exponential(size=COLS).astype(np.float32)
    return x, w


def encode(f, x, w=None):
    out = np.zeros(x.size * 4, np.uint8)
    if f in ("f16", "bf16"):
        getattr(lib, {"f16": "ggml_fp32_to_fp16_row", "bf16": "ggml_fp32_to_bf16_row_ref"}[f])(
            pointer(x), pointer(out), ctypes.c_int64(x.size))
        return out[:x.size * 2]
    n = getattr(lib, "quantize_" + f)(pointer(x), pointer(out), ctypes.c_int64(x.shape[0]),
                                      ctypes.c_int64(x.shape[1]), pointer(w) if w is not None else None)
    return out[:n]


def decode(f, b, n):
    out = np.zeros(n, np.float32)
    name = {"f16": "ggml_fp16_to_fp32_row", "bf16": "ggml_bf16_to_fp32_row"}.get(f, "dequantize_row_" + f)
    getattr(lib, name)(pointer(b), pointer(out), ctypes.c_int64(n))
    return out


if __name__ == "__main__":
    x, w = inputs()
    x.tofile("input.f32")
    w.tofile("importance.f32")
    with open("golden.txt", "w") as out:
        for f in ("f16", "bf16", "q8_0", "q4_0", "q4_1", "q5_0", "q5_1", "q2_K", "q3_K", "q4_K", "q5_K", "q6_K",
                  "iq4_nl", "iq4_xs", "mxfp4"):
            b = encode(f, x)
            print(f.lower(), "encoded", b.tobytes().hex(), file=out)
            print(f.lower(), "decoded", hashlib.sha256(decode(f, b, x.size).tobytes()).hexdigest(), file=out)
            if f in ("q4_0", "q4_1", "q5_0", "q5_1"):
                print(f.lower(), "weighted", encode(f, x, w).tobytes().hex(), file=out)
