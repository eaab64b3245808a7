package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"limbeck/data"
	"limbeck/recipe"
	"limbeck/recipe/steps"
)

func init() { register(trainCommand) }

// dataFlags say what the examples of a training are.
type dataFlags struct {
	data    *recipe.Data
	augment *recipe.Augment
	flags   *pflag.FlagSet
}

const (
	exchangeFlag = "exchange-slots"
	inventFlag   = "invent-values"
)

func (f *dataFlags) add(flags *pflag.FlagSet) {
	f.data, f.augment, f.flags = recipe.Default[recipe.Data](), recipe.Default[recipe.Augment](), flags
	sectionFlags(flags, f.data, "train", "test")
	flags.Var(&setting{section: f.augment, Setting: recipe.Setting{Key: "exchange_slots"}}, exchangeFlag, "make so many further examples of each, with slot values of others")
	flags.Var(&setting{section: f.augment, Setting: recipe.Setting{Key: "invent_values"}}, inventFlag, "make so many further examples of each, with slot values that do not exist")
	addColumnFlags(flags, &f.data.Columns)
}

// addColumnFlags gives a command flags that name columns of a table, or keys of JSON.
func addColumnFlags(flags *pflag.FlagSet, columns *recipe.Columns) {
	for _, s := range recipe.SettingsOf(columns) {
		flags.Var(&setting{section: columns, Setting: s}, columnFlag(s.Key), "the column, or key, of "+s.Doc)
	}
}

// columnFlag is the flag that names the column of a key.
func columnFlag(key string) string { return key + "-column" }

// addReadFlags gives a command flags that say how its data is read.
func addReadFlags(flags *pflag.FlagSet, d *recipe.Data) {
	for _, s := range recipe.SettingsOf(d) {
		if s.Key == "format" {
			flags.Var(&setting{section: d, Setting: s, text: d.Format}, s.Key, "how the data is read: "+s.Allowed+"; "+s.Doc)
		}
	}
	addColumnFlags(flags, &d.Columns)
}

// readFlags names the flags of addReadFlags.
func readFlags() []string {
	names := []string{"format"}
	for _, s := range recipe.SettingsOf(new(recipe.Columns)) {
		names = append(names, columnFlag(s.Key))
	}
	return names
}

// loadExamples is [steps.LoadExamples], and tells what is left out or not read.
func (a *app) loadExamples(ref string, d *recipe.Data) ([]data.Example, error) {
	all, told, err := steps.LoadExamples(ref, d.Format, d.Columns)
	if err != nil {
		return nil, err
	}
	for _, text := range told {
		a.remark("%s", text)
	}
	return all, nil
}

// columnFlagNames adds the flags of addColumnFlags to names, by the recipe's keys.
func columnFlagNames(names map[string]string) map[string]string {
	for _, s := range recipe.SettingsOf(new(recipe.Columns)) {
		names["data.columns."+s.Key] = "--" + columnFlag(s.Key)
	}
	return names
}

// names adds the flags of the data's keys to names; path is what the command
// calls the file.
func (f *dataFlags) names(names map[string]string, path string) map[string]string {
	names["data.train"] = path
	columnFlagNames(names)
	names["data.augment.exchange_slots"], names["data.augment.invent_values"] = "--"+exchangeFlag, "--"+inventFlag
	return nameFlags(names, "data", f.data)
}

func (f *dataFlags) fill(d *recipe.Data, path string) {
	*d = *f.data
	d.Train = recipe.File(path)
	if f.flags.Changed(exchangeFlag) || f.flags.Changed(inventFlag) {
		d.Augment = f.augment
	}
}

// trainFlags are the flags of train.
type trainFlags struct {
	one           oneFlags
	from, scratch string
	dataset       dataFlags
	train         *recipe.Train
	lora          *recipe.LoRA
}

