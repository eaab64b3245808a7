package main

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// interrupted runs limbeck, sends it a signal once a file that matches a pattern has
// something in it, and checks that this ends it and is told. What it writes to standard
// output goes to a file, out.
func interrupted(t *testing.T, by syscall.Signal, pattern, out string, args ...string) {
	t.Helper()
	results, err := os.Create(out)
	if err != nil {
		t.Fatal(err)
	}
	defer results.Close()
	cmd := exec.CommandContext(t.Context(), "limbeck", args...)
	var errs strings.Builder
	cmd.Stdout, cmd.Stderr = results, &errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		if found, err := filepath.Glob(pattern); err == nil && len(found) > 0 && fileSize(t, found[0]) > 0 {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("nothing in %s", pattern)
		}
	}
	if err := cmd.Process.Signal(by); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // what it says comes in the exit code
	const want = "stopping; Ctrl-C again to end at once\nlimbeck: interrupted\n"
	if code := cmd.ProcessState.ExitCode(); code != exitInterrupted || errs.String() != want {
		t.Errorf("exit code %d, want %d, and said %q, want %q", code, exitInterrupted, errs.String(), want)
	}
}

func TestRunIsInterrupted(t *testing.T) {
	dir := t.TempDir()
	model, out := filepath.Join(dir, "endless.gguf"), filepath.Join(dir, "out")
	writeEndless(t, model)
	for _, by := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		if signal.Ignored(by) { // as nohup has it: so does what it starts
			continue
		}
		interrupted(t, by, out, out, "run", model, "hello", "--max-tokens", "0")
	}
}

// A terminal that closes may tell so more than once: what ends in order still does.
func TestHangsUpTwice(t *testing.T) {
	a := newApp(nil, io.Discard, io.Discard)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for range 2 {
		a.onSignal(syscall.SIGHUP, ctx, cancel)
	}
	if ctx.Err() == nil {
		t.Error("the command goes on")
	}
}

// What convert has written by then is gone.
func TestConvertIsInterrupted(t *testing.T) {
	if testing.Short() {
		t.Skip("writes up to 216 MB")
	}
	dir := t.TempDir()
	model, folder := filepath.Join(dir, "random.gguf"), filepath.Join(dir, "folder")
	writeRandomQ4(t, model)
	interrupted(t, syscall.SIGINT, filepath.Join(folder, ".model.safetensors.*"), filepath.Join(dir, "out"), "convert", model, folder)
	if _, err := os.Stat(folder); !os.IsNotExist(err) {
		t.Errorf("the folder is left: %v", err)
	}
}

// Where nobody reads standard error any more, the second signal still ends the program.
func TestInterruptedUnheard(t *testing.T) {
	dir := t.TempDir()
	model := filepath.Join(dir, "endless.gguf")
	writeEndless(t, model)
	results, err := os.Create(filepath.Join(dir, "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer results.Close()
	cmd := exec.CommandContext(t.Context(), "limbeck", "run", model, "hello", "--max-tokens", "0", "--threads", "1")
	cmd.Stdout, cmd.Stderr = results, fullPipe(t)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(time.Minute); fileSize(t, results.Name()) == 0; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the reply does not begin")
		}
	}
	// Two of one kind could come as one.
	if err := errors.Join(cmd.Process.Signal(syscall.SIGINT), cmd.Process.Signal(syscall.SIGTERM)); err != nil {
		t.Fatal(err)
	}
	late := time.AfterFunc(time.Minute, func() { _ = cmd.Process.Kill() })
	defer late.Stop()
	_ = cmd.Wait() // what it says comes in the exit code
	if code := cmd.ProcessState.ExitCode(); code != exitInterrupted {
		t.Errorf("exit code %d, want %d", code, exitInterrupted)
	}
}

// fullPipe returns a pipe that takes nothing more.
func fullPipe(t *testing.T) *os.File {
	t.Helper()
	var ends [2]int
	if err := syscall.Pipe2(ends[:], syscall.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	reader, writer := os.NewFile(uintptr(ends[0]), "reader"), os.NewFile(uintptr(ends[1]), "writer")
	t.Cleanup(func() { _ = errors.Join(reader.Close(), writer.Close()) })
	if err := syscall.SetNonblock(ends[1], true); err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := syscall.Write(ends[1], make([]byte, 4096)); err != nil {
			break
		}
	}
	if err := syscall.SetNonblock(ends[1], false); err != nil { // writes wait, as for any pipe
		t.Fatal(err)
	}
	return writer
}

// What only looks is left as soon as it is interrupted, however long it goes on.
func TestUnlessInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	if got, err := unlessInterrupted(ctx, func() (int, error) { return 7, io.EOF }); got != 7 || err != io.EOF {
		t.Errorf("got %d, %v, want what it does", got, err)
	}
	cancel()
	forever := make(chan struct{})
	defer close(forever)
	if got, err := unlessInterrupted(ctx, func() (int, error) { <-forever; return 7, nil }); got != 0 || !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: got %d, %v, want %v", got, err, context.Canceled)
	}
}
