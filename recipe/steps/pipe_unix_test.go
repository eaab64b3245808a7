//go:build unix

package steps_test

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"limbeck/recipe/steps"
)

// What a comparison reads besides its data is no pipe, whose writer it would wait for.
func TestPipesAreRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(path, 0o666); err != nil {
		t.Skip(err)
	}
	_, recorded := steps.ReadRecorded(path)
	_, training := steps.ReadTraining(path)
	for _, err := range []error{recorded, training} {
		if err == nil || !strings.HasSuffix(err.Error(), "pipe is a pipe, want a file") {
			t.Errorf("%v, want that it is a pipe", err)
		}
	}
}
