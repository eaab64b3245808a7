package main

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"limbeck/internal/disk"
	"limbeck/internal/typeset"
	"limbeck/model"
	"limbeck/recipe/steps"
)

func init() { register(convertCommand) }

func convertCommand(a *app) *cobra.Command {
	var force bool
	cmd := &cobra.Command{
		Use: "convert FROM TO", GroupID: groupUse, Args: exactly("FROM", "TO"),
		Short: "Turn a GGUF file into a Hugging Face folder, or back",
		Long: "Writes a model in the other layout: a GGUF file if TO ends in .gguf, else a\n" +
			"folder in Hugging Face's layout. Formats that such a folder cannot hold are\n" +
			"decoded to f32. Name, license and history go along, in the folder's limbeck.json\n" +
			"and README.md. A folder that already holds a model is overwritten. Files that\n" +
			"describe the old model, such as chat_template.jinja, are removed; your own\n" +
			"README.md stays.",
		Example: "  limbeck convert model.gguf folder\n  limbeck convert folder model.gguf",
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.convert(cmd.Context(), args[0], args[1], force)
		},
	}
	cmd.Flags().BoolVar(&force, "force", false, forceDoc)
	return cmd
}

// converted is what convert prints.
type converted struct {
	Path    string   `json:"path"`
	Bytes   int64    `json:"bytes"`
	Format  string   `json:"format"`  // of the file or folder
	Weights []string `json:"weights"` // formats of the weights, the most frequent first
}

// Formats of files and folders, for people.
const (
	formatGGUF   = "GGUF file"
	formatFolder = "Hugging Face folder"
)

func (a *app) convert(ctx context.Context, from, to string, force bool) error {
	format, err := checkTarget(from, output{"TO", to, force})
	if err != nil {
		return err
	}
	m, err := steps.Open(from)
	if err != nil {
		return err
	}
	defer m.Close()
	defer context.AfterFunc(ctx, disk.Abandon)()
	if format == formatGGUF {
		err = m.Save(to)
	} else {
		err = m.SaveFolder(to)
	}
	switch {
	case err != nil && ctx.Err() != nil: // and so the file was abandoned
		return ctx.Err()
	case err != nil:
		return err
	}
	done := converted{to, disk.Size(to), format, weightFormats(m)}
	if format == formatFolder { // what was written is not what m holds
		written, err := steps.Open(to)
		if err != nil {
			return fmt.Errorf("reading what was written: %w", err)
		}
		defer written.Close()
		done.Bytes, done.Weights = written.Bytes(), weightFormats(written)
	}
	return a.print(done, func(w io.Writer) {
		fmt.Fprintf(w, "%s, %s, %s of %s\n", to, typeset.Bytes(done.Bytes), format, strings.Join(done.Weights, ", "))
	})
}

// checkTarget returns the format that a target's name asks for. It refuses a name
// that means neither, and a target that is not to be overwritten, or cannot be: of what
// is read, the weights stay mapped until all is written.
func checkTarget(from string, to output) (format string, err error) {
	if runtime.GOOS == "windows" && to.is(from) {
		return "", usageErrorf("TO %s is what the command reads, which Windows cannot replace meanwhile: name another one, and rename that afterwards", to.path)
	}
	switch ext := strings.ToLower(filepath.Ext(to.path)); ext {
	case ".gguf":
		return formatGGUF, to.checkFile(ggufFile, from)
	case ".safetensors":
		return "", usageErrorf("TO is %s; weights alone are no model: want a folder, or a name that ends in .gguf", to.path)
	}
	return formatFolder, to.checkFolder(from)
}

// weightFormats lists the formats of a model's weights, the one with the most
// bytes first.
func weightFormats(m *model.Model) []string {
	bytes := map[string]int{}
	var names []string
	for _, w := range m.Weights() {
		t := w.Tensor()
		if bytes[t.Type.Name] == 0 {
			names = append(names, t.Type.Name)
		}
		bytes[t.Type.Name] += len(t.Data)
	}
	slices.SortStableFunc(names, func(a, b string) int { return bytes[b] - bytes[a] })
	return names
}
