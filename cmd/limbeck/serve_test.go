package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"limbeck/recipe"
)

// serveTiny serves wide.gguf, of a context of 512 tokens, with a cache of so many bytes;
// it returns what is printed when it listens, and what was remarked until it ended.
func serveTiny(t *testing.T, quiet bool, cache recipe.Size) (serveResult, string) {
	t.Helper()
	dir := t.TempDir()
	writeModels(t, dir)
	out, in := io.Pipe()
	var errs bytes.Buffer
	a := newApp(nil, in, &errs)
	a.json, a.quiet = true, quiet
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() {
		err := a.serve(ctx, &serveFlags{host: "127.0.0.1", parallel: 2, cacheSize: cache}, filepath.Join(dir, "wide.gguf"))
		in.CloseWithError(err)
		ended <- err
	}()
	var got serveResult
	if err := json.NewDecoder(out).Decode(&got); err != nil {
		t.Fatal(err)
	}
	r, err := http.Get(got.URL + "/models")
	if err != nil {
		t.Fatal(err)
	}
	r.Body.Close()
	if r.StatusCode != http.StatusOK || got.Model != "wide" {
		t.Errorf("%+v answers %s", got, r.Status)
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	return got, errs.String()
}

// As JSON, a server tells where it listens, and what it has room for; else what of the
// model's context its cache does not hold, and how large a one does.
func TestServeTellsRoomAndPlace(t *testing.T) {
	got, said := serveTiny(t, false, 50e3)
	const all = "197kB" // 512 tokens of 384 bytes
	if want := "room for 128 of 512 tokens; --cache " + all + " allows all\n"; got.Context != 128 || !strings.Contains(said, want) {
		t.Errorf("room for %d tokens, said %q, want %q", got.Context, said, want)
	}
	var enough recipe.Size
	if err := enough.Set(all); err != nil {
		t.Fatal(err)
	}
	if got, said := serveTiny(t, false, enough); got.Context != 512 || strings.Contains(said, "room for") {
		t.Errorf("with --cache %s: room for %d tokens, said %q", all, got.Context, said)
	}
	if got, said := serveTiny(t, true, 50e3); got.Context != 128 || said != "" {
		t.Errorf("quiet: room for %d tokens, said %q", got.Context, said)
	}
	for n, want := range map[int]string{999: "999B", 49_153: "49153B", 100_001: "101kB", 1_717_986_918: "1718MB"} {
		if got := sizeFlag(n).String(); got != want {
			t.Errorf("sizeFlag(%d) = %s, want %s", n, got, want)
		}
	}
}

// A model is called by its own name, from wherever it is served.
func TestServedName(t *testing.T) {
	t.Chdir(t.TempDir())
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	root := filepath.VolumeName(here) + string(filepath.Separator)
	for ref, want := range map[string]string{
		".": filepath.Base(here), "..": filepath.Base(filepath.Dir(here)), "./a.gguf": "a", "b/": "b",
		root: "model", "builtin:home-assistant": "builtin:home-assistant",
	} {
		if got := servedName(ref); got != want {
			t.Errorf("%s is served as %q, want %q", ref, got, want)
		}
	}
}

// A port in use is told of with what to do, before a model is looked for.
func TestServePortInUse(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	address := l.Addr().String()
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	var errs bytes.Buffer
	code := execute([]string{"serve", "nowhere.gguf", "--port", port}, strings.NewReader(""), &bytes.Buffer{}, &errs)
	begin, end := "limbeck: cannot listen at "+address+": ", "; --port takes another port, or 0 for any that is free\n"
	if got := errs.String(); code != exitFailed || !strings.HasPrefix(got, begin) || !strings.HasSuffix(got, end) || strings.Contains(got, "listen tcp") {
		t.Errorf("exit code %d, %q, want %q … %q", code, got, begin, end)
	}
}
