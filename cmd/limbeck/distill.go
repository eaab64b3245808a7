package main

import (
	"fmt"
	"io"

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
			"relate (relation), beside the data's own labels (hard). Probability that the\n" +
			"teacher gives to tokens which the student lacks is dropped: how much is told.\n\n" + f32Doc + "\n\n" +
			"Each validation is told on standard error. The curve is kept beside the model,\n" +
			"in OUT.training.json, for limbeck compare --training to draw.",
		Example: "  limbeck distill log.jsonl --teacher big.gguf --student cut.gguf -o small.gguf\n" +
			"  limbeck distill log.jsonl --teacher big.gguf --student cut.gguf \\\n      --cache topk --epochs 5 --lr 1e-3 -o small.gguf",
		RunE: func(cmd *cobra.Command, args []string) error {
			names := map[string]string{"teacher.from": "--teacher", "student.from": "--student"}
			r := oneRecipe(nameFlags(dataset.names(names, "DATA"), "distill", d))
			dataset.fill(&r.Data, args[0])
			r.Distill = d
			if err := twoModels(r, teacher, student); err != nil {
				return err
			}
			if err := one.check(cmd, r); err != nil {
				return err
			}
			if err := a.preview(cmd.Context(), r, one); err != nil {
				return err
			}
			return a.distill(cmd, r, one)
		},
	}
	one.add(cmd.Flags())
	cmd.Flags().StringVar(&teacher, "teacher", "", "the large `MODEL`")
	cmd.Flags().StringVar(&student, "student", "", "the small `MODEL`, as limbeck prune makes it")
	dataset.add(cmd.Flags())
	sectionFlags(cmd.Flags(), d, "reply_tokens")
	return cmd
}

func twoModels(r *recipe.Recipe, teacher, student string) (err error) {
	if teacher == "" || student == "" {
		return usageErrorf("--teacher and --student name the two models")
	}
	if r.Teacher, err = stage(teacher); err != nil {
		return err
	}
	return setRef(&r.Student.From, student)
}

// distilledResult is what distill prints. Dropped is a mean, of the teacher's; nil: its
// probabilities were not read.
type distilledResult struct {
	oneResult
	Dropped *float64 `json:"dropped_probability,omitempty"`
}

func (a *app) distill(cmd *cobra.Command, r *recipe.Recipe, one oneFlags) error {
	done, _, err := a.doOne(cmd, r, one)
	if err != nil {
		return err
	}
	result := distilledResult{oneResult: done}
	if r.Distill.Response > 0 {
		result.Dropped = &done.Training.dropped
	}
	return a.print(result, func(w io.Writer) {
		done.write(w)
		if result.Dropped != nil {
			fmt.Fprintf(w, "dropped: %.3g %% of the teacher's probability, on tokens that the student lacks\n", 100**result.Dropped)
		}
	})
}
