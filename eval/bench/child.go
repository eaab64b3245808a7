package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"

	"limbeck/model"
)

// An Opener opens the model that a reference names.
type Opener func(ref string) (*model.Model, error)

// environment is the variable that makes this program time a model.
const environment = "LIMBECK_BENCH_CHILD"

// maxJob bounds what a child reads, maxRecord what its parent does.
const (
	maxJob    = 256 << 20
	maxRecord = 64 << 20
)

// installed tells whether this program's main called Child.
var installed bool

// Child makes this process do one job and end, if that is what it was started
// for; the job comes on standard input, the record goes to standard output.
// Otherwise it returns, and from then on [Rounds] can start children.
func Child(open Opener) {
	installed = true
	if os.Getenv(environment) == "" {
		return
	}
	if err := serve(open, os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// serve does the job that it reads.
func serve(open Opener, in io.Reader, out io.Writer) error {
	var j Job
	if err := json.NewDecoder(io.LimitReader(in, maxJob)).Decode(&j); err != nil {
		return fmt.Errorf("bench: job: %w", err)
	}
	r, err := j.measure(context.Background(), open)
	if err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(r)
}

// Available reports whether this program can start itself to time a model.
func Available() bool { return installed && os.Getenv(environment) == "" }

// spawn does the job in a fresh process.
func (j *Job) spawn(ctx context.Context) (*Record, error) {
	if !Available() {
		return nil, errors.New("this program cannot start itself: its main does not call bench.Child")
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(j)
	if err != nil {
		return nil, err
	}
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(ctx, self)
	cmd.Args = []string{os.Args[0]} // the name that it was called by, for programs that go by it
	cmd.Env = append(os.Environ(), environment+"=1")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(text), &out, &errs
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if told := strings.TrimSpace(errs.String()); told != "" {
			return nil, errors.New(told)
		}
		return nil, fmt.Errorf("the process that times it: %w", err)
	}
	return parseRecord(out.Bytes(), len(j.Prompts), len(j.Works))
}

// parseRecord reads what a child printed.
func parseRecord(text []byte, prompts, works int) (*Record, error) {
	if len(text) > maxRecord {
		return nil, fmt.Errorf("the process that times it printed %d bytes", len(text))
	}
	var r Record
	if err := json.Unmarshal(text, &r); err != nil {
		return nil, fmt.Errorf("the process that times it printed no record: %w", err)
	}
	if len(r.Requests) != prompts {
		return nil, fmt.Errorf("the process that times it answered %d of %d prompts", len(r.Requests), prompts)
	}
	if len(r.Rates) != works {
		return nil, fmt.Errorf("the process that times it did %d of %d works", len(r.Rates), works)
	}
	return &r, nil
}
