"""Writes golden.gguf, a file with a value of every type, by the reference
implementation: pip install gguf==0.19.0 numpy; python golden.py golden.gguf"""
import sys

import numpy as np
from gguf import GGUFValueType as T
from gguf import GGUFWriter

w = GGUFWriter(sys.argv[1], "llama")
w.add_uint8("a.uint8", 200)
w.add_int8("a.int8", -100)
w.add_uint16("a.uint16", 60000)
w.add_int16("a.int16", -30000)
w.add_uint32("a.uint32", 4000000000)
w.add_int32("a.int32", -2000000000)
w.add_float32("a.float32", 0.1)
w.add_bool("a.bool", True)
w.add_string("a.string", "naïve 🙂")
w.add_uint64("a.uint64", 1 << 63)
w.add_int64("a.int64", -(1 << 62))
w.add_float64("a.float64", 0.1)
w.add_key_value("b.strings", ["", "a", "Ġthe"], T.ARRAY, T.STRING)
w.add_key_value("b.ints", [-1, 0, 1], T.ARRAY, T.INT32)
w.add_key_value("b.floats", [0.5, -2.0], T.ARRAY, T.FLOAT32)
w.add_key_value("b.bools", [True, False], T.ARRAY, T.BOOL)
w.add_tensor("vector", np.arange(5, dtype=np.float32))
w.add_tensor("matrix", np.arange(6, dtype=np.float32).reshape(2, 3))
w.write_header_to_file()
w.write_kv_data_to_file()
w.write_tensors_to_file()
w.close()
