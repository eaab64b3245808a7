package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"limbeck/internal/disk"
	"limbeck/internal/machine"
	"limbeck/internal/typeset"
	"limbeck/recipe"
	"limbeck/recipe/run"
)

// A setting is a flag that stands for a key of a recipe's section.
type setting struct {
	section any
	recipe.Setting
	text  string
	given []string // the values, in order: a list is given by several flags too
}

// Set implements [pflag.Value].
func (s *setting) Set(text string) error {
	s.given = append(s.given, text)
	s.text = strings.Join(s.given, ",")
	return recipe.Assign(s.section, s.Key, s.given...)
}

// String implements [pflag.Value].
func (s *setting) String() string { return s.text }

// Type implements [pflag.Value].
func (s *setting) Type() string {
	if s.Switch {
		return "bool"
	}
	return "VALUE"
}

// commandDocs explain, by their keys, flags for which the recipe's words do not do:
// they speak of other sections, or of a teacher and a student where there is one
// model.
var commandDocs = map[string]string{
	"calibration":  "examples run through MODEL to measure activations",
	"embedding":    "of the embedding table and the output projection; q8_0 if FORMAT is smaller",
	"keep_layers":  "MODEL's layers to keep, counted from 0, as many as --layers; empty: those of greatest influence",
	"layer_pairs":  "pairs of layers that --feature compares, the student's and the teacher's, numbers from 0, as '[0,1],[2,29]' (default: all of the student's, each with the teacher's at the same share of the depth)",
	"loss_on":      "the tokens that are learned",
	"max_tokens":   "longer examples are left out, and counted; at most --batch-tokens",
	"params":       "picks a shape of at most this many parameters, mostly within a few percent of them, instead of the flags for its parts",
	"reply_tokens": "gives the model new tokens, at most this many, for what replies repeat: they take fewer steps",
	"seed":         "of the order of examples, of new weights, and of examples that are made",
	"size":         "instead of FORMAT: the mix of formats whose file is the largest that is no larger than this, as 12MB",
	"validation":   "a share of DATA, chosen by hash of the normalized text, of few the one of the least hash, or a file",
	"vocab":        "tokens kept; every byte that MODEL can spell stays reachable",
}

// f32Doc says, in the help of commands that change weights, how large their files are.
const f32Doc = "OUT's weights are f32, 4 bytes each, whatever the format was before: five to\n" +
	"seven times as large as in q4_0 or q4_1. limbeck quantize makes them small."

// sectionFlags gives a command a flag for each key of section that is not in
// without: --batch-tokens for batch_tokens.
func sectionFlags(flags *pflag.FlagSet, section any, without ...string) {
	skip := map[string]bool{}
	for _, key := range without {
		skip[key] = true
	}
	for _, s := range recipe.SettingsOf(section) {
		if skip[s.Key] {
			continue
		}
		def := s.Default
		switch {
		case s.Key == "seed": // see [oneFlags.check]
			def = strconv.FormatInt(recipe.Default[recipe.Recipe]().Seed, 10)
		case def == "0":
			def = "" // means: left to other keys
		}
		doc := cmp.Or(commandDocs[s.Key], s.Doc)
		if s.Choice != "" {
			doc += "; " + s.Choice
		}
		f := flags.VarPF(&setting{section: section, Setting: s, text: def}, flagName(s.Key), "", doc)
		if s.Switch {
			f.NoOptDefVal = "true"
		}
	}
}

// oneFlags are the flags of a command that does a single step.
type oneFlags struct {
	out     string
	force   bool
	threads int

	place *workplace // once one was asked for
}

func (f *oneFlags) add(flags *pflag.FlagSet) {
	flags.StringVarP(&f.out, "out", "o", "", "`FILE` to write, a GGUF file")
	flags.BoolVar(&f.force, "force", false, forceDoc)
	flags.IntVar(&f.threads, "threads", 0, "worker threads (default: one a core); the result does not depend on it")
}

// oneRecipe returns the recipe of a command that does a single step. flags
// name what on the command line sets each key.
func oneRecipe(flags map[string]string) *recipe.Recipe {
	r := recipe.Default[recipe.Recipe]()
	r.Name, r.Flags = "model", flags
	r.Compare.Off = true
	return r
}

// nameFlags adds to names the flags of sectionFlags, by the keys of a section
// at key.
func nameFlags(names map[string]string, key string, section any) map[string]string {
	for _, s := range recipe.SettingsOf(section) {
		if at := key + "." + s.Key; names[at] == "" {
			names[at] = "--" + flagName(s.Key)
		}
	}
	return names
}

// flagName is the flag of a recipe's key: batch-tokens for batch_tokens.
func flagName(key string) string { return strings.ReplaceAll(key, "_", "-") }

// stage returns the teacher that a command names.
func stage(text string) ([]recipe.Stage, error) {
	s := recipe.Default[recipe.Stage]()
	err := setRef(&s.From, text)
	return []recipe.Stage{*s}, err
}

// setRef reads a reference as commands take it: a file's path needs no ./ here.
func setRef(r *recipe.Ref, text string) error {
	if _, err := os.Stat(text); err == nil && !recipe.Absolute(text) {
		text = "." + string(filepath.Separator) + filepath.Clean(text)
	}
	if err := r.Set(text); err != nil {
		return usageErrorf("model %q: %v", text, err)
	}
	return nil
}

