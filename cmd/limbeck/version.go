package main

import (
	"fmt"
	"io"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"limbeck/internal/machine"
)

// version is that of the next release.
const version = "0.1.0-dev"

func init() { register(versionCommand) }

func versionCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print the version", Args: exactly(),
		Example: "  limbeck version --json",
		RunE:    func(*cobra.Command, []string) error { return a.printVersion() },
	}
}

// versionFlag is, of the root command alone, what other programs have for their version.
const versionFlag = "version"

func (a *app) printVersion() error {
	v := buildInfo()
	return a.print(v, func(w io.Writer) {
		fmt.Fprintf(w, "limbeck %s (%s, %s)\n", v.Version, v.Go, v.Machine)
	})
}

// build is what the program knows about itself.
type build struct {
	Version string `json:"version"`
	Commit  string `json:"commit,omitempty"`
	Go      string `json:"go"`
	Machine string `json:"machine"`
}

// String names the program so that who has its output can build it again.
func (b build) String() string {
	if b.Commit == "" {
		return "limbeck " + b.Version
	}
	return fmt.Sprintf("limbeck %s, commit %.12s", b.Version, b.Commit)
}

func buildInfo() build {
	b := build{Version: version, Go: runtime.Version(), Machine: machine.Class()}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				b.Commit = s.Value
			}
		}
	}
	return b
}
