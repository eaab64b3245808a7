package steps_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"limbeck/data"
	"limbeck/internal/testkit"
	"limbeck/model"
	"limbeck/recipe"
	"limbeck/recipe/run"
	"limbeck/recipe/steps"
)

func TestMain(m *testing.M) {
	if path := os.Getenv(makeEnv); path != "" {
		makeAlone(path)
	}
	os.Exit(m.Run())
}

// compiled reads a recipe; its run's folder is run, beside it.
func compiled(path string) (*recipe.Recipe, []*run.Step, *run.Folder, error) {
	r, err := recipe.Load(path)
	if err != nil {
		return nil, nil, nil, err
	}
	made, err := recipe.Compile(r)
	return r, made, run.Open(filepath.Join(filepath.Dir(path), "run"), "test"), err
}

func makeRecipe(path string, threads int) error {
	return makeWith(path, run.Options{Threads: threads})
}

func makeWith(path string, o run.Options) error {
	r, made, folder, err := compiled(path)
	if err != nil {
		return err
	}
	o.Recipe, o.Program = r, "test"
	_, err = folder.Make(context.Background(), made, o)
	return err
}

// makeUncompared makes a recipe called a, but for its comparison, and opens the student.
// The error is that of the run.
func makeUncompared(t *testing.T, path string) (*model.Model, error) {
	t.Helper()
	r, err := recipe.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	r.Compare.Off = true
	made, err := recipe.Compile(r)
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(filepath.Dir(path), "run")
	if _, err := run.Open(dir, "test").Make(t.Context(), made, run.Options{Threads: 1, Recipe: r}); err != nil {
		return nil, err
	}
	student, err := model.Open(filepath.Join(dir, "a.gguf"))
	if err != nil {
		t.Fatal(err)
	}
	return student, nil
}

// workshop writes a recipe, its model and its data to a new folder, and returns
// the recipe's path.
func workshop(t *testing.T, text string) string {
	t.Helper()
	dir := t.TempDir()
	if err := testkit.Model(1).Save(filepath.Join(dir, "teacher.gguf")); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	places, things := []string{"hall", "attic", "cellar", "porch"}, []string{"lamp", "fan", "radio"}
	for i := range 60 {
		place, thing := places[i%4], things[i%3]
		fmt.Fprintf(&b, `{"text": "the %s in the %s number %d", "intent": "%s_on", "slots": [{"name": "place", "value": "%s"}]}`+"\n", thing, place, i, thing, place)
	}
	write(t, filepath.Join(dir, "train.jsonl"), b.String())
	path := filepath.Join(dir, "recipe.yaml")
	write(t, path, text)
	return path
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
}

