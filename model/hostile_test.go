package model_test

import (
	"bytes"
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"limbeck/internal/testkit"
	"limbeck/model"
	"limbeck/model/chat"
	"limbeck/model/gguf"
	"limbeck/tensor"
	"limbeck/tensor/dtype"
)

// parts returns metadata and tensors of a tiny model, the tensors in memory of
// their own and matrices in format to.
func parts(tb testing.TB, to *dtype.Type) (gguf.Meta, []*tensor.Tensor) {
	tb.Helper()
	meta, tensors := testkit.Model(1).GGUF()
	for i, t := range tensors {
		if rows, _ := t.Matrix(); rows == 1 {
			continue
		}
		var err error
		if tensors[i], err = t.Convert(to, nil); err != nil {
			tb.Fatal(err)
		}
	}
	return meta, tensors
}

func named(t *testing.T, tensors []*tensor.Tensor, name string) *tensor.Tensor {
	t.Helper()
	i := slices.IndexFunc(tensors, func(x *tensor.Tensor) bool { return x.Name == name })
	if i < 0 {
		t.Fatalf("the tiny model has no %s", name)
	}
	return tensors[i]
}

// save writes a file that the model's own writer would not.
func save(t *testing.T, meta gguf.Meta, tensors []*tensor.Tensor) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "bad.gguf")
	if err := gguf.Write(path, &meta, tensors); err != nil {
		t.Fatal(err)
	}
	return path
}

