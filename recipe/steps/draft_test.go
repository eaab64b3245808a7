package steps_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"limbeck/compress/prune"
	"limbeck/data"
	"limbeck/model/token"
	"limbeck/recipe"
	"limbeck/recipe/steps"
)

// A small log does not decide alone what words a student can read: those that it
// lacks are not spelled in bytes.
func TestDraftKeepsWords(t *testing.T) {
	const teacher, words = "builtin:home-assistant", "please wake me at seven tomorrow and play some music"
	path := filepath.Join(t.TempDir(), "log.jsonl")
	var rows strings.Builder
	for i := range 30 {
		fmt.Fprintf(&rows, `{"messages": [{"role": "user", "content": "parcel %d is lost"}, {"role": "assistant", "content": "parcel"}]}`+"\n", i)
	}
	write(t, path, rows.String())
	d, err := steps.Draft(teacher, path, "auto", recipe.Columns{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	m, err := steps.Open(teacher)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	examples, err := data.Load(path, data.Options{})
	if err != nil {
		t.Fatal(err)
	}
	set, _, err := data.Sequences(m, examples, 100)
	if err != nil {
		t.Fatal(err)
	}
	used := make([]int, m.Config().Vocab)
	for _, s := range set {
		for _, id := range s.IDs {
			used[id]++
		}
	}
	count := int(d.Recipe.Student.Vocab.Count)
	length := func(spec token.Spec, _ []int, err error) int {
		if err != nil {
			t.Fatal(err)
		}
		small, err := token.New(spec)
		if err != nil {
			t.Fatal(err)
		}
		return len(small.Encode(words, false))
	}
	spec := m.Tokenizer.Spec()
	whole, log := length(spec, nil, nil), length(spec.Prune(func(id int) bool { return used[id] > 0 }))
	if got := length(prune.Tokens(spec, used, count)); got-whole > (log-whole)/2 {
		t.Errorf("%q has %d of %d tokens: the teacher's %d take %d, those of the log %d", words, got, count, len(spec.Tokens), whole, log)
	}
	if most := 2 * len(spec.Tokens) / 3; count > most {
		t.Errorf("%d tokens stay of the teacher's %d, want less than two thirds in a student of half its weights", count, len(spec.Tokens))
	}
}
