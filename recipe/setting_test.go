package recipe

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

func TestAssign(t *testing.T) {
	d := Default[Distill]()
	for key, value := range map[string]string{"lr": "1e-3,2e-3", "batch_tokens": "2k", "cache": "topk", "warmup": "5%", "hard": "0"} {
		if err := Assign(d, key, value); err != nil {
			t.Errorf("%s=%s: %v", key, value, err)
		}
	}
	if !slices.Equal(d.LR, Rates{1e-3, 2e-3}) || d.BatchTokens != 2000 || d.Cache != "topk" || d.Warmup.Share != .05 || d.Hard != 0 {
		t.Errorf("got %+v", d)
	}
	for key, value := range map[string]string{"lr": "fast", "cache": "disk", "hard": "-1", "no_key": "1", "topk": "{"} {
		if err := Assign(d, key, value); err == nil {
			t.Errorf("%s=%s: want an error", key, value)
		}
	}
}

// Text is what is given, whatever YAML would make of it.
func TestAssignText(t *testing.T) {
	d, p := Default[Data](), Default[Prune]()
	for _, text := range []string{"", " ", "~", "a #5", "#5", "a: b", "a:", "one\n\ntwo\n", "[a]", "{a", "'", "5", "true", "- a", "&a", "*a", "!a", "2026-11-28"} {
		for _, err := range []error{
			Assign(d, "system", text), Assign(p, "keep_tokens", text), Assign(&d.Columns, "prompt", text), Assign(d, "labels", "x", text),
		} {
			if err != nil {
				t.Errorf("%q: %v", text, err)
			}
		}
		if d.System != text || p.KeepTokens != File(text) || d.Columns.Prompt != text || d.Labels != text {
			t.Errorf("%q became %q, %q, %q and %q", text, d.System, p.KeepTokens, d.Columns.Prompt, d.Labels)
		}
	}
	if err := Assign(d, "validation", "a #5: b.jsonl"); err != nil || d.Validation.File != "a #5: b.jsonl" {
		t.Errorf("validation became %v, %v", d.Validation, err)
	}
	for key, value := range map[string]string{"validation": "0.1", "format": "yaml", "system": "a\xff"} {
		if err := Assign(d, key, value); err == nil {
			t.Errorf("%s=%q: want an error", key, value)
		}
	}
}

// Several values are items of one list, each as it may be written alone.
func TestAssignSeveral(t *testing.T) {
	d, p := Default[Distill](), Default[Prune]()
	for _, err := range []error{
		Assign(d, "lr", "1e-3", "2e-3"), Assign(p, "keep_layers", "[0, 2]", "4"), Assign(d, "layer_pairs", "[0,1]", "[[2,29]]"), Assign(d, "steps", "5", "6"),
	} {
		if err != nil {
			t.Error(err)
		}
	}
	if !slices.Equal(d.LR, Rates{1e-3, 2e-3}) || !slices.Equal(p.KeepLayers, []int{0, 2, 4}) ||
		!slices.Equal(d.LayerPairs, [][2]int{{0, 1}, {2, 29}}) || d.Steps != 6 {
		t.Errorf("got %v, %v, %v and %v", d.LR, p.KeepLayers, d.LayerPairs, d.Steps)
	}
}

// Pairs are written as a recipe does, or without the outer brackets; they come back
// from what is written. Settings without any are those from before there were pairs:
// a step's key is made of them.
func TestLayerPairs(t *testing.T) {
	none, err := json.Marshal(Default[Distill]())
	if err != nil || strings.Contains(string(none), "layer_pairs") {
		t.Errorf("settings without pairs are %s, %v", none, err)
	}
	r := mustRead(t, full)
	for _, text := range []string{"[[0, 1], [2, 29]]", "[0,1],[2,29]"} {
		r.Distill.LayerPairs = nil
		if err := Assign(r.Distill, "layer_pairs", text); err != nil || !slices.Equal(r.Distill.LayerPairs, [][2]int{{0, 1}, {2, 29}}) {
			t.Errorf("%s: %v, %v", text, r.Distill.LayerPairs, err)
		}
	}
	var written bytes.Buffer
	if err := r.Write(&written, nil); err != nil {
		t.Fatal(err)
	}
	if again := mustRead(t, written.String()); !slices.Equal(again.Distill.LayerPairs, r.Distill.LayerPairs) {
		t.Errorf("%v came back as %v:\n%s", r.Distill.LayerPairs, again.Distill.LayerPairs, &written)
	}
}

// A word that is nearly right is told, in capitals too.
func TestAssignNearest(t *testing.T) {
	for value, want := range map[string]string{"Q4-0": `did you mean "q4_0"?`, "q8-0": `did you mean "q8_0"?`, "nothing_like_it": ""} {
		err := Assign(Default[Quantize](), "format", value)
		if err == nil || !strings.Contains(err.Error(), want) || want == "" && strings.Contains(err.Error(), "did you mean") {
			t.Errorf("%s: %v, want %s", value, err, want)
		}
	}
}

// A format of files that are read is not taken for a mistyped one.
func TestAssignUnwritten(t *testing.T) {
	const mixed, read = ": a mixture of formats as llama.cpp makes them is read, but not written; allowed: f32, ", ": the format is read, but not written; allowed: f32, "
	for value, want := range map[string]string{"q4_k_m": mixed, "Q3_K_XL": mixed, "q3_k": read, "IQ4_XS": read, "mxfp4": read, "q4_k_n": `did you mean`} {
		err := Assign(Default[Quantize](), "embedding", value)
		if err == nil || !strings.Contains(err.Error(), want) || want != "did you mean" && strings.Contains(err.Error(), "did you mean") {
			t.Errorf("%s: %v, want %s", value, err, want)
		}
	}
}

func TestSettingsOf(t *testing.T) {
	var keys []string
	for _, s := range SettingsOf(Default[Train]()) {
		if s.Doc == "" || s.Allowed == "" {
			t.Errorf("%s: no explanation", s.Key)
		}
		keys = append(keys, s.Key)
	}
	if !slices.Contains(keys, "lr") || slices.Contains(keys, "lora") {
		t.Errorf("keys are %v: want lr, and not the section lora", keys)
	}
}

func TestCheck(t *testing.T) {
	r := mustRead(t, full)
	if err := r.Check(func(string) bool { return true }); err != nil {
		t.Error(err)
	}
	r.Distill.Cache = "topk"
	err := r.Check(func(string) bool { return true })
	if err == nil || !strings.Contains(err.Error(), "distill.cache") {
		t.Errorf("a cache beside features: %v, want an error that names distill.cache", err)
	}
	r = mustRead(t, full)
	r.Compare.Rounds, r.Compare.Prompts = 0, r.Compare.Prompts+1
	err = r.Check(func(string) bool { return true })
	if err == nil || !strings.Contains(err.Error(), "compare.prompts") {
		t.Errorf("prompts beside no rounds, in a section that checks nothing else: %v, want an error that names compare.prompts", err)
	}
}