// A file that says something else than its weights is refused: the error names
// file, object and what was expected.
func TestHostileModels(t *testing.T) {
	const q, down = "blk.1.attn_q.weight", "blk.2.ffn_down.weight"
	type change func(*gguf.Meta, []*tensor.Tensor) []*tensor.Tensor
	meta := func(key string, v any) change {
		return func(m *gguf.Meta, ts []*tensor.Tensor) []*tensor.Tensor { m.Set(key, v); return ts }
	}
	without := func(keys ...string) change {
		return func(m *gguf.Meta, ts []*tensor.Tensor) []*tensor.Tensor {
			for _, key := range keys {
				m.Delete(key)
			}
			return ts
		}
	}
	for name, c := range map[string]struct {
		change change
		want   string
	}{
		"shape": {func(_ *gguf.Meta, ts []*tensor.Tensor) []*tensor.Tensor {
			x := named(t, ts, q)
			x.Shape = []int{32, 128}
			return ts
		}, `tensor "blk.1.attn_q.weight": shape [32 128], want [64 64]`},
		"missing": {func(_ *gguf.Meta, ts []*tensor.Tensor) []*tensor.Tensor {
			return slices.DeleteFunc(ts, func(x *tensor.Tensor) bool { return x.Name == down })
		}, down},
		"one too many": {func(_ *gguf.Meta, ts []*tensor.Tensor) []*tensor.Tensor {
			return append(ts, tensor.New("blk.0.attn_q.bias", dtype.F32, 64))
		}, `tensor "blk.0.attn_q.bias" is not part of`},
		"part":                     {meta("split.count", uint16(3)), "it is part 1 of 3 of a model: join them by llama-gguf-split --merge"},
		"adapter":                  {meta("general.type", "adapter"), "it is an adapter, not a model: merge it"},
		"architecture":             {meta("general.architecture", "mystery"), `architecture "mystery" is not known; known are: llama`},
		"pre-tokenizer":            {meta("tokenizer.ggml.pre", "mystery"), `"mystery" is not known`},
		"tokenizer":                {meta("tokenizer.ggml.model", "mystery"), `"mystery"`},
		"no heads":                 {meta("llama.attention.head_count", uint32(0)), "head_count"},
		"negative":                 {meta("llama.block_count", int32(-3)), "block_count is -3"},
		"huge":                     {meta("llama.block_count", uint32(math.MaxUint32)), "block_count is 4294967295"},
		"layers to come":           {meta("llama.block_count", uint32(1<<12)), `"blk.3.`},
		"many layers":              {meta("llama.block_count", uint32(1<<12+1)), "block_count is 4097, want 1 to 4096"},
		"not a number":             {meta("llama.rope.freq_base", float32(math.NaN())), "rope.freq_base is NaN"},
		"a string":                 {meta("llama.embedding_length", "64"), "embedding_length"},
		"end of text":              {meta("tokenizer.ggml.eos_token_id", uint32(9999)), "9999"},
		"rope scaling":             {meta("llama.rope.scaling.type", "yarn"), "rope.scaling.type is yarn"},
		"rope scaling of a number": {meta("llama.rope.scaling.type", uint32(1)), `"llama.rope.scaling.type" is 1 (uint32), want a string`},
		"replies":                  {meta("limbeck.replies", "mystery"), `limbeck.replies is "mystery"; this build knows "extractive"`},
		"replies of a number":      {meta("limbeck.replies", uint32(1)), `"limbeck.replies" is 1 (uint32), want a string`},
		"template of a list":       {meta("tokenizer.chat_template", []string{"x"}), "tokenizer.chat_template is a []string, want string"},
		"rope factor":              {meta("llama.rope.scaling.factor", float32(4)), "rope.scaling.factor is 4; this build supports no scaling, 1"},
		"old rope factor":          {meta("llama.rope.scale_linear", float32(2)), "rope.scale_linear is 2; this build supports no scaling, 1"},
		"rope magnitude":           {meta("llama.rope.scaling.attn_factor", float32(0)), "rope.scaling.attn_factor is 0; this build supports none"},
		"not causal":               {meta("llama.attention.causal", false), "llama.attention.causal is false; this build supports true"},
		"another scale":            {meta("llama.attention.scale", float32(1)), "attention.scale is 1; this build supports none"},
		"a window":                 {meta("llama.attention.sliding_window", uint32(8)), "attention.sliding_window is 8; this build supports none"},
		"scaled embeddings":        {meta("llama.embedding_scale", float32(12)), "embedding_scale is 12; this build supports none"},
		"scaled logits":            {meta("llama.logit_scale", float32(-1)), "logit_scale is -1; this build supports none"},
		"scaled residuals":         {meta("llama.residual_scale", float32(0.5)), "residual_scale is 0.5; this build supports none"},
		"no layers":                {without("llama.block_count"), `key "llama.block_count" is missing`},
		"no width":                 {without("llama.embedding_length", "llama.attention.key_length"), `key "llama.embedding_length" is missing`},
		"no head count":            {without("llama.attention.head_count"), `key "llama.attention.head_count" is missing`},
		"no neurons":               {without("llama.feed_forward_length"), `key "llama.feed_forward_length" is missing`},
		"no context":               {without("llama.context_length"), `key "llama.context_length" is missing`},
		"no epsilon":               {without("llama.attention.layer_norm_rms_epsilon"), "layer_norm_rms_epsilon\" is missing"},
		"another vocabulary":       {meta("llama.vocab_size", uint32(10)), "llama.vocab_size is 10, but the tokenizer has "},
		"heads of no width": {meta("llama.attention.key_length", uint32(0)),
			"llama.attention.value_length is 16; this build supports only a head's width, 0 by attention.key_length"},
		"heads of another width": {func(m *gguf.Meta, ts []*tensor.Tensor) []*tensor.Tensor {
			m.Set("llama.attention.head_count", uint32(8))
			return without("llama.attention.key_length")(m, ts)
		}, "a head's width, 8 by embedding_length over attention.head_count: attention.key_length is missing"},
	} {
		t.Run(name, func(t *testing.T) {
			m, ts := parts(t, dtype.F32)
			path := save(t, m, ts) // the unchanged file is a model
			if good, err := model.Open(path); err != nil {
				t.Fatal(err)
			} else if err := good.Close(); err != nil {
				t.Fatal(err)
			}
			ts = c.change(&m, ts)
			refused(t, save(t, m, ts), c.want)
		})
	}
}

// Settings whose values change nothing are no reason to refuse a model.
func TestSettingsThatChangeNothing(t *testing.T) {
	meta, tensors := parts(t, dtype.F32)
	for key, v := range map[string]any{
		"rope.scaling.attn_factor": float32(1), "attention.causal": true, "attention.scale": float32(0),
		"attention.sliding_window": uint32(0), "embedding_scale": float32(0), "logit_scale": float32(1), "residual_scale": float32(0),
	} {
		meta.Set("llama."+key, v)
	}
	if _, err := model.Build(meta, tensors); err != nil {
		t.Error(err)
	}
}

func refused(t *testing.T, path, want string) {
	t.Helper()
	m, err := model.Open(path)
	if err == nil {
		t.Errorf("opened, want an error with %q", want)
		if err := m.Close(); err != nil {
			t.Error(err)
		}
		return
	}
	if !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) {
		t.Errorf("got %v, want an error with %q and the file", err, want)
	}
}

