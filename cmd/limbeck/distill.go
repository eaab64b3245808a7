package main

import (
	"github.com/spf13/cobra"

	"limbeck/recipe"
)

func init() { register(distillCommand) }

func distillCommand(a *app) *cobra.Command {
	var one oneFlags
	var teacher, student string
	var dataset dataFlags
	d := recipe.Default[recipe.Distill]()
	cmd := &cobra.Command{
		Use: "distill DATA", GroupID: groupMake, Args: exactly("DATA"),
		Short: "Train a small model to do as a large one does",
		Long: "Trains the student on the examples of DATA by what the teacher says of them: by\n" +
			"its probabilities (response), its hidden states (feature), and how its tokens\n" +
			"relate (relation), beside the data's own labels (hard).",
		Example: "  limbeck distill log.jsonl --teacher big.gguf --student cut.gguf -o small.gguf\n" +
			"  limbeck distill log.jsonl --teacher big.gguf --student cut.gguf \\\n      --cache topk --epochs 5 --lr 1e-3 -o small.gguf",
		RunE: func(cmd *cobra.Command, args []string) error {
			if teacher == "" || student == "" {
				return usageErrorf("--teacher and --student name the two models")
			}
			r := oneRecipe()
			var err error
			if r.Teacher, err = stage(teacher); err != nil {
				return err
			}
			if err := setRef(&r.Student.From, student); err != nil {
				return err
			}
			dataset.fill(&r.Data, args[0])
			r.Distill = d
			if err := a.preview(r); err != nil {
				return err
			}
			return a.makeOne(cmd, r, one)
		},
	}
	one.add(cmd.Flags())
	cmd.Flags().StringVar(&teacher, "teacher", "", "the large `MODEL`")
	cmd.Flags().StringVar(&student, "student", "", "the small `MODEL`, as limbeck prune makes it")
	dataset.add(cmd.Flags())
	sectionFlags(cmd.Flags(), d)
	return cmd
}
