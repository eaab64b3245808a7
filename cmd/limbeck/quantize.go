package main

import (
	"strings"

	"github.com/spf13/cobra"

	"limbeck/recipe"
	"limbeck/tensor/dtype"
)

func init() { register(quantizeCommand) }

func quantizeCommand(a *app) *cobra.Command {
	var one oneFlags
	var imatrix string
	read := recipe.Default[recipe.Data]()
	q := recipe.Default[recipe.Quantize]()
	cmd := &cobra.Command{
		Use: "quantize MODEL [FORMAT]", GroupID: groupMake, Args: modelAndFormat,
		Short: "Store a model's weights in fewer bits",
		Long: "Stores a model's weights in fewer bits: rounded to nearest, or with --imatrix so\n" +
			"that errors are small where the data's activations are large. FORMAT is one of\n" +
			strings.Join(dtype.WritableNames(), ", ") + ".\n" +
			"--size in its place picks a mix of them.",
		Example: "  limbeck quantize model.gguf q8_0 --out small.gguf\n" +
			"  limbeck quantize model.gguf q4_0 --imatrix train.jsonl --out smaller.gguf\n" +
			"  limbeck quantize model.gguf --size 12MB --imatrix train.jsonl --out fits.gguf",
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 2 {
				if err := recipe.Assign(q, "format", args[1]); err != nil {
					return usageErrorf("FORMAT %v", err)
				}
			} else if q.Size == 0 {
				return usageErrorf("FORMAT is missing; --size picks one")
			}
			names := columnFlagNames(map[string]string{"teacher.from": "MODEL", "data.train": "--imatrix", "data.format": "--format", "quantize.format": "FORMAT"})
			r := oneRecipe(nameFlags(names, "quantize", q))
			var err error
			if r.Teacher, err = stage(args[0]); err != nil {
				return err
			}
			r.Quantize, q.Imatrix = q, imatrix != ""
			if q.Imatrix {
				r.Data.Train, r.Data.Validation.Share = recipe.File(imatrix), 0
				r.Data.Format, r.Data.Columns = read.Format, read.Columns
			} else {
				a.tellIdle("without --imatrix, which names the data", cmd.Flags().Changed, readFlags()...)
			}
			if err := one.check(cmd, r); err != nil {
				return err
			}
			return a.makeOne(cmd, r, one)
		},
	}
	cmd.ValidArgsFunction = func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) == 1 {
			return dtype.WritableNames(), cobra.ShellCompDirectiveNoFileComp
		}
		return nil, cobra.ShellCompDirectiveDefault
	}
	one.add(cmd.Flags())
	cmd.Flags().StringVar(&imatrix, "imatrix", "", "weigh rounding errors by the activations of this `DATA`")
	addReadFlags(cmd.Flags(), read)
	sectionFlags(cmd.Flags(), q, "format", "imatrix", "aware") // aware: a training's; none is here
	return cmd
}

// modelAndFormat checks the arguments of quantize, of which the second may be missing.
func modelAndFormat(cmd *cobra.Command, args []string) error {
	if len(args) == 1 {
		return exactly("MODEL")(cmd, args)
	}
	return exactly("MODEL", "FORMAT")(cmd, args)
}
