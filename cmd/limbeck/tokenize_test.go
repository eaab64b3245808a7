package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"testing"

	"limbeck/internal/testkit"
	"limbeck/model/generate"
	"limbeck/model/token"
)

// decoded returns what tokenize --decode makes of a text, as JSON or as words.
func decoded(ctx context.Context, tk *token.Tokenizer, text string, list bool) (string, error) {
	var out bytes.Buffer
	a := newApp(strings.NewReader(text), &out, io.Discard)
	a.json = list
	err := a.decodeIDs(ctx, tk)
	return out.String(), err
}

// What an interruption ends is no whole text, whether nothing more comes or who wrote it
// died of it too: there is no result.
func TestInputInterrupted(t *testing.T) {
	tk := testkit.Model(1).Tokenizer
	for name, read := range map[string]func(context.Context, *app) error{
		"run":      func(ctx context.Context, a *app) error { _, err := a.prompt(ctx, []string{"m"}, false); return err },
		"tokenize": func(ctx context.Context, a *app) error { return a.encodeText(ctx, tk, tokenizeFlags{}) },
		"--decode": func(ctx context.Context, a *app) error { return a.decodeIDs(ctx, tk) },
	} {
		for _, ends := range []bool{false, true} {
			for _, text := range []string{"", "1 2"} {
				ctx, cancel := context.WithCancel(t.Context())
				var out bytes.Buffer
				err := read(ctx, newApp(&cutInput{text, cancel, ends, t.Context()}, &out, io.Discard))
				if !errors.Is(err, context.Canceled) || out.Len() > 0 {
					t.Errorf("%s of %q that ends %v: error %v, wrote %q", name, text, ends, err, &out)
				}
			}
		}
	}
}

// A cutInput is interrupted after its text, and ends there, or gives nothing more.
type cutInput struct {
	text      string
	interrupt func()
	ends      bool
	test      context.Context
}

func (c *cutInput) Read(b []byte) (int, error) {
	n := copy(b, c.text)
	if c.text = c.text[n:]; n > 0 {
		return n, nil
	}
	c.interrupt()
	if !c.ends {
		<-c.test.Done()
	}
	return 0, io.EOF
}

