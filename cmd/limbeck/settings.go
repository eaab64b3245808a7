package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v4"

	"limbeck/internal/disk"
	"limbeck/internal/words"
)

const (
	envPrefix = "LIMBECK_"

	// maxConfig bounds the config file.
	maxConfig = 1 << 20
)

// foreignSettings are flags that do not take what is set for all commands, by command:
// there a word means another thing than elsewhere, and a variable that was set for
// chats, or for an evaluation, would change, without a word, what a training learns or a
// comparison proves.
var foreignSettings = map[string][]string{
	// Elsewhere they are of chats, of sampling, of what is judged, of a reply, and
	// cache is serve's memory.
	"train":   {"system", "seed", "limit", "max-tokens"},
	"distill": {"system", "seed", "limit", "max-tokens", "temperature", "cache"},
	"demo":    {"seed"},
	"compare": {"seed"}, // of resamples
}

// shares tells whether a flag of cmd takes what is set for all commands.
func shares(cmd *cobra.Command, flag string) bool {
	return !slices.Contains(foreignSettings[cmd.Name()], flag)
}

// applySettings gives flags that the command line does not mention the value
// of their environment variable or, failing that, of the config file: under
// the command's name, or else that for every command.
func (a *app) applySettings(cmd *cobra.Command) error {
	config, path, err := a.readConfig(cmd.Root())
	if err != nil {
		return &exitError{exitUsage, err}
	}
	var problems []error
	eachFlag(cmd, func(f *pflag.Flag) {
		if f.Changed {
			return
		}
		if env, v := fromEnvironment(cmd, f.Name); v != "" {
			if err := cmd.Flags().Set(f.Name, v); err != nil {
				problems = append(problems, fmt.Errorf("%s: %w", env, err))
			}
			return
		}
		if err := fromConfig(cmd, f, config); err != nil {
			problems = append(problems, fmt.Errorf("%s:%w", path, err))
		}
	})
	if len(problems) > 0 {
		return &exitError{exitUsage, errors.Join(problems...)}
	}
	return nil
}

// fromEnvironment returns the environment variable that gives a flag of cmd its value:
// the command's own, or that for every command. The value is empty if none does.
func fromEnvironment(cmd *cobra.Command, flag string) (name, value string) {
	name = envName(cmd.Name() + "-" + flag)
	if value = os.Getenv(name); value == "" && shares(cmd, flag) {
		name = envName(flag)
		value = os.Getenv(name)
	}
	return name, value
}

// tellIdle remarks which of some flags were given though they are of no effect. They may
// be set for other commands.
func (a *app) tellIdle(beside string, given func(flag string) bool, flags ...string) {
	var idle []string
	for _, name := range flags {
		if given(name) {
			idle = append(idle, "--"+name)
		}
	}
	if len(idle) > 0 {
		a.remark("%s: of no effect %s", strings.Join(idle, ", "), beside)
	}
}

// envName returns the environment variable of a flag, or of a command and its flag.
func envName(flag string) string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// fromConfig sets a flag from the config file, if that has it.
func fromConfig(cmd *cobra.Command, f *pflag.Flag, config *yaml.Node) error {
	v := lookup(lookup(config, cmd.Name()), f.Name)
	if v == nil && shares(cmd, f.Name) {
		v = lookup(config, f.Name)
		if v != nil && v.Kind == yaml.MappingNode && isCommand(cmd.Root(), f.Name) { // its section
			v = nil
		}
	}
	if v == nil {
		return nil
	}
	values := []*yaml.Node{v}
	if v.Kind == yaml.SequenceNode {
		values = v.Content
	}
	for _, each := range values {
		if each.Kind != yaml.ScalarNode {
			return fmt.Errorf("%d:%d: %s: want one value or a list", each.Line, each.Column, f.Name)
		}
		if err := cmd.Flags().Set(f.Name, each.Value); err != nil {
			return fmt.Errorf("%d:%d: %s: %w", each.Line, each.Column, f.Name, err)
		}
	}
	return nil
}

func isCommand(root *cobra.Command, name string) bool {
	return slices.ContainsFunc(root.Commands(), func(c *cobra.Command) bool { return c.Name() == name })
}

// lookup returns the value of a key in a mapping, nil if there is none.
func lookup(n *yaml.Node, key string) *yaml.Node {
	if n == nil || n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	return nil
}

// readConfig returns the config file's mapping, nil if there is no file.
func (a *app) readConfig(root *cobra.Command) (*yaml.Node, string, error) {
	path, named := a.config, true
	if path == "" {
		path = os.Getenv(envPrefix + "CONFIG")
	}
	if path == "" {
		dir, err := os.UserConfigDir()
		if err != nil {
			return nil, "", nil // no home, no config
		}
		path, named = filepath.Join(dir, "limbeck", "config.yaml"), false
	}
	if path == os.DevNull { // no regular file, and the usual name of none
		return nil, path, nil
	}
	text, err := disk.Read(path, maxConfig)
	if errors.Is(err, fs.ErrNotExist) && !named {
		return nil, path, nil
	}
	if err != nil {
		return nil, path, fmt.Errorf("config: %w", err)
	}
	config, err := parseConfig(root, text)
	if err != nil {
		return nil, path, fmt.Errorf("%s:%w", path, err)
	}
	return config, path, nil
}

// parseConfig returns the mapping that text holds, nil if it is empty. Errors
// begin with line and column, where they have one.
func parseConfig(root *cobra.Command, text []byte) (*yaml.Node, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		return nil, fmt.Errorf(" %w", err)
	}
	if len(doc.Content) == 0 {
		return nil, nil
	}
	return doc.Content[0], checkConfig(root, doc.Content[0])
}

// checkConfig refuses keys that no command has.
func checkConfig(root *cobra.Command, config *yaml.Node) error {
	if config.Kind != yaml.MappingNode {
		return fmt.Errorf("%d:%d: want FLAG: VALUE or COMMAND: {FLAG: VALUE}", config.Line, config.Column)
	}
	all := []string{}
	sections := map[string][]string{}
	for _, c := range root.Commands() {
		eachFlag(c, func(f *pflag.Flag) { sections[c.Name()] = append(sections[c.Name()], f.Name) })
		c.InheritedFlags().VisitAll(func(f *pflag.Flag) { sections[c.Name()] = append(sections[c.Name()], f.Name) })
		all = append(all, sections[c.Name()]...)
	}
	for i := 0; i+1 < len(config.Content); i += 2 {
		k, v := config.Content[i], config.Content[i+1]
		if known, ok := sections[k.Value]; ok && v.Kind == yaml.MappingNode {
			for j := 0; j+1 < len(v.Content); j += 2 {
				if err := unknownKey(v.Content[j], k.Value+".", known); err != nil {
					return err
				}
			}
			continue
		}
		if err := unknownKey(k, "", all); err != nil {
			return err
		}
	}
	return nil
}

func unknownKey(k *yaml.Node, prefix string, known []string) error {
	if slices.Contains(known, k.Value) {
		return nil
	}
	return fmt.Errorf("%d:%d: %s%s: no such flag%s", k.Line, k.Column, prefix, k.Value, words.Hint(k.Value, known))
}
