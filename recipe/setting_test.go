package recipe

import (
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

// A word that is nearly right is told, in capitals too.
func TestAssignNearest(t *testing.T) {
	for value, want := range map[string]string{"Q4_0": `did you mean "q4_0"?`, "q8-0": `did you mean "q8_0"?`, "nothing_like_it": ""} {
		err := Assign(Default[Quantize](), "format", value)
		if err == nil || !strings.Contains(err.Error(), want) || want == "" && strings.Contains(err.Error(), "did you mean") {
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
}
