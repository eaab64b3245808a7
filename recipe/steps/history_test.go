package steps

import (
	"io"
	"slices"
	"testing"

	"limbeck/internal/testkit"
	"limbeck/model"
	"limbeck/recipe/run"
)

// What is made says nothing of the file that its model came from but where it came from.
func TestDescribe(t *testing.T) {
	m := testkit.Model(1)
	for _, key := range []string{model.NameKey, "general.quantized_by", "general.size_label", "quantize.imatrix.file", "split.count", "quantizer", model.LicenseKey} {
		m.Meta.Set(key, "theirs")
	}
	describe(run.NewWork(t.TempDir(), t.TempDir(), nil, nil, io.Discard), m, "made")
	got := m.Meta.Keys()
	slices.Sort(got)
	if want := []string{"general.base_model.0.name", "general.base_model.count", model.LicenseKey, model.HistoryKey, "quantizer"}; !slices.Equal(got, want) {
		t.Errorf("keys %q, want %q", got, want)
	}
	for _, key := range []string{"general.base_model.0.name", model.LicenseKey} {
		if got := m.Meta.String(key, ""); got != "theirs" {
			t.Errorf("%s: got %q, want theirs", key, got)
		}
	}
	if got, want := m.Meta.Strings(model.HistoryKey), []string{"made"}; !slices.Equal(got, want) {
		t.Errorf("history %q, want %q", got, want)
	}
}
