"""Hard text, the same here and in hard_test.go: strings strung together from
hard.json's pieces, runs of white space, runs of digits and random code points by
a linear congruential generator (Knuth's MMIX constants)."""

import json
import pathlib

HERE = pathlib.Path(__file__).parent
MASK = (1 << 64) - 1


class LCG:
    def __init__(self, seed):
        self.state = seed

    def below(self, n):
        self.state = (self.state * 6364136223846793005 + 1442695040888963407) & MASK
        return (self.state >> 33) % n


def piece(g, spec):
    kind = g.below(16)
    if kind < 10:
        return spec["pieces"][g.below(len(spec["pieces"]))]
    if kind == 10:
        return spec["spaces"][g.below(len(spec["spaces"]))] * (1 + g.below(20))
    if kind == 11:
        return "".join(spec["digits"][g.below(len(spec["digits"]))] for _ in range(1 + g.below(8)))
    if kind == 12:
        return " " * (1 + g.below(3))
    if kind == 13:
        return chr(1 + g.below(0x250))
    if kind == 14:
        lo, hi = spec["ranges"][g.below(len(spec["ranges"]))]
        return chr(lo + g.below(hi - lo))
    c = g.below(0x110000 - 0x800)
    return chr(c if c < 0xD800 else c + 0x800)


def strings():
    spec = json.loads((HERE / "hard.json").read_text())
    g = LCG(spec["seed"])
    for _ in range(spec["count"]):
        yield "".join(piece(g, spec) for _ in range(1 + g.below(12)))
