package steps

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"slices"
	"strings"

	"limbeck/data"
	"limbeck/internal/typeset"
	"limbeck/recipe"
	"limbeck/recipe/run"
)

func init() { recipe.Register("data", buildData) }

// dataSettings are what examples depend on besides the files.
type dataSettings struct {
	Seed       int64
	Format     string
	Columns    recipe.Columns
	System     string
	Limit      recipe.Count
	Validation recipe.Share
	Augment    *recipe.Augment
	Parts      []string // of the files, as "#train"
	Texts      string   `json:",omitempty"` // how whole texts are divided; none in other data
	Beside     string   `json:",omitempty"` // what is beside messages; only with a system prompt
}

// newDataSettings returns what the recipe's keys alone say; [buildData] adds the rest.
func newDataSettings(r *recipe.Recipe) dataSettings {
	d := &r.Data
	return dataSettings{Seed: r.Seed, Format: d.Format, Columns: d.Columns, System: d.System, Limit: d.Limit,
		Validation: d.Validation.Share, Augment: d.Augment}
}

// buildData adds the step that reads the examples, holds the validation part
// out, and makes further ones.
func buildData(c *recipe.Chain) error {
	d := c.Recipe.Data
	if d.Train == "" {
		return nil
	}
	s := &run.Step{Kind: "data", Name: "data", Version: 6, Portable: true}
	settings := newDataSettings(c.Recipe)
	files := map[string]recipe.File{"train": d.Train, "test": d.Test, "validation": d.Validation.File}
	parts := map[string]string{}
	for _, name := range []string{"train", "test", "validation"} {
		inputs, err := dataInputs(c.Recipe, name, files[name])
		if err != nil {
			return err
		}
		s.Inputs = append(s.Inputs, inputs...)
		_, parts[name] = cutPart(c.Recipe, files[name])
		settings.Parts = append(settings.Parts, parts[name])
	}
	if data.IsText(string(d.Train), d.Format) {
		settings.Texts = "whole"
		if d.Validation.File == "" && d.Validation.Share > 0 {
			settings.Texts = "end held out"
		}
	}
	if d.System != "" {
		settings.Beside = "labels and slots"
		if d.Augment != nil { // which once found none
			settings.Beside = "labels and slots, augmented"
		}
	}
	s.Settings = settings
	s.Run = func(_ context.Context, w *run.Work) error { return settings.make(w, parts, c.Recipe) }
	c.Add(s)
	c.Put("data.train", run.Input{Of: s, Path: "train.jsonl"})
	c.Put("data.validation", run.Input{Of: s, Path: "validation.jsonl"})
	if d.Test != "" {
		c.Put("data.test", run.Input{Of: s, Path: "test.jsonl"})
	}
	return nil
}

// dataInputs returns the files that a reference of package data names, as
// inputs "NAME.0" and on.
func dataInputs(r *recipe.Recipe, name string, f recipe.File) ([]run.Input, error) {
	if f == "" {
		return nil, nil
	}
	paths, err := data.Paths(r.Find(f))
	if err != nil {
		return nil, r.Cause("data."+name, err)
	}
	var inputs []run.Input
	for i, path := range paths {
		shown := string(f)
		if len(paths) > 1 {
			shown = filepath.ToSlash(filepath.Join(filepath.Dir(string(f)), filepath.Base(path)))
		}
		inputs = append(inputs, run.Input{Name: fmt.Sprintf("%s.%d", name, i), Path: path, Shown: shown, Key: "data." + name, Where: r.Where("data." + name),
			License: r.Data.License, Labels: r.Data.Labels})
	}
	return inputs, nil
}

// cutPart returns where the files of a reference lie, and the suffix that keeps
// some of their rows, as "#train".
func cutPart(r *recipe.Recipe, f recipe.File) (pattern, part string) {
	pattern, part = data.CutPart(r.Find(f))
	if part != "" {
		part = "#" + part
	}
	return pattern, part
}

