package steps_test

import (
	"bytes"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"limbeck/compress/prune"
	"limbeck/data"
	"limbeck/model/token"
	"limbeck/recipe"
	"limbeck/recipe/steps"
	"limbeck/store/builtin"
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

// drafted writes rows, and the recipe that is drafted for them and the teacher that the
// program carries.
func drafted(t *testing.T, rows []string) (d *steps.Drafted, path string, err error) {
	t.Helper()
	dir := t.TempDir()
	path = filepath.Join(dir, "recipe.yaml")
	write(t, filepath.Join(dir, "log.jsonl"), strings.Join(rows, "\n"))
	d, err = steps.Draft(builtin.Prefix+builtin.HomeAssistant, filepath.Join(dir, "log.jsonl"), "auto", recipe.Columns{}, map[string]string{"data.train": "--data"})
	if err != nil {
		return nil, "", err
	}
	d.Recipe.Name, d.Recipe.Data.Train = "log", "log.jsonl"
	if err := d.Recipe.Teacher[0].From.Set(builtin.Prefix + builtin.HomeAssistant); err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	if err := d.Recipe.Write(&text, d.Remarks); err != nil {
		t.Fatal(err)
	}
	write(t, path, text.String())
	return d, path, nil
}

// chatRow is a row of a log.
func chatRow(prompt, reply string) string {
	return fmt.Sprintf(`{"messages": [{"role": "user", "content": %q}, {"role": "assistant", "content": %q}]}`, prompt, reply)
}

// The trainings of a drafted recipe take examples as long as the teacher's context, but
// for a few that are far longer than the others, which is told.
func TestDraftTakesLongExamples(t *testing.T) {
	long := strings.Repeat("the lamp is on ", 225) // 900 tokens
	var rows []string
	for i := range 199 {
		rows = append(rows, chatRow(fmt.Sprint(long, i), "on"))
	}
	d, path, err := drafted(t, append(rows, chatRow(strings.Repeat(long, 4), "on")))
	if err != nil {
		t.Fatal(err)
	}
	for key, s := range map[string]*recipe.Train{"teacher.train": d.Recipe.Teacher[0].Train, "distill": &d.Recipe.Distill.Train} {
		if s.MaxTokens != 1024 || s.BatchTokens != 1024 {
			t.Errorf("%s: max_tokens %d, batch_tokens %d, want 1,024", key, s.MaxTokens, s.BatchTokens)
		}
		if told := d.Remarks[key+".max_tokens"]; !strings.HasPrefix(told, "1 of 200 examples have more than 1,024 tokens, up to 3,6") || !slices.Contains(d.Told, "max_tokens: "+told) {
			t.Errorf("%s: max_tokens is remarked as %q; told is %q", key, told, d.Told)
		}
	}
	if _, err := plan(path); err != nil {
		t.Errorf("the recipe cannot run: %v", err)
	}
	d, _, err = drafted(t, []string{chatRow(strings.Repeat(long, 4), "on"), chatRow(long, "off")})
	if err != nil || d.Recipe.Distill.MaxTokens < 3600 || d.Recipe.Distill.BatchTokens < d.Recipe.Distill.MaxTokens || len(d.Told) > 0 {
		t.Errorf("one of two examples is long: %+v, %v", d, err)
	}
	const want = "--data: none of 2 examples fits in the model's context of 8,192 tokens"
	if _, _, err := drafted(t, []string{chatRow(strings.Repeat(long, 10), "on"), chatRow(strings.Repeat(long, 11), "off")}); err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("error %v, want %s", err, want)
	}
}

// A canned reply that is longer than any token may be gets none.
func TestDraftOfCannedReplies(t *testing.T) {
	var rows []string
	for i := range 40 {
		rows = append(rows, chatRow(fmt.Sprint("question ", i), []string{strings.Repeat("Thank you for asking. ", 60), "Good bye for now."}[i%2]))
	}
	d, _, err := drafted(t, rows)
	if err != nil {
		t.Fatal(err)
	}
	if got := d.Remarks["teacher.train.reply_tokens"]; !strings.HasPrefix(got, "1 for what replies repeat") {
		t.Errorf("new tokens: %q, want 1", got)
	}
}

// Where values can be exchanged between the examples, further ones are drafted, and the
// trainings take as many fewer passes; not where there is one value of a slot, or none.
func TestDraftExchangesSlots(t *testing.T) {
	for format, want := range map[string]float64{
		`{"intent": "wake", "time": "%s"}`:  1,
		`{"intent": "wake", "time": "six"}`: 0,
		`{"intent": "wake"}`:                0,
	} {
		var rows []string
		for i := range 40 {
			value := []string{"six", "seven", "noon", "midnight"}[i%4]
			reply := strings.ReplaceAll(format, "%s", value)
			rows = append(rows, chatRow(fmt.Sprintf("wake guest %d at %s", i, value), reply))
		}
		d, path, err := drafted(t, rows)
		if err != nil {
			t.Fatal(err)
		}
		got := 0.0
		if a := load(t, path).Data.Augment; a != nil {
			got = a.ExchangeSlots
		}
		if got != want {
			t.Errorf("%s: %v exchanged an example, want %v", format, got, want)
		}
		if passes := d.Recipe.Teacher[0].Train.Epochs * (1 + want); passes != 8 {
			t.Errorf("%s: %v passes over what was given, want 8", format, passes)
		}
	}
}

// Replies in free text are judged by their loss, and are shown: auto does both. Replies
// that are nearly all of another form are told of.
func TestDraftOfFreeText(t *testing.T) {
	var rows []string
	for i := range 30 {
		rows = append(rows, chatRow(fmt.Sprint("question ", i), fmt.Sprintf(`{"intent": "ask", "number": "%d"}`, i)))
	}
	d, path, err := drafted(t, append(rows, chatRow("what?", "Sorry.")))
	if err != nil {
		t.Fatal(err)
	}
	if d.Recipe.Task != "auto" || d.Metric != "perplexity" || load(t, path).Task != "auto" {
		t.Errorf("task %s, metric %s", d.Recipe.Task, d.Metric)
	}
	const near = "all but 1 of 31 replies are JSON objects with an intent, the first that is not stands in log.jsonl:31; without such rows the data is structured JSON"
	if !slices.Contains(d.Told, near) || d.Remarks["task"] != "detected: chat log, free text; "+near {
		t.Errorf("told %q, remarked %q; want %s", d.Told, d.Remarks["task"], near)
	}
}
