package main

import (
	"strings"

	"github.com/spf13/cobra"

	"limbeck/compress/quantize"
	"limbeck/internal/par"
	"limbeck/model"
)

func init() {
	register(convertCommand)
	register(quantizeCommand)
}

func convertCommand(*app) *cobra.Command {
	return &cobra.Command{
		Use: "convert FROM TO", GroupID: groupUse, Args: exactly("FROM", "TO"),
		Short: "Turn a GGUF file into a Hugging Face folder, or back",
		Long: "Writes a model in the other layout: a GGUF file if TO ends in .gguf, else a\n" +
			"folder in Hugging Face's layout. Formats that the folder has not are decoded\n" +
			"to f32.",
		Example: "  limbeck convert model.gguf folder\n  limbeck convert folder model.gguf",
		RunE: func(_ *cobra.Command, args []string) error {
			m, err := model.Open(args[0])
			if err != nil {
				return err
			}
			defer m.Close()
			if strings.HasSuffix(args[1], ".gguf") {
				return m.Save(args[1])
			}
			return m.SaveFolder(args[1])
		},
	}
}

func quantizeCommand(*app) *cobra.Command {
	var out string
	cmd := &cobra.Command{
		Use: "quantize MODEL FORMAT", GroupID: groupMake, Args: exactly("MODEL", "FORMAT"),
		Short:   "Store a model's weights in fewer bits, rounded to nearest",
		Example: "  limbeck quantize model.gguf q8_0 --out small.gguf",
		RunE: func(_ *cobra.Command, args []string) error {
			format, err := quantize.Parse(args[1])
			if err != nil {
				return err
			}
			if out == "" {
				return usageErrorf("--out says where the quantized model goes")
			}
			m, err := model.Open(args[0])
			if err != nil {
				return err
			}
			defer m.Close()
			pool := par.New(0)
			defer pool.Close()
			q, err := quantize.Apply(m, quantize.Options{Format: format}, pool)
			if err != nil {
				return err
			}
			return q.Save(out)
		},
	}
	cmd.Flags().StringVar(&out, "out", "", "`FILE` to write")
	return cmd
}