// read reads the step's inputs of a name; part is the suffix that keeps some of
// their rows.
func (d *dataSettings) read(w *run.Work, name, part string) ([]data.Example, error) {
	var all []data.Example
	var notes data.Notes
	for i := 0; w.Has(fmt.Sprintf("%s.%d", name, i)); i++ {
		more, err := d.load(w.Input(fmt.Sprintf("%s.%d", name, i))+part, &notes)
		if err != nil {
			return nil, err
		}
		all = append(all, more...)
	}
	if notes.LeftOut != (data.LeftOut{}) {
		w.Fact(name+" rows left out", notes.LeftOut.String())
	}
	for _, text := range remarks("data."+name, notes) {
		w.Warn("%s", text)
	}
	if n := int(d.Limit); n > 0 && n < len(all) {
		all = all[:n]
	}
	return all, nil
}

// remarks say what rows of what is named so are left out, and what is not read of the
// others.
func remarks(name string, notes data.Notes) (texts []string) {
	if left := notes.LeftOut.String(); left != "" {
		texts = append(texts, fmt.Sprintf("left out of %s, as an example is text with a reply: %s", name, left))
	}
	if n := notes.Unread; len(n) > 0 {
		texts = append(texts, fmt.Sprintf("%s is read as plain text, without what stands beside it (%s): --label-column, in recipes data.columns.label, names labels",
			name, strings.Join(n, ", ")))
	}
	return texts
}

// LoadExamples reads the examples of a reference of package data as recipes do; told
// says what is left out of it, and what is not read.
func LoadExamples(ref, format string, columns recipe.Columns) (all []data.Example, told []string, err error) {
	d, notes := dataSettings{Format: format, Columns: columns}, data.Notes{}
	all, err = d.load(ref, &notes)
	return all, remarks(ref, notes), err
}

// load reads the examples of a reference of package data, and notes what is left out.
func (d *dataSettings) load(ref string, notes *data.Notes) ([]data.Example, error) {
	o := data.Options{Format: d.Format, Notes: notes, Columns: data.Columns(d.Columns)}
	all, err := data.Load(ref, o)
	if err != nil {
		return nil, err
	}
	if n := int(d.Limit); n > 0 && n < len(all) {
		all = all[:n]
	}
	if d.System == "" {
		return all, nil
	}
	for i := range all {
		if m := all[i].Messages; len(m) > 0 && m[0].Role != "system" {
			all[i].Messages = append([]data.Message{{Role: "system", Content: d.System}}, m...)
		}
	}
	return all, nil
}

// make writes train.jsonl, validation.jsonl and, if there are any, test.jsonl. The recipe
// says what users call a key.
func (d *dataSettings) make(w *run.Work, parts map[string]string, r *recipe.Recipe) error {
	all, err := d.read(w, "train", parts["train"])
	if err != nil {
		return err
	}
	var validation []data.Example
	if w.Has("validation.0") {
		if validation, err = d.read(w, "validation", parts["validation"]); err != nil {
			return err
		}
		if parts["train"] == "" {
			all = data.Unassigned(all)
		}
		tellOverlap(w, r, "validation", all, validation)
	} else {
		all, validation = data.Holdout(all, float64(d.Validation))
	}
	var test []data.Example
	if w.Has("test.0") {
		if test, err = d.read(w, "test", parts["test"]); err != nil {
			return err
		}
	}
	for _, text := range doubts(r, all, validation, test) {
		w.Warn("%s", text)
	}
	if len(test) > 0 {
		tellOverlap(w, r, "test", slices.Concat(all, validation), test)
		if err := writeExamples(w, "test", test); err != nil {
			return err
		}
	}
	if d.System != "" && plain(all) {
		w.Warn("%s: changes nothing: the examples are plain text, which a message cannot stand before", r.Called("data.system"))
	}
	if n, of := d.prompted(all, validation, test); d.System != "" && n > 0 {
		w.Warn("%s: changes nothing of %s of %s: they begin with a system message of their own", r.Called("data.system"),
			typeset.Number(n), typeset.Counted(of, "example"))
	}
	if text := heldOfTexts(all, validation); text != "" {
		w.Fact(HeldOut, text)
	}
	w.Fact("examples", fmt.Sprint(len(all)))
	w.Fact("validation examples", fmt.Sprint(len(validation)))
	if a := d.Augment; a != nil {
		exchanged, invented := augment(a, all, slices.Concat(validation, test), d.Seed)
		w.Fact("examples with exchanged slots", fmt.Sprint(len(exchanged)))
		w.Fact("examples with invented values", fmt.Sprint(len(invented)))
		warnNoneMade(w, r.Called("data.augment.exchange_slots"), a.ExchangeSlots, exchanged)
		warnNoneMade(w, r.Called("data.augment.invent_values"), a.InventValues, invented)
		all = slices.Concat(all, exchanged, invented)
	}
	if err := writeExamples(w, "train", all); err != nil {
		return err
	}
	return writeExamples(w, "validation", validation)
}

