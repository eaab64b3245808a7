package main

import (
	"bytes"
	"net"
	"strings"
	"testing"
)

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