// A model with a part missing, as a download that was cut off leaves it, is not taken
// for none.
func TestOpenPartlyMissing(t *testing.T) {
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("../../model/safetensors/testdata/tiny")); err != nil {
		t.Fatal(err)
	}
	const shard = "model-00002-of-00003.safetensors"
	if err := os.Remove(filepath.Join(dir, shard)); err != nil {
		t.Fatal(err)
	}
	for ref, want := range map[string]string{
		dir:                          shard + ", which model.safetensors.index.json names, is missing",
		filepath.Join(dir, "nosuch"): "nosuch: there is no such file or folder",
	} {
		if _, err := steps.Open(ref); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

// A teacher and a writer that know their data make examples like it: new, and
// with values from the prompt; what is of the validation part is not among them.
func TestSynthesize(t *testing.T) {
	if testing.Short() {
		t.Skip("trains until the teacher knows its data")
	}
	training := "lr: 3e-3, batch_tokens: 512, max_tokens: 128, eval_every: 100, "
	path := workshop(t, `name: a
teacher: [./teacher.gguf, {train: {`+training+`steps: 400}}]
data: {train: train.jsonl, validation: 20%}
synthesize: {prompts: 200, `+training+`steps: 200}
distill: {steps: 1, batch_tokens: 256, max_tokens: 128}
`)
	if err := makeRecipe(path, 2); err != nil {
		t.Fatal(err)
	}
	read := func(pattern string) []data.Example {
		found, err := filepath.Glob(filepath.Join(filepath.Dir(path), "run", "steps", pattern))
		if err != nil || len(found) != 1 {
			t.Fatalf("%d files %s, error %v", len(found), pattern, err)
		}
		examples, err := data.Load(found[0], data.Options{})
		if err != nil {
			t.Fatal(err)
		}
		return examples
	}
	written, validation, all := read("data-*/train.jsonl"), read("data-*/validation.jsonl"), read("synthesize-*/train.jsonl")
	made := all[len(written):]
	if len(made) < 5 {
		t.Fatalf("%d synthetic examples of 200 prompts", len(made))
	}
	t.Logf("%d synthetic examples, as %q", len(made), made[0].Input())
	if data.Digest(all[:len(written)]) != data.Digest(written) {
		t.Error("the examples of the data are not the first")
	}
	if n := len(data.Overlap(slices.Concat(written, validation), made)); n > 0 {
		t.Errorf("%d synthetic examples are in the data", n)
	}
	for _, e := range made {
		for _, s := range e.Slots {
			if !strings.Contains(data.Normalize(e.Input()), data.Normalize(s.Value)) {
				t.Errorf("%q: %s is %q", e.Input(), s.Name, s.Value)
			}
		}
	}
}

// A student that is not quantized is called as its recipe and variant say, whatever was
// trained before under another name, and though variants share their training.
func TestName(t *testing.T) {
	const text = "name: %s\nteacher: ./teacher.gguf\ndata: train.jsonl\ntrain: {steps: 1, batch_tokens: 256, max_tokens: 128}\n" +
		"compare: {rounds: 0, baselines: [], limit: 1, resamples: 100}\nvariants: {x: {}, y: {}}\n"
	path := workshop(t, fmt.Sprintf(text, "a"))
	for _, name := range []string{"a", "b"} {
		write(t, path, fmt.Sprintf(text, name))
		p, err := plan(path)
		if err != nil {
			t.Fatal(err)
		}
		trainings := 0
		for _, s := range p.Steps {
			if s.Kind == "train" {
				trainings++
				if done := name == "b"; s.Done != done {
					t.Errorf("%s: the training is done: %t, want %t", name, s.Done, done)
				}
			}
		}
		if trainings != 1 {
			t.Errorf("%s: %d trainings, want one that the variants share", name, trainings)
		}
		if err := makeRecipe(path, 1); err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{name + "-x", name + "-y"} {
			m, err := model.Open(filepath.Join(filepath.Dir(path), "run", want+".gguf"))
			if err != nil {
				t.Error(err)
				continue
			}
			if got := m.Meta.String("general.name", ""); got != want {
				t.Errorf("%s is called %q", want, got)
			}
			if err := m.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

// A warm-up that is longer than its training, whose steps follow from the data, is told of.
func TestLongWarmup(t *testing.T) {
	for _, warmup := range []int{1, 500} {
		path := workshop(t, fmt.Sprintf("name: a\nteacher: ./teacher.gguf\ndata: train.jsonl\ntrain: {epochs: 0.1, warmup: %d, batch_tokens: 256, max_tokens: 128}\n", warmup))
		var told []string
		if err := makeWith(path, run.Options{Threads: 1, Until: "train", Warned: func(text string) { told = append(told, text) }}); err != nil {
			t.Fatal(err)
		}
		const want = "the learning rate rises to the end: the warm-up has 500 steps, the training "
		if long := warmup > 1; len(told) > 0 != long || long && !strings.HasPrefix(told[0], want) {
			t.Errorf("warm-up of %d: warnings %q, want as of 500: %s", warmup, told, want)
		}
	}
}

// A budget of memory is no part of what a step makes: with another one, what is
// finished stays, and made anew it has the same bytes.
func TestMemoryChangesNothing(t *testing.T) {
	const text = `name: a
teacher: [./teacher.gguf, {train: {steps: 2, batch_tokens: 256, max_tokens: 128%[1]s}}]
data: train.jsonl
synthesize: {prompts: 5, steps: 2, batch_tokens: 256, max_tokens: 128%[1]s}
train: {steps: 2, batch_tokens: 256, max_tokens: 128%[1]s}
distill: {steps: 2, batch_tokens: 256, max_tokens: 128%[1]s}
`
	free, bound := fmt.Sprintf(text, ""), fmt.Sprintf(text, ", memory: 100MB")
	path, other := workshop(t, free), workshop(t, bound)
	for _, p := range []string{path, other} {
		if err := makeRecipe(p, 1); err != nil {
			t.Fatal(err)
		}
	}
	student := func(path string) string { return sha(t, filepath.Join(filepath.Dir(path), "run", "a.gguf")) }
	if got, want := student(other), student(path); got != want {
		t.Errorf("with a budget the student is %s, without %s", got, want)
	}
	write(t, path, bound)
	p, err := plan(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range p.Steps {
		if !s.Done && s.Kind != "compare" {
			t.Errorf("with a budget, step %s is made anew: %s", s.Name, s.Why)
		}
	}
}

// The other ways to a student: random weights, live losses, the teacher as it
// is, and the shape by the number of parameters.
func TestWays(t *testing.T) {
	for name, text := range map[string]string{
		"scratch": "student: {from: scratch, layers: 1, hidden: 50, heads: 4}\ntrain: {steps: 3, batch_tokens: 256, max_tokens: 128}\n",
		"live": "student: {layers: 2}\ndistill: {feature: 1, relation: 1, steps: 3, batch_tokens: 256, max_tokens: 128}\n" +
			"quantize: {size: 150kB}\n",
		"all tokens": "student: {layers: 2}\ndistill: {cache: topk, topk: 8, loss_on: all, steps: 3, batch_tokens: 256, max_tokens: 128}\n",
		"reverse":    "student: {params: 80k}\ndistill: {divergence: reverse, steps: 3, batch_tokens: 256, max_tokens: 128}\n",
		"adapters":   "distill: {steps: 3, batch_tokens: 256, max_tokens: 128, lora: {rank: 4}}\n",
		"aware": "distill: {steps: 3, batch_tokens: 256, max_tokens: 128}\n" +
			"quantize: {format: q4_0, aware: true}\n",
		"quantized": "quantize: q8_0\n",
	} {
		t.Run(name, func(t *testing.T) {
			path := workshop(t, "name: a\nteacher: ./teacher.gguf\ndata: {train: train.jsonl, license: MIT, labels: people}\n"+text)
			if err := makeRecipe(path, 1); err != nil {
				t.Fatal(err)
			}
			m, err := model.Open(filepath.Join(filepath.Dir(path), "run", "a.gguf"))
			if err != nil {
				t.Fatal(err)
			}
			defer m.Close()
			checkOrigin(t, m, filepath.Dir(path), name)
			report, err := os.ReadFile(filepath.Join(filepath.Dir(path), "run", steps.ReportFile))
			if drawn := `"step": "drawn"`; err != nil || strings.Contains(string(report), drawn) != (name == "scratch") {
				t.Errorf("error %v; a report says %s just of random weights", err, drawn)
			}
		})
	}
}

// Of what weights do, nothing is measured for a student that has none of them.
func TestScratchMeasuresNothing(t *testing.T) {
	for from, want := range map[string]bool{"teacher": true, "scratch": false} {
		path := workshop(t, "name: a\nteacher: ./teacher.gguf\ndata: train.jsonl\nstudent: {from: "+from+", layers: 1}\ntrain: {steps: 1}\n")
		measured := false
		progress := func(stage string, _, _ int64, _ string) { measured = measured || strings.Contains(stage, "measuring") }
		if err := makeWith(path, run.Options{Threads: 1, Until: "prune", Progress: progress}); err != nil {
			t.Fatal(err)
		}
		if measured != want {
			t.Errorf("from %s: activations are measured: %t, want %t", from, measured, want)
		}
	}
}

// A training is shown from its beginning, as times are counted from there, and within
// steps of many passes.
func TestTrainingIsShown(t *testing.T) {
	path := workshop(t, "name: a\nteacher: ./teacher.gguf\ndata: train.jsonl\ntrain: {steps: 2, batch_tokens: 100k}\n")
	var shown []string
	progress := func(stage string, done, total int64, note string) {
		shown = append(shown, fmt.Sprintf("%s: %d of %d, %s", stage, done, total, note))
	}
	if err := makeWith(path, run.Options{Threads: 1, Until: "train", Progress: progress}); err != nil {
		t.Fatal(err)
	}
	want := []string{
		`train: 0 of 2, `,
		`train: 0 of 2, \d+ tokens/s, pass 1 of 2`,
		`train: 1 of 2, loss [\d.]+, \d+ tokens/s`,
		`train: 1 of 2, loss [\d.]+, \d+ tokens/s, pass 1 of 2`,
		`train: 2 of 2, loss [\d.]+, \d+ tokens/s`,
	}
	if got := strings.Join(shown, "\n"); !regexp.MustCompile("^" + strings.Join(want, "\n") + "$").MatchString(got) {
		t.Errorf("shown:\n%s\nwant:\n%s", got, strings.Join(want, "\n"))
	}
}

// A base model, which has no template, gets the one that fits the data where it learns
// of it, lends one where it is measured by it, and is not compared by it.
func TestBaseModel(t *testing.T) {
	const head = "name: a\nteacher: ./base.gguf\ndata: train.jsonl\ncompare: {rounds: 0}\n"
	for text, trained := range map[string]bool{
		"quantize: q4_0\n": false,
		"student: {layers: 2}\ntrain: {steps: 1, batch_tokens: 256, max_tokens: 128}\n":            true,
		"distill: {cache: topk, topk: 4, steps: 1, batch_tokens: 256, max_tokens: 128}\n":          true,
		"student: {layers: 1}\ndistill: {hard: 1, steps: 1, batch_tokens: 256, max_tokens: 128}\n": true,
	} {
		path := workshop(t, head+text)
		m := testkit.Model(1)
		if err := m.SetTemplate(""); err != nil {
			t.Fatal(err)
		}
		if err := m.Save(filepath.Join(filepath.Dir(path), "base.gguf")); err != nil {
			t.Fatal(err)
		}
		if _, err := plan(path); err == nil || !strings.Contains(err.Error(), ":2:10: teacher.from: has no chat template, and the comparison asks it") {
			t.Errorf("%s: %v, want that it cannot be compared", text, err)
		}
		student, err := makeUncompared(t, path)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := student.Template != nil; got != trained {
			t.Errorf("%s: the student has a template: %v, want %v", text, got, trained)
		}
		if err := student.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// A model whose template is not known is made into others that need none of it, and its
// template passed on as it is, where no training gives the one that fits the data.
func TestUnreadTemplate(t *testing.T) {
	const own, fitted = "{% block x %}{% endblock %}", "{{ messages[-1]['content'] }}{% if add_generation_prompt %}{{ '\\n' }}{% endif %}"
	const short = "{steps: 1, batch_tokens: 256, max_tokens: 128}\n"
	const unknown = "chat template, line 1: statement {% block %} is not supported"
	for text, want := range map[string]string{
		"quantize: {format: q4_0, imatrix: true}\n": own,
		"student: {layers: 1}\n":                    own,
		"student: {layers: 2}\ntrain: " + short:     fitted,
	} {
		path := workshop(t, "name: a\nteacher: ./unread.gguf\ndata: train.jsonl\n"+text)
		m := testkit.Model(1)
		if err := m.SetTemplate(own); err == nil {
			t.Fatal("the template is known")
		}
		if err := m.Save(filepath.Join(filepath.Dir(path), "unread.gguf")); err != nil {
			t.Fatal(err)
		}
		if _, err := plan(path); err == nil || !strings.Contains(err.Error(), ":2:10: teacher.from: "+unknown+", and the comparison asks it") {
			t.Errorf("%s: %v, want that it cannot be compared", text, err)
		}
		student, err := makeUncompared(t, path)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := student.TemplateSource(); got != want {
			t.Errorf("%s: the student's template is %q, want %q", text, got, want)
		}
		if err := student.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// Where nothing is held out there is nothing that synthetic examples must not be.
func TestSynthesizeWithoutValidation(t *testing.T) {
	path := workshop(t, `name: a
teacher: ./teacher.gguf
data: {train: train.jsonl, test: ./train.jsonl, validation: 0%}
synthesize: {prompts: 2, steps: 1, batch_tokens: 256, max_tokens: 128}
distill: {steps: 1, batch_tokens: 256, max_tokens: 128}
compare: {rounds: 0}
`)
	if err := makeRecipe(path, 1); err != nil {
		t.Error(err)
	}
}

// A student that the program carries is the one that learns, though its teacher is
// another.
func TestBuiltinStudent(t *testing.T) {
	if testing.Short() {
		t.Skip("trains a model of 11 million parameters")
	}
	path := workshop(t, "name: a\nteacher: ./large.gguf\nstudent: builtin:home-assistant\ndata: train.jsonl\ncompare: {rounds: 0}\n"+
		"distill: {cache: topk, topk: 4, steps: 1, batch_tokens: 256, max_tokens: 128}\n")
	m, err := steps.Open("builtin:home-assistant")
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	large := filepath.Join(filepath.Dir(path), "large.gguf")
	if err := m.Save(large); err != nil {
		t.Fatal(err)
	}
	if err := makeRecipe(path, 2); err != nil {
		t.Fatal(err)
	}
	student, err := model.Open(filepath.Join(filepath.Dir(path), "run", "a.gguf"))
	if err != nil {
		t.Fatal(err)
	}
	defer student.Close()
	if got, want := student.Config(), m.Config(); got != want {
		t.Errorf("a student of shape %+v, want %+v", got, want)
	}
}

// Examples that are too long for a training are told of once, before it; the lineage
// counts them, and the model's history counts the others.
func TestLeftOut(t *testing.T) {
	const head = "name: a\nteacher: ./teacher.gguf\ndata: {train: mixed.jsonl, validation: ./held.jsonl}\n"
	row := func(i int, words string) string {
		return fmt.Sprintf(`{"text": "lamp %s %d", "label": "%s"}`+"\n", words, i, []string{"on", "off"}[i%2])
	}
	long := strings.Repeat("the cat ", 40) // which the context has room for
	path := workshop(t, head+"train: {steps: 1, max_tokens: 64}\n")
	dir := filepath.Dir(path)
	var mixed strings.Builder
	for i := range 45 {
		if i < 5 {
			mixed.WriteString(row(i, long))
		} else {
			mixed.WriteString(row(i, ""))
		}
	}
	write(t, filepath.Join(dir, "mixed.jsonl"), mixed.String())
	write(t, filepath.Join(dir, "held.jsonl"), row(100, long)+row(101, ""))
	var told []string
	if err := makeWith(path, run.Options{Threads: 1, Until: "name", Warned: func(text string) { told = append(told, text) }}); err != nil {
		t.Fatal(err)
	}
	const key, why = "train.max_tokens: ", " left out: they have more than 64 tokens"
	if want := []string{key + "5 of 45 training examples are" + why, key + "1 of 2 validation examples are" + why}; !slices.Equal(told, want) {
		t.Errorf("told %q, want %q", told, want)
	}
	lineage, err := os.ReadFile(filepath.Join(dir, "run", run.LineageFile))
	for _, want := range []string{`"training examples left out as too long": "5"`, `"validation examples left out as too long": "1"`} {
		if err != nil || !strings.Contains(string(lineage), want) {
			t.Errorf("error %v; the lineage lacks %s", err, want)
		}
	}
	m, err := model.Open(filepath.Join(dir, "run", "a.gguf"))
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if got := m.Meta.Strings("limbeck.history"); len(got) != 1 || !strings.HasPrefix(got[0], "trained on 40 examples; ") {
		t.Errorf("history %q, want 40 examples", got)
	}
	write(t, path, strings.Replace(head, "./teacher.gguf", "{from: ./teacher.gguf, train: {max_tokens: 64}}", 1)+"train: {max_tokens: 64}\n")
	p, err := plan(path)
	if err != nil {
		t.Fatal(err)
	}
	told = p.Warnings()
	if len(told) != 4 || !strings.HasPrefix(told[0], "teacher.train.max_tokens: 5 of 45 ") || !strings.HasPrefix(told[2], "train.max_tokens: 5 of 45 ") {
		t.Errorf("told %q, want of each training its own", told)
	}
	write(t, filepath.Join(dir, "held.jsonl"), row(100, long))
	for settings, want := range map[string]string{
		"max_tokens: 2":                    path + ":4:21: train.max_tokens: leaves none of 45 training examples, which the training needs (allowed: at least ",
		"max_tokens: 64, lr: [1e-3, 2e-3]": path + ":4:21: train.max_tokens: leaves none of 1 validation example, which the training needs (allowed: at least ",
		"max_tokens: 64, keep: last":       "",
		"max_tokens: 64, lr: 1e-3":         "",
	} {
		write(t, path, head+"train: {"+settings+"}\n")
		if _, err := plan(path); want == "" && err != nil || want != "" && (err == nil || !strings.HasPrefix(err.Error(), want)) {
			t.Errorf("%s: error %v, want %s", settings, err, want)
		}
	}
}

// What is too long is counted in the tokens that the student will have: it spells words
// of which its teacher has tokens.
func TestLeftOutOfStudent(t *testing.T) {
	const recipe = "name: a\nteacher: ./teacher.gguf\ndata: {train: mixed.jsonl, test: test.jsonl%s}\nstudent: {vocab: 261}\ntrain: {steps: 1, max_tokens: 40}\n" +
		"compare: {rounds: 0, resamples: 100, baselines: []}\n"
	path := workshop(t, fmt.Sprintf(recipe, ""))
	var mixed strings.Builder
	for i := range 50 {
		words := strings.Repeat(" the", 12)
		if i < 5 {
			words = strings.Repeat(" mat", 12)
		}
		fmt.Fprintf(&mixed, `{"text": "%d%s", "label": "%s"}`+"\n", i, words, []string{"on", "off"}[i%2])
	}
	write(t, filepath.Join(filepath.Dir(path), "mixed.jsonl"), mixed.String())
	write(t, filepath.Join(filepath.Dir(path), "test.jsonl"),
		`{"text": "`+strings.Repeat(" mat", 60)+`", "label": "on"}`+"\n"+`{"text": "a mat", "label": "on"}`+"\n")
	p, err := plan(path)
	if err != nil {
		t.Fatal(err)
	}
	told := p.Warnings()
	for i, want := range []string{"train.max_tokens: 5 of 49 training examples are left out: they have more than 40 tokens",
		"data.test: 1 of 2 examples are longer than the context of the student, the first is test.jsonl:1: no model will be judged by them"} {
		if i >= len(told) || told[i] != want {
			t.Errorf("told %q, want %s", told, want)
		}
	}
	var again []string
	if err := makeWith(path, run.Options{Threads: 1, Warned: func(text string) { again = append(again, text) }}); err != nil || !slices.Equal(again, told) {
		t.Errorf("making it told %q, error %v; want what was foreseen: %q", again, err, told)
	}
	write(t, path, fmt.Sprintf(recipe, ", augment: {exchange_slots: 1}"))
	if p, err = plan(path); err != nil || len(p.Warnings()) == 0 || !strings.HasSuffix(p.Warnings()[0], "; those that are yet to be made are not counted") {
		t.Errorf("told %q, error %v; want that further examples are not counted", p.Warnings(), err)
	}
}

// checkOrigin checks that a model says its name, and what was done to it and to
// what.
func checkOrigin(t *testing.T, m *model.Model, dir, way string) {
	t.Helper()
	if name := m.Meta.String("general.name", ""); name != "a" {
		t.Errorf("the model is called %q, want a, as the recipe", name)
	}
	history := m.Meta.Strings("limbeck.history")
	if len(history) == 0 {
		t.Fatal("the model has no history")
	}
	last := history[len(history)-1]
	wants := []string{"; from model ./teacher.gguf (sha256 " + sha(t, filepath.Join(dir, "teacher.gguf"))}
	if way != "quantized" && way != "aware" {
		wants = append(wants, "data train.jsonl (sha256 "+sha(t, filepath.Join(dir, "train.jsonl"))+"; license: MIT; labels: people)")
	}
	if way == "scratch" || way == "reverse" || way == "adapters" {
		wants = append(wants, " on 49 examples")
	}
	if made := ", rounded to q4_0 at every step"; way == "aware" && !strings.Contains(history[len(history)-2], made) {
		t.Errorf("the history lacks %q: %s", made, history)
	}
	for _, want := range wants {
		if !strings.Contains(last, want) {
			t.Errorf("the last line of the history lacks %q: %s", want, last)
		}
	}
}

// sha returns the first digits of a file's SHA-256.
func sha(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%x", sha256.Sum256(b))[:12]
}

// A file of a given size has room for the names of all that it was made from.
func TestSizeOfManySources(t *testing.T) {
	const size, files = 84_000, 100
	path := workshop(t, fmt.Sprintf("name: a\nteacher: ./teacher.gguf\ndata: 'part*.jsonl'\nquantize: {size: %dB}\n", size))
	for i := range files {
		write(t, filepath.Join(filepath.Dir(path), fmt.Sprintf("part%d.jsonl", i)), fmt.Sprintf(`{"prompt": "the lamp %d", "completion": "on"}`+"\n", i))
	}
	if err := makeWith(path, run.Options{Threads: 1, Until: "quantize"}); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(filepath.Join(filepath.Dir(path), "run", "a.gguf"))
	if err != nil {
		t.Fatal(err)
	}
	if info.Size() > size {
		t.Errorf("asked for at most %d bytes, got %d", size, info.Size())
	}
}

// Licenses go along: what the recipe says of a teacher whose file says nothing, into the
// student's file; what a teacher's file says, into the lineage, and into the history of
// a student of another license.
func TestLicenses(t *testing.T) {
	const theirs = "teacher: {from: ./teacher.gguf, license: theirs}\nstudent: {layers: 1}\n"
	for _, c := range []struct{ file, recipe, license, cited, lineage string }{
		{"", theirs, "theirs", "; license: theirs", "theirs"},
		{"cc-by-nc-4.0", theirs, "cc-by-nc-4.0", "; license: theirs", "theirs"},
		{"cc-by-nc-4.0", "teacher: ./teacher.gguf\nstudent: {layers: 1}\n", "cc-by-nc-4.0", "", "cc-by-nc-4.0"},
		{"cc-by-nc-4.0", "teacher: ./teacher.gguf\nstudent: ./own.gguf\ndistill: {steps: 1, batch_tokens: 256, max_tokens: 128}\n",
			"apache-2.0", "; license: cc-by-nc-4.0", "cc-by-nc-4.0"},
	} {
		path := workshop(t, "name: a\ndata: train.jsonl\nquantize: q8_0\n"+c.recipe)
		dir := filepath.Dir(path)
		for name, license := range map[string]string{"teacher": c.file, "own": "apache-2.0"} {
			m := testkit.Model(1)
			m.Meta.Set(model.LicenseKey, license)
			if err := m.Save(filepath.Join(dir, name+".gguf")); err != nil {
				t.Fatal(err)
			}
		}
		if err := makeWith(path, run.Options{Threads: 1, Until: "quantize"}); err != nil {
			t.Fatal(err)
		}
		m, err := model.Open(filepath.Join(dir, "run", "a.gguf"))
		if err != nil {
			t.Fatal(err)
		}
		if got := m.Meta.String(model.LicenseKey, ""); got != c.license {
			t.Errorf("%s: license %q, want %q", c.recipe, got, c.license)
		}
		history := m.Meta.Strings(model.HistoryKey)
		cited := fmt.Sprintf("model ./teacher.gguf (sha256 %s%s)", sha(t, filepath.Join(dir, "teacher.gguf")), c.cited)
		if last := history[len(history)-1]; !strings.Contains(last, cited) {
			t.Errorf("%s: history %q lacks %s", c.recipe, last, cited)
		}
		if err := m.Close(); err != nil {
			t.Fatal(err)
		}
		lineage, err := os.ReadFile(filepath.Join(dir, "run", run.LineageFile))
		said := regexp.MustCompile(`"path": "./teacher.gguf",\s+"sha256": "[0-9a-f]+",\s+"license": "` + c.lineage + `"`)
		if err != nil || !said.Match(lineage) {
			t.Errorf("%s: error %v; the lineage lacks the license %s of the teacher", c.recipe, err, c.lineage)
		}
	}
}
