package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"limbeck/internal/typeset"
	"limbeck/recipe"
	"limbeck/recipe/steps"
)

func init() { register(pruneCommand) }

func pruneCommand(a *app) *cobra.Command {
	var one oneFlags
	var examples string
	read := recipe.Default[recipe.Data]()
	student, prune := recipe.Default[recipe.Student](), recipe.Default[recipe.Prune]()
	cmd := &cobra.Command{
		Use: "prune MODEL", GroupID: groupMake, Args: exactly("MODEL"),
		Short: "Cut a model to a smaller shape",
		Long: "Leaves out layers, neurons, heads, channels and tokens that the data needs\n" +
			"least, and tells what is left. A dimension is a count, or a share of the\n" +
			"model's. A pruned model must be trained or distilled to be good again.\n\n" + f32Doc,
		Example: "  limbeck prune big.gguf --data log.jsonl --layers 6 --ffn 50% -o small.gguf\n" +
			"  limbeck prune big.gguf --data log.jsonl --params 15M -o small.gguf",
		RunE: func(cmd *cobra.Command, args []string) error {
			if examples == "" {
				return usageErrorf("--data names the examples that show what the model needs")
			}
			names := columnFlagNames(map[string]string{"teacher.from": "MODEL", "data.train": "--data", "data.format": "--format"})
			r := oneRecipe(nameFlags(nameFlags(names, "student", student), "prune", prune))
			var err error
			if r.Teacher, err = stage(args[0]); err != nil {
				return err
			}
			r.Student, r.Prune = *student, *prune
			if !r.Student.Reshaped() {
				return usageErrorf("nothing to cut: give --layers, --hidden, --heads, --kv-heads, --ffn, --vocab or --params")
			}
			r.Data.Format, r.Data.Columns = read.Format, read.Columns
			r.Data.Train, r.Data.Validation.Share = recipe.File(examples), 0
			if err := one.check(cmd, r); err != nil {
				return err
			}
			return a.prune(cmd, r, one, args[0])
		},
	}
	one.add(cmd.Flags())
	cmd.Flags().StringVar(&examples, "data", "", "`DATA` of the task, as limbeck train takes it")
	addReadFlags(cmd.Flags(), read)
	sectionFlags(cmd.Flags(), student, "from")
	sectionFlags(cmd.Flags(), prune)
	return cmd
}

// prunedResult is what prune prints: the shape before and after.
type prunedResult struct {
	oneResult
	Before     prunedShape `json:"before"`
	After      prunedShape `json:"after"`
	LayersKept []int       `json:"layers_kept"` // of the model before, from 0
}

type prunedShape struct {
	Layers     int `json:"layers"`
	Width      int `json:"width"`
	Heads      int `json:"heads"`
	KVHeads    int `json:"kv_heads"`
	FFN        int `json:"ffn"`
	Vocab      int `json:"vocab"`
	Parameters int `json:"parameters"`
}

func (a *app) prune(cmd *cobra.Command, r *recipe.Recipe, one oneFlags, ref string) error {
	before, err := shapeOf(ref) // now: OUT may be the same file
	if err != nil {
		return err
	}
	done, plan, err := a.doOne(cmd, r, one)
	if err != nil {
		return err
	}
	result := prunedResult{oneResult: done, Before: before}
	if result.After, err = shapeOf(one.out); err != nil {
		return err
	}
	if result.LayersKept, err = steps.KeptLayers(factOf(plan, "prune", steps.LayersKept)); err != nil {
		return fmt.Errorf("prune: %w", err)
	}
	return a.print(result, result.write)
}

func shapeOf(ref string) (prunedShape, error) {
	m, err := steps.Open(ref)
	if err != nil {
		return prunedShape{}, err
	}
	defer m.Close()
	c := m.Config()
	return prunedShape{c.Layers, c.Width, c.Heads, c.KVHeads, c.FFN, c.Vocab, c.Params()}, nil
}

func (r prunedResult) write(w io.Writer) {
	r.oneResult.write(w)
	t := table{head: []string{"", "before", "after"}}
	for _, row := range []struct {
		name          string
		before, after int
	}{
		{"layers", r.Before.Layers, r.After.Layers}, {"width", r.Before.Width, r.After.Width},
		{"heads", r.Before.Heads, r.After.Heads}, {"heads for keys and values", r.Before.KVHeads, r.After.KVHeads},
		{"neurons", r.Before.FFN, r.After.FFN}, {"tokens", r.Before.Vocab, r.After.Vocab},
		{"parameters", r.Before.Parameters, r.After.Parameters},
	} {
		t.add(row.name, count(int64(row.before)), count(int64(row.after)))
	}
	t.write(w)
	kept := fmt.Sprintf("layers kept: %s, the first being 0", strings.Trim(fmt.Sprint(r.LayersKept), "[]"))
	for _, line := range typeset.Wrap(kept, tableWidth) {
		fmt.Fprintln(w, line)
	}
}
