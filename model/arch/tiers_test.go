package arch_test

import (
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"limbeck/internal/par"
	"limbeck/internal/testkit"
	"limbeck/model/arch"
	"limbeck/nn/op"
	"limbeck/tensor"
	"limbeck/tensor/dtype"
	"limbeck/tensor/kernel"
)

// Bounds of ‖difference‖ / ‖logits‖ between a tier and the generic one.
var (
	// Products of floats: each rounding of a chain moves its sum by half an ulp at
	// most, in either direction, so that they add up as the root of their number,
	// which is that of the columns: 512 in the longest rows of testkit.Blocks.
	// Measured: 1.0e-6, where 8.5e-6 are allowed.
	floatTiers = growth * 0x1p-24 * math.Sqrt(512)

	// With a cache of f16, values beside the middle of two halves are rounded to
	// different ones. Measured: 5.6e-5 of 3.1e-3.
	f16Tiers = growth * rounding[dtype.F16]

	// Where caches of f16, or weights of bf16, are multiplied in pairs of bf16, that
	// rounding is in one of the tiers alone. Measured: 3.8e-3 of 2.5e-2.
	bf16Tiers = growth * rounding[dtype.BF16]

	// Of int8 products the bits are those of every tier, but not of what is rounded
	// to int8: at worst the roundings of the tiers have nothing in common. Measured:
	// 0.2 % with a cache of f32, q8_0 or q4_0; 0.9 % with one of f16, and 2.0 % where
	// pairs are multiplied, of 4.3 %. In blocks of 256, 0.9 % and 3.0 % of 5.7 %.
	int8Tiers = math.Sqrt2 * int8Nearness
	wideTiers = int8Tiers * reach[256] / reach[32]
)

// tierCases are computations whose logits are compared between tiers.
var tierCases = []struct {
	format, cache *dtype.Type
	exact         bool
	bound         float64
	pairs         float64 // the bound where caches, or weights, are multiplied in pairs
}{
	{dtype.F32, dtype.F32, true, floatTiers, floatTiers},
	{dtype.F16, dtype.F32, true, floatTiers, floatTiers},
	{dtype.BF16, dtype.F32, true, floatTiers, floatTiers},
	{dtype.Q8_0, dtype.F32, true, floatTiers, floatTiers},
	{dtype.F32, dtype.F16, false, f16Tiers, bf16Tiers},
	{dtype.BF16, dtype.F32, false, floatTiers, bf16Tiers},
	{dtype.Q8_0, dtype.F32, false, int8Tiers, int8Tiers},
	{dtype.Q8_0, dtype.F16, false, int8Tiers, int8Tiers},
	{dtype.Q8_0, dtype.Q8_0, false, int8Tiers, int8Tiers},
	{dtype.Q8_0, dtype.Q4_0, false, int8Tiers, int8Tiers},
	{dtype.Q6_K, dtype.F16, false, wideTiers, wideTiers},
}

// tierLogits returns the logits of all cases of all architectures, as many of each.
func tierLogits() (all []float32) {
	pool := par.New(1)
	defer pool.Close()
	for _, name := range arch.Names() {
		for _, c := range tierCases {
			m := testkit.Decoder(testkit.Blocks(name, false), c.format, 5)
			for _, w := range m.Weights() {
				w.Pack(pool, nil)
			}
			tape := op.NewTape(pool)
			tape.Exact, tape.KV = c.exact, c.cache
			run := &runner{m, tape, length}
			ids := testkit.IDs(rand.New(rand.NewPCG(8, 9)), length, m.Config().Vocab)
			all = append(all, run.chunks(ids, []int{length - 2, 1, 1})...)
		}
	}
	return all
}

// logitsVariable has TestTiersAgree write its logits to a file, and no more.
const logitsVariable = "LIMBECK_TEST_LOGITS"

// Every tier's logits are near the generic one's; a model may be moved between
// machines.
func TestTiersAgree(t *testing.T) {
	if path := os.Getenv(logitsVariable); path != "" {
		all := tierLogits()
		if err := os.WriteFile(path, tensor.FromF32("logits", all, len(all)).Data, 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	testkit.EachTier(t, func(t *testing.T) {
		generic := kernel.Tiers()[0]
		if kernel.Tier() == generic {
			return
		}
		path := filepath.Join(t.TempDir(), "logits")
		testkit.InTier(t, generic, "TestTiersAgree", logitsVariable+"="+path)
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		got, want := tierLogits(), dtype.Floats(data)
		n := len(got) / len(tierCases) / len(arch.Names())
		for i := range len(got) / n {
			name, c := arch.Names()[i/len(tierCases)], tierCases[i%len(tierCases)]
			bound := c.bound
			if kernel.FastPairs() {
				bound = c.pairs
			}
			e := relative(got[i*n:(i+1)*n], want[i*n:(i+1)*n])
			t.Logf("%s, %s, a cache of %s, exact %v: off by %.1e of %.1e", name, c.format, c.cache, c.exact, e, bound)
			if !(e <= bound) || e == 0 {
				t.Errorf("%s, %s, a cache of %s, exact %v: off by %.1e from the generic tier, want at most %.1e and not 0",
					name, c.format, c.cache, c.exact, e, bound)
			}
		}
	})
}