// Weights that are NaN or infinite are found when a model is opened, in each
// format that is written.
func TestNotFiniteWeights(t *testing.T) {
	for _, c := range []struct {
		typ   *dtype.Type
		put   []byte
		block int
		want  string
	}{
		{dtype.F32, binary.LittleEndian.AppendUint32(nil, math.Float32bits(float32(math.Inf(-1)))), 65, `"blk.1.attn_q.weight": row 1, element 1: NaN or infinite`},
		{dtype.F32, binary.LittleEndian.AppendUint32(nil, math.Float32bits(float32(math.NaN()))), 0, "row 0, element 0"},
		{dtype.F16, []byte{0x01, 0x7e}, 64*64 - 1, "row 63, element 63"},
		{dtype.BF16, []byte{0x80, 0xff}, 64, "row 1, element 0"},
		{dtype.Q8_0, []byte{0x00, 0x7c}, 3, "row 1, elements 32 to 63"},
		{dtype.Q4_0, []byte{0xff, 0xff}, 2, "row 1, elements 0 to 31"},
		{dtype.Q5_1, []byte{0, 0, 0x00, 0xfc}, 1, "row 0, elements 32 to 63"},
	} {
		t.Run(c.typ.Name, func(t *testing.T) {
			meta, tensors := parts(t, c.typ)
			x := *named(t, tensors, "blk.1.attn_q.weight")
			x.Data = bytes.Clone(x.Data)
			copy(x.Data[c.block*c.typ.Size:], c.put)
			tensors[slices.IndexFunc(tensors, func(o *tensor.Tensor) bool { return o.Name == x.Name })] = &x
			refused(t, save(t, meta, tensors), c.want)
		})
	}
}

// A model cut off anywhere is refused.
func TestTruncatedModel(t *testing.T) {
	meta, tensors := parts(t, dtype.Q8_0)
	path := save(t, meta, tensors)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{0, 3, 24, 1000, len(whole) / 2, len(whole) - 33} {
		if err := os.WriteFile(path, whole[:n], 0o666); err != nil {
			t.Fatal(err)
		}
		refused(t, path, "bad.gguf")
	}
}

// So is a folder with a file of the tokenizer that is cut off, even to nothing.
func TestTruncatedTokenizer(t *testing.T) {
	for _, name := range []string{"tokenizer.json", "tokenizer_config.json"} {
		dir := t.TempDir()
		if err := testkit.Model(1).SaveFolder(dir); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, name)
		whole, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for n, want := range map[int]string{0: name + ": it is empty", len(whole) / 2: name + ": it is not JSON: line 1, byte "} {
			if err := os.WriteFile(path, whole[:n], 0o666); err != nil {
				t.Fatal(err)
			}
			refused(t, dir, want)
		}
	}
}

// And so is one with a NaN.
func TestNotFiniteFolder(t *testing.T) {
	m := testkit.Model(1)
	m.Weights()[0].F32()[70] = float32(math.NaN())
	dir := t.TempDir()
	if err := m.SaveFolder(dir); err != nil {
		t.Fatal(err)
	}
	refused(t, dir, `"token_embd.weight": row 1, element 6: NaN or infinite`)
}

// FuzzBuild reads a model's shape, tokenizer and template from a file's keys,
// for the tensors of a tiny model; what is taken is used and written again.
func FuzzBuild(f *testing.F) {
	meta, tensors := parts(f, dtype.Q8_0)
	var seed bytes.Buffer
	if err := gguf.WriteTo(&seed, &meta, nil); err != nil {
		f.Fatal(err)
	}
	f.Add(seed.Bytes())
	for key, v := range map[string]any{
		"tokenizer.ggml.merges": []string{"a a", "aa aa", "b"}, "tokenizer.ggml.token_type": []int32{-1},
		"llama.attention.head_count": int32(-4), "llama.context_length": uint64(1) << 63,
	} {
		changed := meta
		changed.Set(key, v)
		seed.Reset()
		if err := gguf.WriteTo(&seed, &changed, nil); err != nil {
			f.Fatal(err)
		}
		f.Add(seed.Bytes())
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := gguf.Parse(data, "fuzz")
		if err != nil {
			return
		}
		m, err := model.Build(file.Meta(), tensors)
		if err != nil {
			return
		}
		_, _ = m.PromptIDs([]chat.Message{{Role: "user", Content: "the cat <|im_end|>"}})
		m.Tokenizer.Decode(m.ReplyIDs("sat\xff"))
		again, ts := m.GGUF()
		if _, err := model.Build(again, ts); err != nil {
			t.Fatalf("what was written cannot be read: %v", err)
		}
	})
}
