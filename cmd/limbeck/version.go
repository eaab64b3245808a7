package main

import (
	"fmt"
	"io"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
	"golang.org/x/sys/cpu"

	"limbeck/tensor/kernel"
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

func buildInfo() build {
	b := build{Version: version, Go: runtime.Version(), Machine: machineClass()}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				b.Commit = s.Value
			}
		}
	}
	return b
}

// machineClass names the machines on which equal work gives equal bytes.
func machineClass() string { return classOf(kernel.Tier(), cpu.X86.HasAVX && cpu.X86.HasFMA) }

// classOf is machineClass of a tier, on a processor with or without x86's FMA: Go's own
// exp takes it where it is there, which all tiers but the lowest ask for.
func classOf(tier string, fma bool) string {
	class := runtime.GOARCH + fused + "/" + tier
	if fma && tier == kernel.Tiers()[0] {
		class += "+fma"
	}
	return class
}