// A list on one line may be longer than a line that the library would scan.
func TestDecodeLongList(t *testing.T) {
	tk := testkit.Model(1).Tokenizer
	text := strings.Repeat("the cat ", 20_000)
	list, err := json.Marshal(tk.Encode(text, false))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := decoded(t.Context(), tk, string(list), true); err != nil || got != text {
		t.Errorf("%d bytes, %v, want the %d that were encoded", len(got), err, len(text))
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

// What is said to be JSON is one list of ids and nothing else; what is wrong is told
// with its place.
func TestDecodeList(t *testing.T) {
	tk := testkit.Model(1).Tokenizer
	const want = ", want one JSON list of token ids"
	for text, wrong := range map[string]string{
		"[]": "", " [ 1 ,\n2 ] \n": "", "[0]": "",
		"":           "nothing after byte 0" + want,
		" \n":        "nothing after byte 0" + want,
		"[1,2":       "nothing after byte 4" + want,
		"[1,":        "nothing after byte 3" + want,
		`[1,"a`:      "nothing after byte 3" + want,
		"[1 2]":      "byte 3: invalid character '2' after array element" + want,
		"[1,]":       "byte 3: invalid character ']' looking for beginning of value" + want,
		"[,1]":       "byte 1: invalid character ',' looking for beginning of value" + want,
		"[01]":       "byte 2: invalid character '1' after array element" + want,
		"1 2":        `up to byte 1: "1"` + want,
		"{}":         `up to byte 1: "{"` + want,
		"null":       `up to byte 4: "null"` + want,
		"[[1]]":      `up to byte 2: "["` + want,
		`["1"]`:      `up to byte 4: "1"` + want,
		"[1, null]":  `up to byte 8: "null"` + want,
		"[1][2]":     `up to byte 4: "["` + want,
		"[1] 2":      `up to byte 5: "2"` + want,
		"[1]]":       "byte 3: invalid character ']' looking for beginning of value" + want,
		"[1, 1.5]":   `id 2 is "1.5", want a whole number`,
		"[1, 1e1]":   `id 2 is "1e1", want a whole number`,
		"[-1]":       fmt.Sprintf("id 1 is -1; the vocabulary has 0 to %d", tk.Vocab()-1),
		"[1, 99999]": fmt.Sprintf("id 2 is 99999; the vocabulary has 0 to %d", tk.Vocab()-1),
	} {
		_, err := decoded(t.Context(), tk, text, true)
		if got := strings.TrimPrefix(fmt.Sprint(err), "standard input: "); (err == nil) != (wrong == "") || err != nil && got != wrong {
			t.Errorf("%q: got %v, want %s", text, err, wrong)
		}
	}
}

// Both forms take ids and nothing else, and give their bytes.
func FuzzDecodeIDs(f *testing.F) {
	tk := testkit.Model(1).Tokenizer
	for _, text := range []string{"1 2 3", "[1,2,\n 3]", "[[,,]]", "-1", "-00", "99999999999999999999", "0x1", "+5 1_0", "1\x00", "[1]]", "[1,]", "[null]"} {
		f.Add([]byte(text))
	}
	check := func(t *testing.T, text string, list bool, words []string, isList bool) {
		ids := make([]int, len(words))
		for i, w := range words {
			id, err := strconv.Atoi(w)
			isList = isList && err == nil && id >= 0 && id < tk.Vocab()
			ids[i] = id
		}
		got, err := decoded(t.Context(), tk, text, list)
		if (err == nil) != isList {
			t.Errorf("%q, as JSON %v: %v, want it taken: %v", text, list, err, isList)
		} else if isList && got != string(tk.Decode(ids)) {
			t.Errorf("%q, as JSON %v, gave %q, want %q", text, list, got, tk.Decode(ids))
		}
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		check(t, string(text), false, strings.Fields(string(text)), true)
		var values []json.RawMessage
		err := json.Unmarshal(text, &values)
		var words []string
		for _, v := range values {
			words = append(words, string(v))
		}
		check(t, string(text), true, words, err == nil && values != nil)
	})
}

// A token that is a part of a character is shown with its bytes, by tokenize and run alike:
// those of all tokens are the text's. Of a token that is text, the text is enough.
func TestPiecesHaveBytes(t *testing.T) {
	m := testkit.Model(1)
	const text = "the 🙂"
	var out bytes.Buffer
	a := newApp(strings.NewReader(text), &out, io.Discard)
	a.json = true
	if err := a.encodeText(t.Context(), m.Tokenizer, tokenizeFlags{pieces: true}); err != nil {
		t.Fatal(err)
	}
	reply := generate.Reply{IDs: m.Tokenizer.Encode(text, false)}
	reply.LogProbs = make([]float64, len(reply.IDs))
	of, err := json.Marshal(newReplyJSON(&runFlags{}, &engine{Runner: &generate.Runner{Model: m}}, &reply).Tokens)
	if err != nil {
		t.Fatal(err)
	}
	for name, printed := range map[string][]byte{"tokenize": out.Bytes(), "run": of} {
		var pieces []struct {
			Text  string
			Bytes []int
		}
		if err := json.Unmarshal(printed, &pieces); err != nil {
			t.Fatal(err)
		}
		var got []byte
		parts := 0
		for _, p := range pieces {
			if p.Bytes == nil {
				got = append(got, p.Text...)
				continue
			}
			parts++
			for _, b := range p.Bytes {
				got = append(got, byte(b))
			}
		}
		if string(got) != text || parts < 2 {
			t.Errorf("%s: %q of %d pieces, %d of them with bytes, want %q of some that are parts of a character", name, got, len(pieces), parts, text)
		}
	}
}
