//go:build unix

package run

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// childDir and childFile tell a copy of the test program to make the chain.
const (
	childDir  = "LIMBECK_TEST_RUN_DIR"
	childFile = "LIMBECK_TEST_RUN_FILE"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		o := options
		o.Started = func(s *Planned, _, _ int, _ time.Duration, _ bool) { fmt.Println("started", s.Name) }
		if _, err := Open(dir, "test").Make(context.Background(), chain(os.Getenv(childFile)), o); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// child makes the chain in a process of its own. If kill names a step, the
// process is killed after the step began and delay went by; "" lets it end,
// "any" kills it delay after its start.
func child(t *testing.T, dir, file, kill string, delay time.Duration) (ended bool) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childDir+"="+dir, childFile+"="+file)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if kill == "any" {
		time.AfterFunc(delay, func() { _ = cmd.Process.Kill() })
	}
	var said strings.Builder
	for lines := bufio.NewScanner(out); lines.Scan(); {
		fmt.Fprintln(&said, lines.Text())
		if lines.Text() == "started "+kill {
			time.Sleep(delay)
			_ = cmd.Process.Kill()
		}
	}
	err = cmd.Wait()
	if err != nil && cmd.ProcessState.Exited() {
		t.Fatalf("the run failed: %v\n%s", err, said.String())
	}
	return err == nil
}

// Killed with SIGKILL in each step and at random moments, a run ends with the
// bytes of an undisturbed one.
func TestKilledAndStartedAgain(t *testing.T) {
	rounds, seed := 8, uint64(time.Now().UnixNano())
	if testing.Short() {
		rounds = 2
	}
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	upTo := func(d time.Duration) time.Duration { return time.Duration(random.Int64N(int64(d))) }

	file := trainFile(t)
	calm := t.TempDir()
	if !child(t, calm, file, "", 0) {
		t.Fatal("the undisturbed run did not end")
	}
	want := tree(t, calm)
	for range rounds {
		dir := t.TempDir()
		kills := 0
		for _, step := range []string{"data", "train-a", "train-b", "compare"} {
			if !child(t, dir, file, step, upTo(60*time.Millisecond)) {
				kills++
			}
		}
		for range 4 {
			if !child(t, dir, file, "any", upTo(200*time.Millisecond)) {
				kills++
			}
		}
		if !child(t, dir, file, "", 0) {
			t.Fatal("the last run did not end")
		}
		got := tree(t, dir)
		for path, text := range want {
			if got[path] != text {
				t.Errorf("%s differs after %d kills", path, kills)
			}
		}
		for path := range got {
			if _, ok := want[path]; !ok {
				t.Errorf("%s is left over after %d kills", path, kills)
			}
		}
		if kills == 0 {
			t.Error("no run was killed: the test shows nothing")
		}
	}
}
