package steps

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"limbeck/compress/quantize"
	"limbeck/data"
	"limbeck/eval/bench"
	"limbeck/eval/compare"
	"limbeck/eval/report"
	"limbeck/internal/disk"
	"limbeck/measure"
	"limbeck/recipe"
	"limbeck/recipe/run"
)

func init() { recipe.RegisterJudge(buildCompare) }

// What the comparison leaves. QualityFile is the report without measured times:
// two runs of one recipe agree on it byte for byte.
const (
	ReportFile  = "report.json"
	PageFile    = "report.html"
	QualityFile = "quality.json"
)

// Baselines, as recipes name them.
const (
	classical      = "classical"
	roundToNearest = "round-to-nearest"
	untouched      = "untouched"
)

// compareSettings are what a comparison depends on besides its inputs.
type compareSettings struct {
	Title   string
	Task    string
	Split   string // of the data
	Compare recipe.Compare
	Models  []judged
	Data    []string `json:",omitempty"` // each set's variants; recipes of one set keep their keys
}

// judged is one model of a comparison. Its file is the input model.N.
type judged struct {
	Name    string
	Role    report.Role
	Ref     string // of a built-in
	Digest  string // of a built-in
	Variant string
	Seed    int64
	Curve   bool // the input training.N tells how it was trained
	Maybe   bool // it may not exist: its folder then says why
}

// A judging collects the contestants.
type judging struct {
	r        *recipe.Recipe
	settings compareSettings
	inputs   []run.Input
	steps    []*run.Step // that make baselines
}

// buildCompare adds the steps that prove what the recipe made: the teachers,
// every variant's student, and the baselines that are asked for.
func buildCompare(r *recipe.Recipe, chains []*recipe.Chain) ([]*run.Step, error) {
	if r.Compare.Off || len(chains) == 0 || !chains[0].Has("data.train") {
		return nil, nil
	}
	j := &judging{r: r}
	j.settings = compareSettings{Title: r.Name, Task: r.Task, Split: "test", Compare: r.Compare}
	j.settings.Compare.Recorded = ""
	if err := j.add(chains); err != nil {
		return nil, err
	}
	if err := j.addData(datasets(chains)); err != nil {
		return nil, err
	}
	settings := j.settings
	s := &run.Step{Kind: "compare", Name: "compare", Version: 11, Settings: settings, Inputs: j.inputs,
		Exports: map[string]string{ReportFile: ReportFile, PageFile: PageFile}}
	s.Predict = predictCompare(r, chains, &settings)
	s.Run = func(ctx context.Context, w *run.Work) error { return settings.compare(ctx, w) }
	return append(j.steps, s), nil
}

// add collects the models, in the order of the report's tables.
func (j *judging) add(chains []*recipe.Chain) error {
	for _, c := range chains {
		if err := j.addTeachers(c); err != nil {
			return err
		}
	}
	for _, c := range chains {
		in, err := c.Get("student", "")
		if err != nil {
			return err
		}
		name := c.Title()
		if name == "" {
			name = "student"
		}
		if j.taken(name) || name == report.Classical && slices.Contains(j.r.Compare.Baselines, classical) {
			return c.Recipe.Problem("", "another model of the comparison is called "+name, "another name")
		}
		x := judged{Name: name, Role: report.Student, Variant: c.Variant, Seed: c.Seed}
		var training *run.Input
		if t, err := c.Get("training", ""); err == nil {
			training = &t
		}
		j.put(x, in, studentRef(c), training)
	}
	return j.addBaselines(chains)
}

// addTeachers adds the teachers that no chain before had.
func (j *judging) addTeachers(c *recipe.Chain) error {
	var members []run.Input
	for k := 0; c.Has(fmt.Sprintf("teacher.%d", k)); k++ {
		in, err := c.Get(fmt.Sprintf("teacher.%d", k), "")
		if err != nil {
			return err
		}
		members = append(members, in)
	}
	for k, in := range members {
		if j.has(in) {
			continue
		}
		name := "teacher"
		if len(members) > 1 {
			name += fmt.Sprintf(" %d", k+1)
		}
		for j.taken(name) {
			name += " of " + c.Title()
		}
		var training *run.Input
		if in.Of != nil && in.Of.Kind == "teacher" {
			training = &run.Input{Of: in.Of, Path: TrainingFile}
		}
		j.put(judged{Name: name, Role: report.Teacher}, in, c.Recipe.Teacher[0].From.Text, training)
	}
	return nil
}

