package main

import (
	"github.com/spf13/cobra"

	"limbeck/recipe"
)

func init() { register(pruneCommand) }

func pruneCommand(a *app) *cobra.Command {
	var one oneFlags
	var examples string
	student, prune := recipe.Default[recipe.Student](), recipe.Default[recipe.Prune]()
	cmd := &cobra.Command{
		Use: "prune MODEL", GroupID: groupMake, Args: exactly("MODEL"),
		Short: "Cut a model to a smaller shape",
		Long: "Leaves out layers, neurons, heads, channels and tokens that the data needs\n" +
			"least. A dimension is a count, or a share of the model's. A pruned model must be\n" +
			"trained or distilled to be good again.",
		Example: "  limbeck prune big.gguf --data log.jsonl --layers 6 --ffn 50% -o small.gguf\n" +
			"  limbeck prune big.gguf --data log.jsonl --params 15M -o small.gguf",
		RunE: func(cmd *cobra.Command, args []string) error {
			if examples == "" {
				return usageErrorf("--data names the examples that show what the model needs")
			}
			r := oneRecipe()
			var err error
			if r.Teacher, err = stage(args[0]); err != nil {
				return err
			}
			r.Student, r.Prune = *student, *prune
			if !r.Student.Reshaped() {
				return usageErrorf("nothing to cut: give --layers, --hidden, --heads, --ffn, --vocab or --params")
			}
			r.Data.Train, r.Data.Validation.Share = recipe.File(examples), 0
			return a.makeOne(cmd, r, one)
		},
	}
	one.add(cmd.Flags())
	cmd.Flags().StringVar(&examples, "data", "", "`DATA` of the task: JSONL, CSV, TSV or text")
	sectionFlags(cmd.Flags(), student, "from")
	sectionFlags(cmd.Flags(), prune)
	return cmd
}
