package report

import (
	"bytes"
	"strings"
	"testing"
)

func TestReadRecorded(t *testing.T) {
	one := `{"name": "SmolLM2", "role": "teacher", "recorded_on": "2026-11-21", "bytes": 12, "quality": [{"name": "exact_match", "value": 0.73}]}`
	for _, text := range []string{one, "[" + one + "]\n"} {
		got, err := ReadRecorded(strings.NewReader(text))
		if err != nil || len(got) != 1 || got[0].Role != Recorded || got[0].Bytes != 12 || got[0].Quality[0].Value.Or(0) != 0.73 {
			t.Errorf("%s: got %+v, %v", text, got, err)
		}
	}
	const before = `{"name": "x", "lineage": [{"step": "trained", "name": "", "detail": "on 3 examples", "digest": "", "license": ""}]}`
	if got, err := ReadRecorded(strings.NewReader(before)); err != nil || got[0].Lineage[0] != (Origin{"trained", "on 3 examples"}) {
		t.Errorf("of a report of before: %+v, %v", got, err)
	}
	for text, want := range map[string]string{
		"":                           "EOF",
		"[]":                         "0, want 1 to 100",
		`{"bytes": 3}`:               "no name",
		`{"name": "x", "byte": 3}`:   `unknown field "byte"`,
		`{"name": "x"} {}`:           "something follows",
		`{"name": "x", "bytes": ""}`: "bytes",
	} {
		if _, err := ReadRecorded(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want one with %q", text, err, want)
		}
	}
}

// A reply is drawn as that of the model that was run, though one of its name was
// recorded.
func TestRecordedNamesake(t *testing.T) {
	r := &Report{Models: []Model{{Name: "a", Role: Recorded}, {Name: "a", Role: Teacher}}}
	looks := r.looks()
	v := r.exampleView(&Example{Replies: []Reply{{Model: "a"}}}, looks)
	if got := v.Replies[0].Look; got != looks[1] || got == looks[0] {
		t.Errorf("the reply looks like %+v, want the teacher's %+v", got, looks[1])
	}
}

// FuzzRecorded reads recorded models and draws what it takes.
func FuzzRecorded(f *testing.F) {
	f.Add([]byte(`[{"name": "a", "quality": [{"name": "exact_match", "value": 0.5, "lo": 0.4}], "speed": {"latencies_seconds": [1, null]}}]`))
	f.Add([]byte(`{"name": "\u0000<b>", "bytes": -1, "parameters": 9223372036854775807, "divergence": {}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		models, err := ReadRecorded(bytes.NewReader(b))
		if err != nil {
			return
		}
		r := &Report{Models: models}
		var out bytes.Buffer
		for _, err := range []error{r.WriteText(&out, TextOptions{}), r.WriteHTML(&out), r.WriteJSON(&out)} {
			if err != nil {
				t.Error(err)
			}
		}
	})
}
