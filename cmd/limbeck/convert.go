package main

import (
	"strings"

	"github.com/spf13/cobra"
)

func init() { register(convertCommand) }

func convertCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "convert FROM TO", GroupID: groupUse, Args: exactly("FROM", "TO"),
		Short: "Turn a GGUF file into a Hugging Face folder, or back",
		Long: "Writes a model in the other layout: a GGUF file if TO ends in .gguf, else a\n" +
			"folder in Hugging Face's layout. Formats that the folder has not are decoded\n" +
			"to f32.",
		Example: "  limbeck convert model.gguf folder\n  limbeck convert folder model.gguf",
		RunE: func(_ *cobra.Command, args []string) error {
			m, err := a.openModel(args[0])
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
