package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"limbeck/eval/bench"
	"limbeck/internal/testkit"
	"limbeck/model"
	"limbeck/model/arch"
	"limbeck/tensor"
	"limbeck/tensor/dtype"
)

// A process that reads a long prompt, and might reply at length, takes at its peak
// what is promised beside the model's file and the KV cache. The cache is larger than
// what it may take: one that is there twice as it grows, or that has room for the whole
// reply at once, breaks it.
func TestMemoryOfInference(t *testing.T) {
	if testing.Short() {
		t.Skip("reads 2,200 tokens with a model of 54 M parameters")
	}
	path := filepath.Join(t.TempDir(), "random.gguf")
	c, first := writeRandomQ4(t, path)
	const prompt = 2200
	reply := replyOf(t, strings.Repeat("z", prompt), path, "--max-tokens", "5000", "--stop", first)
	cache := c.KVBytes(dtype.F16, reply.PromptTokens+reply.ReplyTokens)
	checkMemory(t, reply, fileSize(t, path), cache)
	if reply.PromptTokens != prompt || reply.ReplyTokens != 1 || cache < bench.BaseMemory {
		t.Errorf("%d tokens, then %d, in %d bytes: the test does not test what it is for",
			reply.PromptTokens, reply.ReplyTokens, cache)
	}
}

// So do models in f32, of which a copy in another order is made, and in folders.
func TestMemoryOfLargeWeights(t *testing.T) {
	if testing.Short() {
		t.Skip("writes 430 MB")
	}
	dir := t.TempDir()
	q4, f32, folder := filepath.Join(dir, "random.gguf"), filepath.Join(dir, "f32.gguf"), filepath.Join(dir, "folder")
	c, _ := writeRandomQ4(t, q4)
	for _, args := range [][]string{{"quantize", q4, "f32", "--out", f32}, {"convert", f32, folder}} {
		if out, err := exec.CommandContext(t.Context(), "limbeck", args...).CombinedOutput(); err != nil {
			t.Fatalf("limbeck %q: %v: %s", args, err, out)
		}
	}
	for path, weights := range map[string]string{f32: f32, folder: filepath.Join(folder, "model.safetensors")} {
		reply := replyOf(t, "zz", path, "--max-tokens", "3")
		checkMemory(t, reply, fileSize(t, weights), c.KVBytes(dtype.F16, reply.PromptTokens+reply.ReplyTokens))
	}
}

// replyOf returns what limbeck run says of a prompt.
func replyOf(t *testing.T, prompt, path string, flags ...string) (reply replyJSON) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "limbeck", append([]string{"run", path, "--raw", "--json"}, flags...)...)
	cmd.Stdin = strings.NewReader(prompt)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, &errs)
	}
	if err := json.Unmarshal(out, &reply); err != nil {
		t.Fatal(err)
	}
	return reply
}

func fileSize(t *testing.T, path string) int {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return int(info.Size())
}

// checkMemory holds a peak against the promise.
func checkMemory(t *testing.T, reply replyJSON, file, cache int) {
	t.Helper()
	beside := float64(reply.PeakMemory) - float64(file) - float64(cache)
	t.Logf("weights %.1f MB, cache of %d tokens %.1f MB, peak %.1f MB: %.1f MB beside",
		float64(file)/1e6, reply.PromptTokens+reply.ReplyTokens, float64(cache)/1e6, float64(reply.PeakMemory)/1e6, beside/1e6)
	if beside > bench.BaseMemory {
		t.Errorf("%.1f MB beside weights and cache, want at most %.0f", beside/1e6, bench.BaseMemory/1e6)
	}
	if reply.PeakMemory == 0 {
		t.Error("no peak of memory")
	}
}

// writeRandomQ4 writes a model of random weights in Q4_0, 31 MB of them, and returns
// its shape and what it says first.
func writeRandomQ4(t *testing.T, path string) (c arch.Config, first string) {
	t.Helper()
	small := testkit.Model(1)
	c = small.Config()
	c.Tied, c.Layers, c.Width, c.Heads, c.KVHeads, c.HeadDim, c.FFN, c.Context = false, 16, 512, 8, 8, 64, 1536, 8192
	m, err := model.New(c, randomQ4{rand.NewChaCha8([32]byte{})}, small.Tokenizer.Spec(), "")
	if err == nil {
		err = m.Save(path)
	}
	if err != nil {
		t.Fatal(err)
	}
	return c, string(m.Tokenizer.Piece(0))
}

// randomQ4 gives random matrices in Q4_0, and vectors of ones. The head is zero: of
// equal logits the first is the greatest.
type randomQ4 struct{ *rand.ChaCha8 }

// Tensor implements [nn.Source].
func (s randomQ4) Tensor(name string, rows, cols int) *tensor.Tensor {
	if rows == 1 {
		t := tensor.New(name, dtype.F32, cols)
		for i := range dtype.Floats(t.Data) {
			dtype.Floats(t.Data)[i] = 1
		}
		return t
	}
	t := tensor.New(name, dtype.Q4_0, rows, cols)
	if name == "output.weight" {
		return t
	}
	_, _ = s.Read(t.Data) // never fails
	const scale = 0x2000  // 2⁻⁷ in f16: about 1/√cols of what 4 bits are
	for at := 0; at < len(t.Data); at += dtype.Q4_0.Size {
		binary.LittleEndian.PutUint16(t.Data[at:], scale)
	}
	return t
}
