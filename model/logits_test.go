package model

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"math"
	"os"
	"testing"

	"limbeck/internal/par"
	"limbeck/internal/testfiles"
	"limbeck/nn/op"
	"limbeck/tensor/kernel"
)

// What is called exact: how far this engine and transformers may lie apart,
// both in f32 over the same decoded weights. Where no logit is off by more, the
// logarithm of the sum over all of them, which perplexity needs, is not either.
const (
	logitTolerance = 1e-3
	sameTop        = 0.999
)

// reference is testdata/smollm2_logits.bin, described in the recipe beside it.
type reference struct {
	Magic                        [8]byte
	Windows, Length, Vocab, P, C uint32
	_                            uint32
	IDs, Model                   [32]byte
	top                          []uint16
	topLogit, logSum, probes     []float32
	positions, columns           []uint32
}

func readReference(t *testing.T) *reference {
	t.Helper()
	data, err := os.ReadFile("testdata/smollm2_logits.bin")
	if err != nil {
		t.Fatal(err)
	}
	r := bytes.NewReader(data)
	ref := &reference{}
	read := func(v any) {
		if err := binary.Read(r, binary.LittleEndian, v); err != nil {
			t.Fatal(err)
		}
	}
	read(&ref.Magic)
	for _, n := range []*uint32{&ref.Windows, &ref.Length, &ref.Vocab, &ref.P, &ref.C, new(uint32)} {
		read(n)
	}
	read(&ref.IDs)
	read(&ref.Model)
	n := ref.Windows * ref.Length
	ref.top, ref.topLogit, ref.logSum = make([]uint16, n), make([]float32, n), make([]float32, n)
	ref.positions, ref.columns = make([]uint32, ref.P), make([]uint32, ref.C)
	ref.probes = make([]float32, ref.P*ref.C)
	for _, v := range []any{ref.top, ref.topLogit, ref.logSum, ref.positions, ref.columns, ref.probes} {
		read(v)
	}
	return ref
}

func openSmolLM2(t *testing.T) *Model {
	t.Helper()
	m, err := Open(testfiles.Model(t, testfiles.SmolLM2))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

func TestLogitsEqualTransformers(t *testing.T) {
	m := openSmolLM2(t)
	text, err := os.ReadFile(testfiles.Data(t, "wikitext-2/test.txt"))
	if err != nil {
		t.Fatal(err)
	}
	ref := readReference(t)
	length := int(ref.Length)
	ids := m.Tokenizer.Encode(string(text), false)[:int(ref.Windows)*length]
	h := sha256.New()
	for _, id := range ids {
		binary.Write(h, binary.LittleEndian, uint32(id))
	}
	if !bytes.Equal(h.Sum(nil), ref.IDs[:]) {
		t.Fatal("the token ids are not the reference's")
	}
	pool := par.New(0)
	defer pool.Close()
	m.Pack(pool)
	tape := op.NewTape(pool)
	tape.Exact = true
	windows := int(ref.Windows)
	if testing.Short() {
		windows = 2
	}
	rows := make([]int, length)
	for i := range rows {
		rows[i] = i
	}
	n := windows * length
	c := &comparison{ref: ref, same: make([]bool, n), off: make([]float64, n), sumOff: make([]float64, n)}
	for w := range windows {
		tape.Reset()
		c.first = w * length
		m.Loss(tape, m.Forward(tape, op.One(ids[c.first:c.first+length], nil)), rows, c)
	}
	same, worst, worstSum := 0, 0.0, 0.0
	for i, ok := range c.same {
		if ok {
			same++
		}
		worst, worstSum = math.Max(worst, c.off[i]), math.Max(worstSum, c.sumOff[i])
	}
	share := float64(same) / float64(n)
	t.Logf("%d positions: same top token %.4f, largest difference of a logit %.2e, of the logarithm of a sum %.2e", n, share, worst, worstSum)
	if !(worst <= logitTolerance) || !(worstSum <= logitTolerance) || share < sameTop {
		t.Errorf("same top token at %.4f, want %g; logits off by %.2e, logarithms of sums by %.2e, want %.0e",
			share, sameTop, worst, worstSum, logitTolerance)
	}
}

// A comparison reads logits where the head makes them.
type comparison struct {
	ref   *reference
	first int
	same  []bool

	off, sumOff []float64 // the largest differences at each position
}

// Loss implements [op.RowLoss].
func (c *comparison) Loss(row int, logits, _ []float32) float64 {
	p := c.first + row
	best := 0
	for i, v := range logits {
		if v > logits[best] {
			best = i
		}
	}
	top := int(c.ref.top[p])
	c.same[p] = best == top
	c.off[p] = math.Abs(float64(logits[top]) - float64(c.ref.topLogit[p]))
	c.sumOff[p] = math.Abs(float64(kernel.LogSumExp(logits)) - float64(c.ref.logSum[p]))
	for i, at := range c.ref.positions {
		if int(at) != p {
			continue
		}
		for j, col := range c.ref.columns {
			want := c.ref.probes[i*len(c.ref.columns)+j]
			c.off[p] = math.Max(c.off[p], math.Abs(float64(logits[col])-float64(want)))
		}
	}
	return 0
}
