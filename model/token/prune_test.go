package token

import (
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// checkPruned prunes spec to the tokens of calibration and checks what Prune
// promises: those texts keep their tokens, and every text comes back.
func checkPruned(t *testing.T, spec Spec, calibration, others []string) (Spec, []int) {
	t.Helper()
	full := mustNew(t, spec)
	used := map[int]bool{}
	for _, text := range calibration {
		for _, id := range full.Encode(text, true) {
			used[id] = true
		}
	}
	pruned, old, err := spec.Prune(func(id int) bool { return used[id] })
	if err != nil {
		t.Fatal(err)
	}
	tok := mustNew(t, pruned)
	if !slices.IsSorted(old) || len(old) != tok.Vocab() {
		t.Fatalf("%d old ids for %d tokens", len(old), tok.Vocab())
	}
	for id, was := range old {
		if string(tok.Piece(id)) != string(full.Piece(was)) {
			t.Fatalf("token %d is %q, was %q", id, tok.Piece(id), full.Piece(was))
		}
	}
	for _, text := range calibration {
		ids := tok.Encode(text, true)
		for i, id := range ids {
			ids[i] = old[id]
		}
		if want := full.Encode(text, true); !slices.Equal(ids, want) {
			t.Fatalf("%q: %v, want %v", text, ids, want)
		}
	}
	for _, text := range others {
		if got, want := string(tok.Decode(tok.Encode(text, true))), string(full.Decode(full.Encode(text, true))); got != want {
			t.Fatalf("%q became %q", text, got)
		}
	}
	return pruned, old
}

func TestPrune(t *testing.T) {
	spec := smallSpec(t, "smollm")
	texts := hardText(t)
	texts = append(texts, strings.SplitAfter("Before we proceed any further, hear me speak. Speak, speak. You are all "+
		"resolved rather to die than to famish? Resolved. resolved. First, you know Caius Marcius is chief enemy", " ")...)
	r := rand.New(rand.NewPCG(5, 6))
	for range 30 {
		r.Shuffle(len(texts), func(i, j int) { texts[i], texts[j] = texts[j], texts[i] })
		checkPruned(t, spec, texts[:1+r.IntN(200)], texts[:1000])
	}
	pruned, _ := checkPruned(t, spec, nil, texts)
	if got, want := len(pruned.Tokens), 256+3+2; got != want {
		t.Errorf("pruned to nothing: %d tokens, want %d: bytes and added tokens", got, want)
	}
	if tok := mustNew(t, pruned); string(tok.Piece(tok.EOS())) != "<|im_end|>" {
		t.Error("the EOS moved")
	}
	if len(pruned.Merges) != 0 {
		t.Errorf("%d merges left, want none", len(pruned.Merges))
	}
}

// TestPruneManyMakers has a token that two merges make; keeping it must keep both
// ways.
func TestPruneManyMakers(t *testing.T) {
	spec := Spec{Model: "gpt2", Pre: "gpt-2", BOS: -1, EOS: -1, EOT: -1, UNK: -1, PAD: -1}
	for _, r := range byteRunes {
		spec.Tokens = append(spec.Tokens, string(r))
	}
	spec.Tokens = append(spec.Tokens, "ab", "bc", "abc", "xa", "bcd")
	spec.Merges = []string{"x a", "b c", "a b", "ab c", "a bc", "bc d"}
	r := rand.New(rand.NewPCG(7, 8))
	for range 300 {
		var texts []string
		for range 1 + r.IntN(3) {
			b := make([]byte, 1+r.IntN(8))
			for i := range b {
				b[i] = "abcxd"[r.IntN(5)]
			}
			texts = append(texts, string(b))
		}
		checkPruned(t, spec, texts, []string{"abcxdabcd"})
	}
}

// TestPruneReal prunes SmolLM2 to a task, as the example of this repository does.
func TestPruneReal(t *testing.T) {
	spec := realModel(t, "smollm2").Spec()
	var texts []string
	for line := range strings.Lines(corpus(t, "home-assistant/train.jsonl")) {
		row := unmarshal[struct{ Text string }](t, []byte(line))
		texts = append(texts, row.Text, strings.TrimSpace(line))
	}
	pruned, _ := checkPruned(t, spec, texts, hardText(t)[:500])
	t.Logf("%d of %d tokens, %d merges", len(pruned.Tokens), len(spec.Tokens), len(pruned.Merges))
}

func TestPrunedSpecRoundTripsHF(t *testing.T) {
	pruned, _ := checkPruned(t, smallSpec(t, "smollm"), hardText(t)[:50], nil)
	pruned.ChatTemplate = "{{ messages[-1].content }} <&>"
	for _, bos := range []bool{false, true} {
		pruned.AddBOS = bos
		tokenizer, config, err := pruned.HF()
		if err != nil {
			t.Fatal(err)
		}
		if !json.Valid(tokenizer) || !json.Valid(config) {
			t.Fatal("not JSON")
		}
		got, err := ParseHF(tokenizer, config, 0)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, pruned) {
			t.Error("ParseHF(HF()) differs")
		}
	}
}
