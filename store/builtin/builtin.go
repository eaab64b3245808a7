// Package builtin holds what the program carries with it, so that a first try
// needs no network and no files: for each name, a small teacher and the data of
// its task. References to it are written builtin:NAME.
package builtin

import (
	"embed"
	"fmt"
	"io/fs"
	"strings"
)

// Prefix begins a reference to a built-in.
const Prefix = "builtin:"

// HomeAssistant is the built-in that turns commands to a home assistant into
// JSON. Its folder holds train.jsonl, test.jsonl, NOTICE.md, demo.yaml, the
// recipe of limbeck demo, and recorded.json, the figures of the model that the
// teacher came from.
const HomeAssistant = "home-assistant"

//go:embed home-assistant/teacher.gguf
var homeAssistant []byte

//go:embed home-assistant/*.jsonl home-assistant/demo.yaml home-assistant/recorded.json home-assistant/NOTICE.md
var files embed.FS

// names lists the built-ins.
func names() []string { return []string{HomeAssistant} }

// Model returns the GGUF file of a built-in's teacher, to read and not to
// write.
func Model(name string) ([]byte, error) {
	if name != HomeAssistant {
		return nil, unknown(name)
	}
	return homeAssistant, nil
}

// Files returns the data of a built-in.
func Files(name string) (fs.FS, error) {
	if name != HomeAssistant {
		return nil, unknown(name)
	}
	return fs.Sub(files, name)
}

func unknown(name string) error {
	return fmt.Errorf("%s%s is not known; known are: %s%s", Prefix, name, Prefix, strings.Join(names(), ", "+Prefix))
}
