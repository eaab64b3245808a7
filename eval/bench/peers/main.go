// Command peers times Limbeck beside the engines that its users could take
// instead: llama.cpp, its fork ik_llama.cpp, and for training PyTorch. All read
// the same files, of random weights in the shapes of known models.
//
// A row is one thing to time. Each side of it is run in every way that may be
// its best, and the fastest way is kept; then the sides take turns, each in a
// fresh process, and the medians count. The limits that stand beside are
// measured in the same run.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"time"

	"limbeck/internal/disk"
	"limbeck/internal/typeset"
)

func main() {
	if served(os.Args[1:]) {
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := start(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "peers:", err)
		os.Exit(1)
	}
}

// served does what this program starts itself for, if args ask for that.
func served(args []string) bool {
	if len(args) == 0 {
		return false
	}
	switch args[0] {
	case spinArgument:
		spin()
	case trainArgument:
		if err := trainChild(args[1:], os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	default:
		return false
	}
	return true
}

// settings are what the flags say.
type settings struct {
	limbeck  string // the program
	python   string // an interpreter with torch and transformers; empty: no PyTorch
	dir      string // where peers and models lie, or are made
	llama    string // a checkout or build of llama.cpp
	ik       string // and of ik_llama.cpp
	only     string
	rounds   int
	threads  int
	timeout  time.Duration // of one run of a peer
	json     bool
	markdown string // a file for the table of docs/benchmarks.md
}

func parse() (*settings, error) {
	var s settings
	flag.StringVar(&s.limbeck, "limbeck", "limbeck", "Limbeck's `PROGRAM`")
	flag.StringVar(&s.python, "python", "", "time PyTorch too, with this `PYTHON`, which has torch and transformers")
	flag.StringVar(&s.dir, "peers", os.Getenv("PEERS"), "`FOLDER` of peers and models, made where they are missing (default: $PEERS, or limbeck-peers in the user's cache)")
	flag.StringVar(&s.llama, "llama", "", "`FOLDER` of llama.cpp, or none to leave it out (default: llama.cpp in that of -peers)")
	flag.StringVar(&s.ik, "ik", "", "`FOLDER` of ik_llama.cpp, or none to leave it out (default: ik_llama.cpp in that of -peers)")
	flag.StringVar(&s.only, "only", "", "time only rows whose name matches this `EXPRESSION`, and those that they are compared with")
	flag.IntVar(&s.rounds, "rounds", 3, "rounds of timing")
	flag.IntVar(&s.threads, "threads", 2, "threads of every side")
	flag.DurationVar(&s.timeout, "timeout", 5*time.Minute, "the longest that one run of a peer may take")
	flag.BoolVar(&s.json, "json", false, "print the result as JSON")
	flag.StringVar(&s.markdown, "markdown", "", "write the result as a table in Markdown to this `FILE`")
	flag.Parse()
	if flag.NArg() > 0 {
		return nil, fmt.Errorf("%q is no flag; see -help", flag.Arg(0))
	}
	if s.rounds < 1 || s.threads < 1 || s.timeout <= 0 {
		return nil, fmt.Errorf("-rounds is %d, -threads %d and -timeout %v, want at least 1 and some time", s.rounds, s.threads, s.timeout)
	}
	return &s, s.locate()
}

// none leaves a peer out.
const none = "none"

// locate sets where peers and models lie, as absolute paths: llama-quantize
// takes a name that begins with a digit for a format.
func (s *settings) locate() (err error) {
	if s.dir == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			return fmt.Errorf("-peers is not set, and there is no folder for caches: %w", err)
		}
		s.dir = filepath.Join(cache, "limbeck-peers")
	}
	if s.dir, err = filepath.Abs(s.dir); err != nil {
		return err
	}
	for path, name := range map[*string]string{&s.llama: llamaCPP, &s.ik: ik} {
		if *path == "" {
			*path = filepath.Join(s.dir, name)
		} else if *path != none {
			if *path, err = filepath.Abs(*path); err != nil {
				return err
			}
		}
	}
	return nil
}

// start finds what is needed, times, and prints.
func start(ctx context.Context) error {
	s, err := parse()
	if err != nil {
		return err
	}
	only, err := regexp.Compile(s.only)
	if err != nil {
		return fmt.Errorf("-only: %w", err)
	}
	d, err := newDriver(ctx, s)
	if err != nil {
		return err
	}
	result, err := d.run(ctx, only)
	if err != nil {
		return err
	}
	if s.markdown != "" {
		if err := disk.Write(s.markdown, result.writeMarkdown); err != nil {
			return err
		}
	}
	return result.print(os.Stdout, s.json)
}

// print writes the result for people, or as JSON, and fails if a side failed.
func (r *result) print(w io.Writer, asJSON bool) error {
	var err error
	if asJSON {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		err = e.Encode(r)
	} else {
		err = r.writeText(w)
	}
	if n := r.failures(); err == nil && n > 0 {
		err = fmt.Errorf("%s failed; the remarks say how", typeset.Counted(n, "side"))
	}
	return err
}