func trainCommand(a *app) *cobra.Command {
	f := trainFlags{train: recipe.Default[recipe.Train](), lora: recipe.Default[recipe.LoRA]()}
	cmd := &cobra.Command{
		Use: "train DATA", GroupID: groupMake, Args: exactly("DATA"),
		Short: "Train a model on examples",
		Long: "Trains a model on the examples of DATA: JSONL or JSON with {\"prompt\",\n" +
			"\"completion\"}, {\"messages\"}, {\"text\", \"label\"}, {\"text\", \"intent\", \"slots\"} or\n" +
			"{\"text\"}; CSV and TSV with columns of these names; or a text, .txt, whose end is\n" +
			"held out for validation. It starts from a model, or from random weights of a\n" +
			"shape and a tokenizer made from the data. Interrupted and started again, it\n" +
			"goes on where it was.\n\n" + f32Doc + "\n\n" +
			"Each validation is told on standard error. The curve is kept beside the model,\n" +
			"in OUT.training.json, for limbeck compare --training to draw.",
		Example: "  limbeck train log.jsonl --from model.gguf --epochs 2 --out tuned.gguf\n" +
			"  limbeck train qa.csv --from model.gguf \\\n" +
			"      --prompt-column q --completion-column a --out tuned.gguf\n" +
			"  limbeck train book.txt --scratch layers=4,hidden=256,heads=4 --out new.gguf",
		RunE: func(cmd *cobra.Command, args []string) error { return a.train(cmd, &f, args[0]) },
	}
	f.add(cmd.Flags())
	return cmd
}

func (f *trainFlags) add(flags *pflag.FlagSet) {
	f.one.add(flags)
	flags.StringVar(&f.from, "from", "", "the `MODEL` to start from")
	flags.StringVar(&f.scratch, "scratch", "", "the `SHAPE` of a new model: "+steps.ShapeKeys())
	flags.Var(&setting{section: f.lora, Setting: recipe.Setting{Key: "rank"}}, "lora-rank", "train low-rank adapters of this rank instead of all weights")
	flags.Var(&setting{section: f.lora, Setting: recipe.Setting{Key: "alpha"}}, "lora-alpha", "their weight is alpha/rank")
	f.dataset.add(flags)
	sectionFlags(flags, f.train)
}

func (a *app) train(cmd *cobra.Command, f *trainFlags, path string) error {
	if (f.from == "") == (f.scratch == "") {
		return usageErrorf("either --from names a model, or --scratch gives a shape")
	}
	names := map[string]string{"teacher.from": "--from", "train.lora.rank": "--lora-rank", "train.lora.alpha": "--lora-alpha"}
	r := oneRecipe(nameFlags(f.dataset.names(names, "DATA"), "train", f.train))
	f.dataset.fill(&r.Data, path)
	from := f.from
	var shape steps.NewShape
	var err error
	if f.scratch != "" {
		if shape, err = steps.ParseShape(f.scratch); err != nil {
			return usageErrorf("--scratch %s: %w", f.scratch, err)
		}
		from, names["teacher.from"] = f.one.out+".scratch.gguf", "--scratch"
	}
	if r.Teacher, err = stage(from); err != nil {
		return err
	}
	r.Teacher[0].Drawn = f.scratch != ""
	r.Train = f.train
	if cmd.Flags().Changed("lora-rank") || cmd.Flags().Changed("lora-alpha") {
		r.Train.LoRA = f.lora
	}
	if err := f.one.check(cmd, r); err != nil {
		return err
	}
	if f.scratch != "" {
		leave, err := f.one.draw(from, r, shape)
		if err != nil {
			return err
		}
		defer leave()
	}
	if err := a.preview(cmd.Context(), r, f.one); err != nil {
		return err
	}
	return a.makeOne(cmd, r, f.one)
}

// draw writes the model that a training starts from, once no other command is at work
// on the same OUT, which may read a file of that name. One that goes on makes it anew,
// the same.
func (f *oneFlags) draw(path string, r *recipe.Recipe, shape steps.NewShape) (leave func(), err error) {
	w, err := f.workplace()
	if err == nil {
		err = w.lock()
	}
	if err != nil {
		return nil, err
	}
	if err := steps.NewModel(path, r, shape); err != nil {
		return nil, errors.Join(err, w.leave(!w.isNew))
	}
	w.drawn = path
	return func() { _ = w.leave(!w.isNew) }, nil // unless the run has left it
}

// preview shows, on standard error, one example as the model will see it, and
// what the training takes.
func (a *app) preview(ctx context.Context, r *recipe.Recipe, f oneFlags) error {
	if a.quiet {
		return nil
	}
	p, err := steps.NewPreview(r)
	if err != nil {
		return err
	}
	if p.Resumes, err = f.resumes(ctx, r); err != nil {
		return err
	}
	a.progress.finish()
	p.Write(a.err)
	return nil
}