// check finds mistakes on the command line before anything is looked at.
func (f *oneFlags) check(cmd *cobra.Command, r *recipe.Recipe) error {
	if f.out == "" {
		return usageErrorf("--out FILE is missing: it says where the model goes")
	}
	out := output{"--out", f.out, f.force}
	if err := out.checkFile(ggufFile, r.Teacher[0].From.Text, r.Student.From.Text); err != nil {
		return err
	}
	given := func(key string) bool {
		name, ok := strings.CutPrefix(r.Flags[key], "--")
		return ok && cmd.Flags().Changed(name)
	}
	r.Name = nameOf(f.out) // which the model then says of itself
	takeSeed(r, given)
	if err := r.Check(given); err != nil {
		return &exitError{exitUsage, err}
	}
	return nil
}

// takeSeed makes the seed of the one training that of the recipe: 0 would mean there
// that the recipe's counts, and here it is a seed like any other.
func takeSeed(r *recipe.Recipe, given func(key string) bool) {
	if r.Train != nil && given("train.seed") {
		r.Seed, r.Train.Seed = r.Train.Seed, 0
	}
	if r.Distill != nil && given("distill.seed") {
		r.Seed, r.Distill.Seed = r.Distill.Seed, 0
	}
}

// makeOne makes what a recipe of one section asks for and prints where it is.
func (a *app) makeOne(cmd *cobra.Command, r *recipe.Recipe, f oneFlags) error {
	result, _, err := a.doOne(cmd, r, f)
	if err != nil {
		return err
	}
	return a.print(result, result.write)
}

// doOne makes what a recipe of one section, which was checked, asks for and gives
// it its name. The folder OUT.work keeps what an interrupted command goes on from.
func (a *app) doOne(cmd *cobra.Command, r *recipe.Recipe, f oneFlags) (result oneResult, plan *run.Plan, err error) {
	steps, err := compile(r)
	if err != nil {
		return result, nil, err
	}
	w, err := f.workplace()
	if err == nil {
		err = w.lock()
	}
	if err != nil {
		return result, nil, err
	}
	o := a.runOptions(r, f.threads)
	o.Started = nil
	plan, err = w.Make(cmd.Context(), steps, o)
	if err != nil {
		err = errors.Join(err, w.leave(!w.isNew || goesOn(w.Folder, plan)))
		return result, nil, moreRoom(err, "--out", cmd.Flags().Lookup("batch-tokens") != nil)
	}
	result, err = keepOne(w.Folder, plan, filepath.Join(w.Dir, r.Name+".gguf"), f.out)
	return result, plan, errors.Join(err, w.leave(err != nil))
}

// moreRoom adds to an error of what does not fit what helps: place is the flag that
// says where to write, and batches tells whether smaller ones can be asked for.
func moreRoom(err error, place string, batches bool) error {
	no := new(run.NoFit)
	switch {
	case !errors.As(err, &no):
		return err
	case no.Dir != "":
		return fmt.Errorf("%w; free %s there, or name another disk with %s", err, typeset.Bytes(no.Lacking()), place)
	case batches:
		return fmt.Errorf("%w; end other programs, or try a smaller --batch-tokens", err)
	}
	return fmt.Errorf("%w; end other programs", err)
}

// A workplace is the folder that keeps what an interrupted command goes on from.
type workplace struct {
	*run.Folder
	isNew  bool   // it was not there
	locked bool   // by this command
	drawn  string // a file beside the folder that goes when it is left; empty: none
}

// workplace returns the command's, neither made nor locked if it was not asked for yet.
func (f *oneFlags) workplace() (*workplace, error) {
	if f.place != nil {
		return f.place, nil
	}
	target, err := disk.Target(f.out)
	if err != nil {
		return nil, err
	}
	dir := target + ".work"
	_, err = os.Stat(dir)
	f.place = &workplace{Folder: run.Open(dir, machine.Class()), isNew: errors.Is(err, fs.ErrNotExist)}
	return f.place, nil
}

// lock makes w this command's own until it leaves it.
func (w *workplace) lock() error {
	if w.locked {
		return nil
	}
	err := w.Lock()
	w.locked = err == nil
	return err
}

// leave gives w back, if it is locked, and removes it unless it is to be kept.
func (w *workplace) leave(keep bool) error {
	if !w.locked {
		return nil
	}
	var err error
	if w.drawn != "" {
		err = os.Remove(w.drawn)
	}
	w.locked = false
	if !keep {
		return errors.Join(err, w.Remove())
	}
	w.Unlock()
	return err
}

// resumes tells whether the training that a recipe of one section asks for was
// interrupted, and goes on.
func (f *oneFlags) resumes(ctx context.Context, r *recipe.Recipe) (bool, error) {
	w, err := f.workplace()
	if err != nil || w.isNew { // then nothing needs to be planned
		return false, err
	}
	steps, err := compile(r)
	if err != nil {
		return false, err
	}
	plan, err := w.Plan(ctx, steps)
	if err != nil {
		return false, err
	}
	return plan.Resumes(), nil
}

// factOf returns what a step of a kind found out while it worked, "" if there is
// none.
func factOf(plan *run.Plan, kind, key string) string {
	for _, s := range plan.Steps {
		if s.Kind == kind {
			return s.Facts()[key]
		}
	}
	return ""
}

// goesOn tells whether a failed run left what another one need not do again: a
// checkpoint, or a finished step of which it was worth predicting what it takes.
func goesOn(folder *run.Folder, plan *run.Plan) bool {
	if plan == nil {
		return false
	}
	for _, s := range plan.Steps {
		if s.Done && s.Predict != nil || folder.Resumes(s) {
			return true
		}
	}
	return false
}