// has tells whether a model is in the comparison already, maybe as another variant's.
func (j *judging) has(in run.Input) bool { return slices.ContainsFunc(j.inputs, in.Same) }

// taken tells whether a model of the comparison has the name.
func (j *judging) taken(name string) bool {
	return slices.ContainsFunc(j.settings.Models, func(x judged) bool { return x.Name == name })
}

// put adds a model, and how it was trained.
func (j *judging) put(x judged, in run.Input, ref string, training *run.Input) {
	n := len(j.settings.Models)
	if in.Of == nil && in.Path == "" {
		x.Ref, x.Digest = ref, in.Digest
	}
	if x.Curve = training != nil; x.Curve {
		t := *training
		t.Name = fmt.Sprintf("training.%d", n)
		j.inputs = append(j.inputs, t)
	}
	in.Name = fmt.Sprintf("model.%d", n)
	j.settings.Models = append(j.settings.Models, x)
	j.inputs = append(j.inputs, in)
}

// addBaselines adds what the student is to beat: itself without importance
// matrix, and the teacher in formats that bring it to the student's size.
func (j *judging) addBaselines(chains []*recipe.Chain) error {
	if slices.Contains(j.r.Compare.Baselines, roundToNearest) {
		for _, c := range chains {
			q := c.Recipe.Quantize
			if q == nil || !q.Weighed() || !c.Has("unquantized") {
				continue
			}
			plain := *q
			plain.Imatrix = false
			in, err := c.Get("unquantized", "model")
			if err != nil {
				return err
			}
			ref := studentRef(c)
			s := &run.Step{Kind: "quantize", Name: roundToNearest + dashed(c.Title()), Version: quantizeVersion, Settings: plain, Inputs: []run.Input{in}}
			s.Predict = predictQuantize(c, ref, !c.Recipe.Student.From.Model(), &plain)
			s.Run = func(ctx context.Context, w *run.Work) error { return quantizeModel(ctx, w, ref, plain) }
			j.steps = append(j.steps, s)
			j.put(judged{Name: s.Name, Role: report.Baseline}, run.Input{Of: s, Path: modelFile}, "", nil)
		}
	}
	if !slices.Contains(j.r.Compare.Baselines, untouched) {
		return nil
	}
	c := chains[len(chains)-1]
	teacher, err := c.Get("teacher.0", "teacher")
	if err != nil {
		return nil // there is none to leave untouched
	}
	student, err := c.Get("student", "student")
	if err != nil {
		return err
	}
	ref, own := c.Recipe.Teacher[0].From.Text, studentRef(c)
	s := &run.Step{Kind: "untouched", Name: untouched, Version: quantizeVersion, Inputs: []run.Input{teacher, student}}
	s.Predict = predictQuantize(c, ref, false, &recipe.Quantize{})
	s.Run = func(ctx context.Context, w *run.Work) error { return shrinkTeacher(ctx, w, ref, own) }
	j.steps = append(j.steps, s)
	j.put(judged{Name: "teacher, only quantized", Role: report.Baseline, Maybe: true}, run.Input{Of: s}, "", nil)
	return nil
}

func dashed(s string) string {
	if s == "" {
		return ""
	}
	return "-" + s
}

// whyFile says, in place of a model, why there is none.
const whyFile = "why.txt"

