package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"limbeck/recipe/run"
)

// A command that waits for the folder that another one leaves, and removes, loses nothing
// to that, and is alone there.
func TestLeaveBesideAnother(t *testing.T) {
	flags := oneFlags{out: filepath.Join(t.TempDir(), "m.gguf")}
	others := flags
	first, err := flags.workplace()
	if err == nil {
		err = first.lock()
	}
	if err != nil {
		t.Fatal(err)
	}
	for i := range 300 { // so that removing them takes a while
		if err := os.WriteFile(filepath.Join(first.Dir, fmt.Sprint(i)), nil, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	second, err := others.workplace()
	if err != nil {
		t.Fatal(err)
	}
	left := make(chan error, 1)
	go func() { left <- first.leave(false) }()
	for err = second.lock(); err != nil; err = second.lock() {
		if !strings.Contains(err.Error(), "is in use") {
			t.Fatal(err)
		}
	}
	mine := filepath.Join(second.Dir, "steps", "mine")
	if err := os.WriteFile(mine, nil, 0o666); err != nil {
		t.Error(err)
	}
	if err := <-left; err != nil {
		t.Errorf("leaving: %v", err)
	}
	if release, err := run.Claim(second.Dir); err == nil {
		release()
		t.Error("a third command has the folder beside the second")
	}
	if entries, err := os.ReadDir(second.Dir); err != nil || len(entries) != 2 {
		t.Errorf("the folder holds %v, %v, want the lock and steps", entries, err)
	}
	if _, err := os.Stat(mine); err != nil {
		t.Error(err)
	}
	if err := second.leave(false); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(second.Dir); err == nil {
		t.Error("the folder stays when the second leaves it")
	}
}