// prompted counts, among all examples, those with a system message that is another than
// the settings'.
func (d *dataSettings) prompted(parts ...[]data.Example) (n, of int) {
	for _, examples := range parts {
		of += len(examples)
		for i := range examples {
			if m := examples[i].Messages; len(m) > 0 && m[0].Role == "system" && m[0].Content != d.System {
				n++
			}
		}
	}
	return n, of
}

// tellOverlap tells how many of the examples of a name occur in the training data, by
// the same words as before all work.
func tellOverlap(w *run.Work, r *recipe.Recipe, name string, learned, examples []data.Example) {
	if n, text := overlapWarning(r.Called("data."+name), learned, examples); n > 0 {
		w.Fact(name+" examples found in the training data", fmt.Sprint(n))
		w.Warn("%s", text)
	}
}

// HeldOut is the fact of a data step that says what it holds out of texts.
const HeldOut = "held out"

// heldOfTexts says what was held out of whole texts; "" of other data.
func heldOfTexts(rest, held []data.Example) string {
	if len(held) == 0 || !held[0].Whole {
		return ""
	}
	of := "the text"
	if len(rest) > 1 {
		of = "each text"
	}
	return fmt.Sprintf("the end of %s, %s of %s bytes", of, typeset.Number(textBytes(held)), typeset.Number(textBytes(held)+textBytes(rest)))
}

// plain tells whether examples, which are all of one kind, are plain texts.
func plain(examples []data.Example) bool {
	return len(examples) > 0 && examples[0].Kind() == data.Plain
}

// textBytes returns how long plain texts are together; 0 of other examples.
func textBytes(examples []data.Example) (n int) {
	if !plain(examples) {
		return 0
	}
	for i := range examples {
		n += len(examples[i].Text)
	}
	return n
}

// augment makes further examples of those there are, none of them one that is held
// out.
func augment(a *recipe.Augment, all, held []data.Example, seed int64) (exchanged, invented []data.Example) {
	n := float64(len(all))
	exchanged = data.ExchangeSlots(all, held, int(math.Round(a.ExchangeSlots*n)), uint64(seed))
	return exchanged, data.InventValues(all, held, int(math.Round(a.InventValues*n)), uint64(seed))
}

// augmented is how many examples the data step makes of one.
func augmented(d recipe.Data) float64 {
	if d.Augment == nil {
		return 1
	}
	return 1 + d.Augment.ExchangeSlots + d.Augment.InventValues
}

// warnNoneMade tells of a key that asks for examples where none could be made.
func warnNoneMade(w *run.Work, key string, asked float64, made []data.Example) {
	if asked > 0 && len(made) == 0 {
		w.Warn("%s: no new example could be made: that takes text, intent and slots whose values stand in the text, and combinations that the data lacks", key)
	}
}

func writeExamples(w *run.Work, name string, examples []data.Example) error {
	return w.Write(name+".jsonl", func(out io.Writer) error { return data.WriteJSONL(out, examples) })
}

// loadExamples reads what [writeExamples] wrote.
func loadExamples(w *run.Work, name string) ([]data.Example, error) {
	return data.Load(w.Input(name), data.Options{Written: true})
}

// loadAny is [loadExamples] of a part that may have none: a recipe that trains nothing
// may hold out all, one that trains without validation none.
func loadAny(w *run.Work, name string) ([]data.Example, error) {
	all, err := loadExamples(w, name)
	if errors.Is(err, data.ErrEmpty) {
		return nil, nil
	}
	return all, err
}

// original leaves out examples that a step made: the classical baseline, and
// the writer of prompts, learn what the data holds.
func original(examples []data.Example) []data.Example {
	var out []data.Example
	for _, e := range examples {
		if !data.Made(&e) {
			out = append(out, e)
		}
	}
	return out
}