// shrinkTeacher stores the teacher in the largest formats that are no larger
// than the student's file, or says that there are none.
func shrinkTeacher(ctx context.Context, w *run.Work, ref, studentRef string) error {
	path := w.Input("student")
	if path == "" {
		return os.WriteFile(filepath.Join(w.Dir, whyFile), []byte("the student is "+studentRef+", not a file"), 0o666)
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	inputs := map[string]string{"model": w.Input("teacher")}
	inner := run.NewWork(w.Dir, w.Checkpoints, inputs, w.Progress, w.Log)
	inner.Threads = w.Threads
	err = quantizeModel(ctx, inner, ref, recipe.Quantize{Size: recipe.Size(info.Size())})
	if tooSmall := new(quantize.SizeError); errors.As(err, &tooSmall) {
		return os.WriteFile(filepath.Join(w.Dir, whyFile), []byte(err.Error()), 0o666)
	}
	return err
}

// addData adds the examples: the test part, or else the validation part; and
// those that the models were trained and chosen by, which say what form the data
// have, and must not be among the examples.
func (j *judging) addData(sets []dataset) error {
	name := "data.test"
	if !sets[0].chain.Has(name) {
		name, j.settings.Split = "data.validation", "validation"
	}
	in, err := sets[0].chain.Get(name, "examples")
	if err != nil {
		return err
	}
	j.inputs = append(j.inputs, in)
	for k, d := range sets {
		for _, name := range []string{"train", "validation"} {
			if name == j.settings.Split {
				continue
			}
			if in, err = d.chain.Get("data."+name, numbered(name, k)); err != nil {
				return err
			}
			j.inputs = append(j.inputs, in)
		}
		if len(sets) > 1 {
			j.settings.Data = append(j.settings.Data, d.String())
		}
	}
	if f := j.r.Compare.Recorded; f != "" {
		in = fileInput(j.r, f, "compare.recorded")
		in.Name = "recorded"
		j.inputs = append(j.inputs, in)
	}
	return nil
}

// numbered is what the comparison calls an input of the k-th set of data.
func numbered(name string, k int) string {
	if k == 0 {
		return name
	}
	return fmt.Sprintf("%s.%d", name, k)
}

// compare does the comparison and writes the report.
func (s *compareSettings) compare(ctx context.Context, w *run.Work) error {
	o, err := s.options(w)
	if err != nil {
		return err
	}
	examples, err := loadExamples(w, "examples")
	if err != nil {
		return err
	}
	if n := int(s.Compare.Limit); n > 0 && n < len(examples) {
		examples = examples[:n]
	}
	contestants, err := s.contestants(w, &o)
	if err != nil {
		return err
	}
	learned, err := s.noteKnown(w, &o, examples)
	if err != nil {
		return err
	}
	if len(learned) > 0 {
		o.Form = data.Detect(learned).Form
	}
	if slices.Contains(s.Compare.Baselines, classical) {
		o.Train = learned
	}
	if w.Has("recorded") {
		if o.Recorded, err = ReadRecorded(w.Input("recorded")); err != nil {
			return err
		}
	}
	r, err := compare.Run(ctx, contestants, examples, o)
	if err != nil {
		return err
	}
	return writeReport(w, r, o.Rounds > 0)
}

// ReadRecorded reads a file of models that were measured on an earlier day.
func ReadRecorded(path string) ([]report.Model, error) {
	f, _, err := disk.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	models, err := report.ReadRecorded(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return models, nil
}

// noteKnown notes which of the examples the models know, and returns what those of the
// first set of data learned.
func (s *compareSettings) noteKnown(w *run.Work, o *compare.Options, examples []data.Example) (first []data.Example, err error) {
	for k := range max(1, len(s.Data)) {
		learned, chosen, err := s.known(w, k)
		if err != nil {
			return nil, err
		}
		from := "the training data"
		if len(s.Data) > 1 {
			from += " of " + s.Data[k]
		}
		if note, ok := NoteOverlap(slices.Concat(learned, chosen), examples, from); ok {
			o.Notes = append(o.Notes, note)
		}
		if k == 0 {
			first = learned
		}
	}
	return first, nil
}

// known returns the examples that the models of the k-th set of data learned, without
// those that a step made, and those that they were chosen by, unless these are what is
// judged.
func (s *compareSettings) known(w *run.Work, k int) (learned, chosen []data.Example, err error) {
	if learned, err = loadAny(w, numbered("train", k)); err != nil {
		return nil, nil, err
	}
	if name := numbered("validation", k); w.Has(name) {
		if chosen, err = loadAny(w, name); err != nil {
			return nil, nil, err
		}
	}
	return original(learned), chosen, nil
}

// NoteOverlap returns what a report says of examples that occur in what models
// learned from; ok is false if none does.
func NoteOverlap(learned, examples []data.Example, from string) (note report.Note, ok bool) {
	n := len(data.Overlap(learned, examples))
	return report.Note{Title: "Data", Text: overlapping(n, len(examples), from) + "."}, n > 0
}

// overlapping says that n of so many examples occur in what models learned from.
func overlapping(n, of int, from string) string {
	return fmt.Sprintf("%d of %d examples occur in %s: figures on them prove nothing of a model that learned it", n, of, from)
}

func (s *compareSettings) options(w *run.Work) (compare.Options, error) {
	c := &s.Compare
	path, digest, err := s.dataFile(w)
	if err != nil {
		return compare.Options{}, err
	}
	o := compare.Options{
		Title: s.Title, DataPath: path, DataFile: digest, Split: s.Split, Task: s.Task, Metrics: c.Metrics,
		Bootstrap: measure.Bootstrap{Resamples: c.Resamples},
		Rounds:    c.Rounds, Prompts: c.Prompts, Examples: c.Examples,
		Prices:  compare.Prices(c.Prices),
		Threads: w.Threads, Open: Open, Look: Look, Checkpoints: w.Checkpoints, Progress: w.Progress,
	}
	if s.Split == "validation" {
		o.Notes = append(o.Notes, report.Note{Title: "Data", Text: "The recipe has no test data. These are the examples by which the best " +
			"checkpoints were chosen: the figures flatter the models that were trained."})
	}
	if o.Rounds > 0 && !bench.Available() {
		w.Warn("speed is not measured: this program cannot start itself")
		o.Rounds = 0
	}
	return o, nil
}

// dataFile returns the name and the SHA-256 of the file that the examples came
// from: the user's, or, if there were several, what the data step made of them.
func (s *compareSettings) dataFile(w *run.Work) (name, digest string, err error) {
	keys := []string{"data.test"}
	if s.Split == "validation" {
		keys = []string{"data.validation", "data.train"} // the first that there is
	}
	for _, key := range keys {
		var found []run.Origin
		for _, o := range w.Origins() {
			if o.Input == "examples" && o.Key == key {
				found = append(found, o)
			}
		}
		if len(found) == 1 {
			return shown(found[0]), found[0].Digest, nil
		}
		if len(found) > 1 {
			break
		}
	}
	digest, err = data.FileDigest(w.Input("examples"))
	return s.Split + ".jsonl", digest, err
}

// contestants lists the models, and reads how they were trained.
func (s *compareSettings) contestants(w *run.Work, o *compare.Options) ([]compare.Contestant, error) {
	var out []compare.Contestant
	for i, m := range s.Models {
		x := compare.Contestant{Name: m.Name, Role: m.Role, Ref: w.Input(fmt.Sprintf("model.%d", i)), Digest: m.Digest, Variant: m.Variant, Seed: m.Seed}
		if x.Ref == "" {
			x.Ref = m.Ref
		}
		if m.Maybe {
			if why, err := os.ReadFile(filepath.Join(x.Ref, whyFile)); err == nil {
				o.Notes = append(o.Notes, report.Note{Title: m.Name, Text: "Not compared: " + string(why)})
				continue
			}
			x.Ref = filepath.Join(x.Ref, modelFile)
		}
		out = append(out, x)
		if !m.Curve {
			continue
		}
		t, err := ReadTraining(w.Input(fmt.Sprintf("training.%d", i)))
		if err != nil {
			return nil, fmt.Errorf("how %s was trained: %w", m.Name, err)
		}
		o.Curves = append(o.Curves, compare.Curve(m.Name, t.Course, t.Curve, t.LossAlone))
	}
	return out, nil
}

// writeReport writes the report in all its forms.
func writeReport(w *run.Work, r *report.Report, timed bool) error {
	for name, fill := range map[string]func(io.Writer) error{
		ReportFile: r.WriteJSON, PageFile: r.WriteHTML, QualityFile: r.Untimed().WriteJSON,
	} {
		if err := disk.Write(filepath.Join(w.Dir, name), fill); err != nil {
			return err
		}
	}
	if timed {
		w.Measured(ReportFile)
		w.Measured(PageFile)
	}
	return nil
}
