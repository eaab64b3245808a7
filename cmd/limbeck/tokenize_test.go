package main

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"
	"testing"

	"limbeck/internal/testkit"
)

// A list on one line may be longer than a line that the library would scan.
func TestDecodeLongList(t *testing.T) {
	tk := testkit.Model(1).Tokenizer
	text := strings.Repeat("the cat ", 20_000)
	list, err := json.Marshal(tk.Encode(text, false))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := newApp(bytes.NewReader(list), &out, io.Discard).decodeIDs(tk); err != nil || out.String() != text {
		t.Errorf("%d bytes, %v, want the %d that were encoded", out.Len(), err, len(text))
	}
}

// Of the bytes that the built-in teacher's vocabulary has no token for, it is told
// how many are left out; all others come back.
func TestTokenizeTellsLost(t *testing.T) {
	text := make([]byte, 256)
	for i := range text {
		text[i] = byte(i)
	}
	var ids, out, errs bytes.Buffer
	if code := execute([]string{"tokenize", "builtin:home-assistant"}, bytes.NewReader(text), &ids, &errs); code != exitOK {
		t.Fatalf("exit code %d: %s", code, &errs)
	}
	if want := "21 bytes of the text have no token in this vocabulary and are left out"; !strings.Contains(errs.String(), want) {
		t.Errorf("said %q, want %q", &errs, want)
	}
	if code := execute([]string{"tokenize", "builtin:home-assistant", "--decode"}, &ids, &out, io.Discard); code != exitOK || out.Len() != 256-21 {
		t.Errorf("exit code %d, %d bytes, want %d", code, out.Len(), 256-21)
	}
}

func FuzzDecodeIDs(f *testing.F) {
	tk := testkit.Model(1).Tokenizer
	for _, text := range []string{"1 2 3", "[1,2,\n 3]", "[[,,]]", "-1", "-00", "99999999999999999999", "0x1", "+5 1_0", "1\x00"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var out bytes.Buffer
		if err := newApp(bytes.NewReader(text), &out, io.Discard).decodeIDs(tk); err != nil {
			return
		}
		// What was taken is a list of ids: read as one, it says the same.
		var list []int
		words := strings.FieldsFunc(string(text), func(r rune) bool { return strings.ContainsRune(" \t\r\n\v\f[],", r) })
		for i, w := range words {
			digits, minus := strings.CutPrefix(strings.TrimPrefix(w, "+"), "-")
			switch digits = strings.TrimLeft(digits, "0"); { // JSON writes no zeros in front
			case digits == "":
				digits = "0"
			case minus:
				digits = "-" + digits
			}
			words[i] = digits
		}
		if err := json.Unmarshal([]byte("["+strings.Join(words, ",")+"]"), &list); err != nil {
			t.Fatalf("%q was taken: %v", text, err)
		}
		if want := tk.Decode(list); out.String() != string(want) {
			t.Errorf("%q gave %q, want %q", text, &out, want)
		}
	})
}
