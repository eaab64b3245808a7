package model_test

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"limbeck/data"
	"limbeck/internal/par"
	"limbeck/measure"
	"limbeck/model"
	"limbeck/model/gguf"
	"limbeck/nn/op"
	"limbeck/store/builtin"
	"limbeck/tensor"
	"limbeck/tensor/dtype"
)

// written is where TestWriteForPeers leaves what testdata/written_logits.py
// gives to other programs:
//
//	go test ./model -run TestWriteForPeers -written DIR
var written = flag.String("written", "", "write models in every format, and their logits, to this folder")

const (
	peerWindows = 16
	peerWindow  = 256 // tokens
	peerTexts   = 320
)

// A peerInput is what other programs are given besides models.
type peerInput struct {
	Windows [][]int  `json:"windows"` // of tokens, each from position 0
	Texts   []string `json:"texts"`
	IDs     [][]int  `json:"ids"`     // of each text
	Replies int      `json:"replies"` // how many of the texts, the last, are replies
}

// TestWriteForPeers writes the built-in teacher and a variant of it that is not
// tied, in every format, as NAME.gguf and as the folder NAME that the file
// converts to; the logits of each with f32 activations, NAME.f32, of one window
// after the other; and input.json. It tests nothing by itself, and logs how far
// Limbeck's own default lies from f32.
func TestWriteForPeers(t *testing.T) {
	if *written == "" {
		t.Skip("no -written: make check-peers gives it")
	}
	tied := builtinTeacher(t)
	in := makePeerInput(t, tied)
	text, err := json.Marshal(in)
	must(t, err)
	must(t, os.WriteFile(filepath.Join(*written, "input.json"), text, 0o666))
	for kind, m := range map[string]*model.Model{"tied": tied, "untied": untied(t, tied)} {
		for _, f := range dtype.Writable() {
			path := filepath.Join(*written, kind+"-"+f.Name)
			must(t, quantized(t, m, f).Save(path+".gguf"))
			must(t, open(t, path+".gguf").SaveFolder(path))
			exact := windowLogits(t, path+".gguf", in.Windows, true)
			must(t, os.WriteFile(path+".f32", dtype.FloatBytes(exact), 0o666))
			rounded := windowLogits(t, path+".gguf", in.Windows, false)
			kl, top := apart(exact, rounded, m.Config().Vocab)
			t.Logf("%s %s: the default, which rounds the activations of blocks to int8, lies %.1e nats from f32; same top token at %.1f %%", kind, f, kl, 100*top)
		}
	}
}

func builtinTeacher(t *testing.T) *model.Model {
	t.Helper()
	file, err := builtin.Model(builtin.HomeAssistant)
	must(t, err)
	f, err := gguf.Parse(file, builtin.HomeAssistant)
	must(t, err)
	m, err := model.FromGGUF(f)
	must(t, err)
	return m
}

// untied returns m with an output projection of its own: column j of the table
// times 1 + (j mod 7)/8. Whoever takes the table for it gets other logits.
func untied(t *testing.T, m *model.Model) *model.Model {
	t.Helper()
	src := stored{}
	for _, x := range tensorsOf(m) {
		src[x.Name] = x
	}
	table := src["token_embd.weight"]
	_, cols := table.Matrix()
	v := table.Decode()
	for i := range v {
		v[i] *= 1 + float32(i%cols%7)/8
	}
	src["output.weight"] = tensor.FromF32("output.weight", v, table.Shape...)
	c := m.Config()
	c.Tied = false
	out, err := model.New(c, src, m.Tokenizer.Spec(), m.TemplateSource())
	must(t, err)
	return out
}

// makePeerInput takes commands and replies one after the other, evenly spread
// over the built-in's training data.
func makePeerInput(t *testing.T, m *model.Model) (in peerInput) {
	t.Helper()
	files, err := builtin.Files(builtin.HomeAssistant)
	must(t, err)
	f, err := files.Open("train.jsonl")
	must(t, err)
	defer f.Close()
	all, err := data.Read(f, "train.jsonl", data.Options{})
	must(t, err)
	var examples []data.Example
	var replies []string
	for i := 0; i < len(all); i += len(all) / peerTexts {
		examples = append(examples, all[i])
		in.Texts = append(in.Texts, all[i].Input())
		reply, _ := all[i].Reply()
		replies = append(replies, reply)
	}
	in.Texts, in.Replies = append(in.Texts, replies...), len(replies)
	for _, text := range in.Texts {
		in.IDs = append(in.IDs, m.Tokenizer.Encode(text, false))
	}
	set, _, err := data.Sequences(m, examples, peerWindow)
	must(t, err)
	var ids []int
	for _, s := range set {
		ids = append(ids, s.IDs...)
	}
	if len(ids) < peerWindows*peerWindow {
		t.Fatalf("%d tokens, want %d", len(ids), peerWindows*peerWindow)
	}
	in.Windows = slices.Collect(slices.Chunk(ids[:peerWindows*peerWindow], peerWindow))
	return in
}

// apart returns the mean divergence of two sets of logits, and the share of rows
// with the same top token.
func apart(a, b []float32, vocab int) (kl, top float64) {
	for i := 0; i < len(a); i += vocab {
		d := measure.Diverge(a[i:i+vocab], b[i:i+vocab], nil)
		kl += d.KL
		if d.SameTop {
			top++
		}
	}
	rows := float64(len(a) / vocab)
	return kl / rows, top / rows
}

// windowLogits returns the logits of all windows, [tokens, vocabulary].
func windowLogits(t *testing.T, path string, windows [][]int, exact bool) (out []float32) {
	t.Helper()
	m := open(t, path)
	pool := par.New(0)
	defer pool.Close()
	m.Pack(pool)
	tape := op.NewTape(pool)
	tape.Exact = exact
	for _, ids := range windows {
		tape.Reset()
		rows := make([]int, len(ids))
		for i := range rows {
			rows[i] = i
		}
		out = append(out, m.Head(tape, m.Forward(tape, op.One(ids, nil)), rows).Data...)
	}
	return out
}
