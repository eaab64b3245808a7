package data

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func read(t *testing.T, name, text string, o Options) []Example {
	t.Helper()
	got, err := Read(strings.NewReader(text), name, o)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestReadShapes(t *testing.T) {
	wake := NewStructured("wake me at six", "alarm_set", []Slot{{"time", "six"}})
	chat := NewChat("hi", "hello")
	spam := NewLabeled("win money", "spam")
	for _, c := range []struct {
		name, text string
		opt        Options
		want       Example
	}{
		{"a.jsonl", `{"prompt":"hi","completion":"hello"}`, Options{}, chat},
		{"a.ndjson", "\ufeff\r\n" + `{"messages":[{"role":"user","content":"hi"},{"role":"assistant","content":"hello"}]}` + "\r\n", Options{}, chat},
		{"a.jsonl", `{"messages":[{"role":"user","content":[{"type":"text","text":"h"},{"type":"text","text":"i"}]},{"role":"assistant","content":"hello"}]}`, Options{}, chat},
		{"a.jsonl", `{"messages":[{"role":"user","content":"hi"},{"role":"assistant","content":"hello"}],"intent":"greet","label":3}`, Options{}, chat},
		{"a.jsonl", `{"text":"wake me at six","intent":"alarm_set","slots":[{"name":"time","value":"six"}]}`, Options{}, wake},
		{"a.jsonl", `{"text":"win money","intent":"spam"}`, Options{}, spam},
		{"a.jsonl", `{"text":"win money","label":"spam","date":3}`, Options{}, spam},
		{"a.jsonl", `{"text":"win money","label":7}`, Options{}, NewLabeled("win money", "7")},
		{"a.jsonl", `{"text":"once upon"}`, Options{}, Example{Text: "once upon"}},
		{"a.jsonl", `{"q":"hi","a":"hello"}`, Options{Columns: Columns{Prompt: "q", Completion: "a"}}, chat},
		{"a.jsonl", `{"prompt":"hi","completion":42,"id":null}`, Options{}, NewChat("hi", "42")},
		{"a.jsonl", `{"prompt":"hi","completion":true}`, Options{}, NewChat("hi", "true")},
		{"a.jsonl", `{"sentence":"win money","label":"spam"}`, Options{Columns: Columns{Prompt: "sentence", Label: "label"}}, spam},
		{"a.csv", "sentence,text,prompt,label\nwin money,a,b,spam\n", Options{Columns: Columns{Prompt: "sentence", Label: "label"}}, spam},
		{"a.txt", "once upon", Options{}, Example{Text: "once upon", Whole: true}},
		{"a.json", `[{"prompt":"hi","completion":"hello"}]`, Options{}, chat},
		{"a.csv", "prompt,completion\nhi,hello\n", Options{}, chat},
		{"a.csv", "class,body\nspam,win money\n", Options{Columns: Columns{Text: "body", Label: "class"}}, spam},
		{"a.csv", "text,intent,slots\nwake me at six,alarm_set,\"[{\"\"name\"\":\"\"time\"\",\"\"value\"\":\"\"six\"\"}]\"\n", Options{}, wake},
		{"a.tsv", "text\tlabel\nwin money\tspam\n", Options{}, spam},
		{"a.tsv", "text\tlabel\nsay \"hi\tspam\n", Options{}, NewLabeled(`say "hi`, "spam")},
		{"a.tsv", "text\tlabel\n\"hi\" and \"\"\tspam\n", Options{}, NewLabeled(`"hi" and ""`, "spam")},
		{"a.json", `{"AddTo":[{"data":[{"text":"add "},{"text":"caf` + "\xe9" + ` ","entity":"song"},{"text":"now"}]}]}`, Options{},
			NewStructured("add café now", "AddTo", []Slot{{"song", "café"}})},
	} {
		got := read(t, c.name, c.text, c.opt)
		if len(got) != 1 {
			t.Errorf("%s %s: %d examples", c.name, c.text, len(got))
			continue
		}
		got[0].ID, got[0].Line = "", 0
		if !reflect.DeepEqual(got[0], c.want) {
			t.Errorf("%s %s:\n got %+v\nwant %+v", c.name, c.text, got[0], c.want)
		}
	}
}

func TestReadPairs(t *testing.T) {
	const doc = `{
"oos_train": [["why", "oos"]],
"val": [["v", "b"]], "train": [
  ["x", "a"],
  ["y",
   "b"], ["z", "c"]]}`
	got := read(t, "c.json", doc, Options{})
	if want := "why oos train 2; v b validation 3; x a train 4; y b train 5; z c train 6; "; summary(got) != want {
		t.Errorf("got %s, want %s", summary(got), want)
	}
	if got := read(t, "c.json", doc, Options{Part: Validation}); len(got) != 1 || got[0].Label != "b" {
		t.Errorf("validation part: %+v", got)
	}
	if _, err := Read(strings.NewReader(doc), "c.json", Options{Part: Test}); !errors.Is(err, ErrEmpty) {
		t.Errorf("missing part: error %v", err)
	}
}

func summary(examples []Example) string {
	var b strings.Builder
	for _, e := range examples {
		b.WriteString(e.Input() + " " + e.Label + " " + string(e.Split) + " " + string(rune('0'+e.Line)) + "; ")
	}
	return b.String()
}

// A .json whose lines are objects is read by its lines.
func TestReadLinesInJSON(t *testing.T) {
	const text = "\ufeff\n{\"text\":\"x\",\"label\":\"a\"}\r\n\n {\"text\":\"y\",\"label\":\"b\"}\n"
	if got, want := summary(read(t, "a.json", text, Options{})), "x a  2; y b  4; "; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestReadErrors(t *testing.T) {
	for _, c := range []struct {
		name, text string
		opt        Options
		want       string // a part of the error
	}{
		{"a.jsonl", "", Options{}, "a.jsonl: no examples"},
		{"a.jsonl", "\n \n", Options{}, "a.jsonl: no examples"},
		{"a.txt", " \n", Options{}, "a.txt: no examples"},
		{"a.csv", "text,label\n", Options{}, "a.csv: no examples"},
		{"a.doc", "x", Options{}, `format ".doc" is not known; known are: .jsonl`},
		{"a.jsonl", "{\"text\":\"a\"}\n\n{\"text\":\"b\"", Options{}, "a.jsonl:3:12: unexpected end of JSON input; want one JSON object a line"},
		{"a.jsonl", `{"text" "b"}`, Options{}, "a.jsonl:1:9: invalid character '\"' after object key"},
		{"a.jsonl", `{"text":"é" x}`, Options{}, "a.jsonl:1:13: invalid character 'x'"},
		{"a.jsonl", `{"text":"a"} {"text":"b"}`, Options{}, "a.jsonl:1:14: invalid character '{' after top-level value"},
		{"a.jsonl", `["a"]`, Options{}, "a.jsonl:1:1: found array; want one JSON object a line"},
		{"a.jsonl", `null`, Options{}, "a.jsonl:1:1: found null"},
		{"a.jsonl", "{\"text\":\"ab\xff\"}", Options{}, "a.jsonl:1:12: not UTF-8"},
		{"a.jsonl", `{"b":1,"a":2}`, Options{}, `a.jsonl:1: the keys are "a", "b"; want "messages", or "prompt" and "completion", or "text"`},
		{"a.jsonl", `{}`, Options{}, "a.jsonl:1: the keys are none; want"},
		{"a.jsonl", `{"text":3}`, Options{}, `a.jsonl:1: "text" is 3, want a string`},
		{"a.jsonl", `{"text":" "}`, Options{}, "a.jsonl:1: empty text"},
		{"a.jsonl", `{"text":"x","label":""}`, Options{}, "a.jsonl:1: empty label"},
		{"a.jsonl", `{"text":"x","label":null}`, Options{}, `"label" is null, want a string`},
		{"a.jsonl", `{"prompt":"x"}`, Options{}, `the keys are "prompt"; want`},
		{"a.jsonl", `{"prompt":"x","completion":""}`, Options{}, "empty reply"},
		{"a.jsonl", `{"prompt":"","completion":"y"}`, Options{}, "empty prompt"},
		{"a.jsonl", `{"messages":[]}`, Options{}, `"messages" is an empty list`},
		{"a.jsonl", `{"messages":7}`, Options{}, `a.jsonl:1: "messages" is 7, want a list of {"role": "…", "content": "…"}`},
		{"a.jsonl", `{"messages":[{"role":3,"content":"x"}]}`, Options{}, `"role" of item 1 of "messages" is 3, want`},
		{"a.jsonl", `{"messages":[{"role":"king","content":"x"}]}`, Options{}, `message 1 has role "king", want system, user, assistant or tool`},
		{"a.jsonl", `{"messages":[{"role":"user","content":"x"}]}`, Options{}, `last message has role "user", want a reply`},
		{"a.jsonl", `{"messages":[{"role":"assistant","content":"x"}]}`, Options{}, "a reply without a message before it"},
		{"a.jsonl", `{"messages":[{"role":"user","content":null}]}`, Options{}, "message 1: content is null, want a string or a list of text parts"},
		{"a.jsonl", `{"messages":[{"role":"user","content":[{"type":"image_url"}]}]}`, Options{}, `part of type "image_url", want text only`},
		{"a.jsonl", "{\"text\":\"x\",\"intent\":\"i\",\"slots\":[]}\n" + `{"text":"x","intent":"i","slots":{}}`, Options{},
			`a.jsonl:2: "slots" is an object, want a list of {"name": "…", "value": "…"}`},
		{"a.jsonl", `{"text":"x","intent":"i","slots":[{"name":"a","value":"b"},"c"]}`, Options{}, `a.jsonl:1: item 2 of "slots" is a string, want a list`},
		{"a.jsonl", `{"text":"x","intent":"i","slots":[{"name":"a","value":7}]}`, Options{}, `"value" of item 1 of "slots" is 7, want`},
		{"a.jsonl", `{"text":"x","intent":"i","slots":[{"name":"a","value":"b"},{"name":"a","valu":"b"}]}`, Options{},
			`a.jsonl:1: item 2 of "slots" has no "value" (it has "name", "valu"), want a list of {"name": "…", "value": "…"}`},
		{"a.jsonl", `{"text":"x","intent":"i","slots":[{"nam":"a","value":"b"}]}`, Options{}, `item 1 of "slots" has no "name" (it has "nam", "value"), want`},
		{"a.jsonl", `{"text":"x","intent":"i","slots":[{}]}`, Options{}, `item 1 of "slots" has no "name" (it has none), want`},
		{"a.jsonl", `{"text":"x","intent":"i","slots":[{"name":"a","value":null}]}`, Options{}, `"value" of item 1 of "slots" is null, want`},
		{"a.jsonl", `{"text":"x","intent":"i","slots":[{"name":null,"value":"b"}]}`, Options{}, `"name" of item 1 of "slots" is null, want`},
		{"a.jsonl", `{"text":"x","intent":"i","slots":[null]}`, Options{}, `item 1 of "slots" is null, want`},
		{"a.jsonl", `{"text":"x","intent":"i","slots":null}`, Options{}, `"slots" is null, want`},
		{"a.json", `[{"text":"x","intent":"i","tags":[{"name":"a","valu":"b"}]}]`, Options{Columns: Columns{Slots: "tags"}}, `item 1 of "tags" has no "value"`},
		{"a.csv", "text,intent,slots\nx,i,\"[{\"\"name\"\":\"\"a\"\"}]\"\n", Options{}, `a.csv:2: item 1 of "slots" has no "value" (it has "name"), want`},
		{"a.tsv", "text\tintent\tslots\nx\ti\tnull\n", Options{}, `a.tsv:2: "slots" is null, want`},
		{"a.jsonl", `{"messages":[{"from":"human","value":"x"}]}`, Options{}, `item 1 of "messages" has no "role" (it has "from", "value"), want a list of {"role": "…", "content": "…"}`},
		{"a.jsonl", `{"messages":[{"role":null,"content":"x"}]}`, Options{}, `"role" of item 1 of "messages" is null, want`},
		{"a.jsonl", `{"messages":[null]}`, Options{}, `item 1 of "messages" is null, want`},
		{"a.jsonl", `{"messages":null}`, Options{}, `"messages" is null, want`},
		{"a.jsonl", `{"messages":[{"role":"user","contents":"x"}]}`, Options{}, "message 1: content is missing, want a string"},
		{"a.jsonl", `{"messages":[{"role":"user","content":"x"},{"role":"assistant","content":"y"}],"label":"z"}`, Options{Written: true},
			`a.jsonl:1: the reply is "y", want "z", as the keys beside "messages" say`},
		{"a.csv", "text,intent,slots\nx,i,none\n", Options{}, `a.csv:2: "slots" is not JSON, want a list`},
		{"a.csv", "question,answer\nx,y\n", Options{}, `a.csv:1: the columns are "answer", "question"; want "messages", or "prompt" and "completion"`},
		{"a.jsonl", `{"text":"x"}`, Options{Columns: Columns{Prompt: "quest"}}, `a.jsonl:1: no key "quest"; there are "text"`},
		{"a.jsonl", `{"text":"x","intent":"i","slots":[{"name":"intent","value":"x"}]}`, Options{}, `slot name "intent" is not allowed`},
		{"a.jsonl", `{"text":"x","intent":"i","slots":[{"name":"","value":"x"}]}`, Options{}, `slot name "" is not allowed`},
		{"a.jsonl", "{\"text\":\"a\"}\n{\"text\":\"b\",\"label\":\"c\"}", Options{}, "a.jsonl:2: row holds labeled text, the rows before it plain text"},
		{"a.txt", "x", Options{Columns: Columns{Label: "l"}}, "a.txt:1: columns are named, but a text has none"},
		{"a.json", `{"train":[["x","i"]]}`, Options{Columns: Columns{Label: "l"}}, "a.json:1: columns are named, but a file of this layout has none"},
		{"a.csv", "question,answer\nx,y\n", Options{Columns: Columns{Prompt: "quest"}}, `a.csv:1: no column "quest"; there are "answer", "question"`},
		{"a.csv", "text,label\nx\n", Options{}, "a.csv:2: 1 cell, want 2 as in the header"},
		{"a.csv", "text;label\nx, or y;z\n", Options{}, `a.csv:1: the header is one column, "text;label", which seems to be several, parted by semicolons: save the table with commas as .csv, or with tabs as .tsv`},
		{"a.csv", "\ufeff\"text\";\"label\"\r\n\"x\";\"z\"\r\n", Options{}, `a.csv:1: the header is one column, "\"text\";\"label\"", which seems to be several, parted by semicolons`},
		{"a.csv", "text\tlabel\nx\tz\n", Options{}, `a.csv:1: the header is one column, "text\tlabel", which seems to be several, parted by tabs`},
		{"a.tsv", "text,label\nx,z\n", Options{}, `a.tsv:1: the header is one column, "text,label", which seems to be several, parted by commas`},
		{"a.csv", "te\"xt\nx\n", Options{}, `a.csv:1:3: bare " in non-quoted-field`},
		{"a.csv", "text,la\"bel;\nx,y\n", Options{}, `a.csv:1:8: bare " in non-quoted-field`},
		{"a.csv", "note\nx\n", Options{}, `a.csv:1: the columns are "note"; want`},
		{"a.csv", "text,text\nx,y\n", Options{}, `a.csv:1: two columns are named "text"`},
		{"a.csv", "text,label\n\"multi\nline\",y\n\"x\"z,y\n", Options{}, "a.csv:4:3: extraneous or missing \" in quoted-field"},
		{"a.tsv", "text\tlabel\nx\ty\tz\n", Options{}, "a.tsv:2: 3 cells, want 2"},
		{"a.tsv", "text\tlabel\nx\ty\n\"say \"\"hi\"\"\"\tz\n", Options{}, "a.tsv:3: cell 1 is quoted as in CSV, but in a .tsv quotation marks are text: take them away, or"},
		{"a.json", "{\"text\":\"a\"}\n\n{\"text\" 3}\n", Options{}, "a.json:3:9: invalid character '3' after object key; want one JSON object a line"},
		{"a.json", "{\"text\":\"a\"}\nx", Options{}, "a.json:2:1: invalid character 'x' after top-level value; want a list of rows, an object a line, or the layout of"},
		{"a.json", "{\"text\":\"a\"} {\"text\":\"b\"}", Options{}, "a.json:1:14: invalid character '{' after top-level value"},
		{"a.json", `{"a":[`, Options{}, "a.json:1:6: unexpected end of JSON input; want a list of rows, an object a line, or the layout of"},
		{"a.json", "3", Options{}, "a.json:1:1: want a list of rows"},
		{"a.json", `[3]`, Options{}, "a.json:1: row is 3, want an object"},
		{"a.json", "{\n\"a\":3}", Options{}, `a.json:2: "a" is not a list`},
		{"a.json", "{\"dev\":\n[[\"x\",\"y\"]]}", Options{}, `a.json:2: list "dev" of pairs is none of CLINC150's`},
		{"a.json", `{"train":[["x"]]}`, Options{}, `row of "train" is not [text, intent]`},
		{"a.json", `{"A":[{"data":[{"entity":"x"}]}]}`, Options{}, `part 1 of a row of "A" has no text`},
		{"50%.jsonl", "x", Options{}, "data: 50%.jsonl:1:1: invalid character 'x'"},
		{"a.json", "[{\"text\":\n\"\xe9\"}]", Options{}, "a.json:2:2: not UTF-8"},
	} {
		_, err := Read(strings.NewReader(c.text), c.name, c.opt)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s %q:\n got %v\nwant %s", c.name, c.text, err, c.want)
		}
		if err != nil && strings.Contains(err.Error(), "json: cannot") {
			t.Errorf("%s %q: %v is about Go", c.name, c.text, err)
		}
		if named := strings.Contains(c.want, "want \"messages\"") || strings.Contains(c.want, "no key") || strings.Contains(c.want, "no column"); named && !errors.Is(err, ErrColumns) {
			t.Errorf("%s %q: %v is no ErrColumns", c.name, c.text, err)
		}
	}
}

func TestReadLongLine(t *testing.T) {
	text := "{\"text\":\"a\"}\n" + strings.Repeat("x", maxLine+1)
	_, err := Read(strings.NewReader(text), "a.jsonl", Options{})
	if err == nil || !strings.Contains(err.Error(), "a.jsonl:2: line of more than 16777216 bytes; divide it, or give a long text as a .txt") {
		t.Errorf("error %v", err)
	}
}

// A quotation mark without its like takes no more than a row may have.
func TestReadLongRow(t *testing.T) {
	text := "text,label\na,x\n\"b,y\n" + strings.Repeat("c,z\n", maxLine/3)
	_, err := Read(strings.NewReader(text), "a.csv", Options{})
	if err == nil || !strings.Contains(err.Error(), "a.csv:3: row of more than 16777216 bytes") {
		t.Errorf("got %v", err)
	}
	const long, n = 4000, maxLine/4000 + 2 // rows of more than that together
	rows := strings.Repeat(strings.Repeat("w ", long/2)+",a label\n", n)
	if got, err := Read(strings.NewReader("\uFEFFtext,label\n"+rows), "a.csv", Options{}); err != nil || len(got) != n {
		t.Errorf("%d rows, %v, want %d", len(got), err, n)
	}
	if _, err := Read(strings.NewReader("text,label\n\"a\nb\",x\ncc,y\xff\n"), "a.csv", Options{}); err == nil || !strings.Contains(err.Error(), "a.csv:4:4: not UTF-8") {
		t.Errorf("got %v", err)
	}
}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("b.jsonl", `{"text":"b"}`)
	write("a.jsonl", `{"text":"a"}`)
	write("x.jsonl", `{"text":"x","label":"y"}`)
	got, err := Load(filepath.Join(dir, "[ab].jsonl"), Options{})
	if err != nil || len(got) != 2 || got[0].Text != "a" || got[0].ID != "a.jsonl:1" {
		t.Errorf("got %+v, %v", got, err)
	}
	for ref, want := range map[string]string{
		"*.jsonl":      "one data set holds one kind",
		"*.csv":        "no file matches",
		"none":         "none: no such file",
		".":            "is a folder; name a file",
		"a.jsonl#test": `no part "test"; its rows are not divided into parts`,
	} {
		if _, err := Load(dir+"/"+ref, Options{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %s", ref, err, want)
		}
	}
}

func TestWriteReadsBack(t *testing.T) {
	for _, set := range [][]Example{
		{{Text: strings.Repeat("a long text\n", maxLine/12)}}, // a longer line than others' may be
		{NewStructured("say \"a\\b\"\n now", "echo", []Slot{{"x", "a\\b"}, {"x", "now"}}), NewStructured("hi", "greet", []Slot{})},
		{NewLabeled("x", "y")},
		{NewChat("x", "y"), {Messages: []Message{{"system", "s"}, {"user", "u"}, {"assistant", "a"}}}},
		{{Text: "é\x00"}},
		{withSystem(NewStructured("hi", "greet", []Slot{{"n", "hi"}})), NewStructured("ho", "greet", []Slot{})},
		{withSystem(NewLabeled("x", "y")), NewLabeled("x", "z")},
		{withSystem(NewChat("x", "y"))},
	} {
		for i := range set {
			set[i].ID, set[i].Line = "id", i+1
		}
		var b bytes.Buffer
		if err := WriteJSONL(&b, set); err != nil {
			t.Fatal(err)
		}
		got := read(t, "a.jsonl", b.String(), Options{Written: true})
		if !reflect.DeepEqual(got, set) {
			t.Errorf("%.1000s:\n got %.1000v\nwant %.1000v", b.String(), fmt.Sprintf("%+v", got), fmt.Sprintf("%+v", set))
		}
		if Digest(got) != Digest(set) {
			t.Error("digest changed")
		}
	}
}

// withSystem puts a system message before the prompt of e.
func withSystem(e Example) Example {
	e.Messages = append([]Message{{"system", "be brief"}}, e.Messages...)
	return e
}

func FuzzRead(f *testing.F) {
	for _, s := range []string{
		`{"prompt":"hi","completion":"hello"}`, `[{"text":"x","label":1}]`, "text,label\na,b\n", "text\tlabel\na\tb\n",
		`{"train":[["x","a"]],"oos_val":[]}`, `{"A":[{"data":[{"text":"a ","entity":"b"}]}]}`, "{\"A\":[{\"data\":[{\"text\":\"\xe9\"}]}]}",
		`{"messages":[{"role":"user","content":[{"type":"text","text":"h"}]},{"role":"assistant","content":"x"}]}`,
		`{"text":"x","intent":"i","slots":[{"name":"n","value":"v"}]}`, "\ufeff{}", "messages\n[]\n",
		"{\"text\":\"a\"}\n{\"text\":\"b\"}", "text\tlabel\n\"a \"\"b\"\"\"\tc\n",
		`{"messages":[{"role":"system","content":"s"},{"role":"user","content":"x"},{"role":"assistant","content":"i"}],"label":"i"}`,
	} {
		for format := range byte(6) {
			f.Add(format, []byte(s))
			f.Add(format+132, []byte(s)) // 132 = 128 + 4, a multiple of 6: the same format
		}
	}
	f.Fuzz(func(t *testing.T, format byte, b []byte) {
		name := "x" + []string{".jsonl", ".json", ".csv", ".tsv", ".txt", ".ndjson"}[format%6]
		examples, err := Read(bytes.NewReader(b), name, Options{Written: format&128 != 0})
		if err != nil {
			if examples != nil {
				t.Fatal("examples beside an error")
			}
			return
		}
		var out bytes.Buffer
		if err := WriteJSONL(&out, examples); err != nil {
			t.Fatal(err)
		}
		again, err := Read(&out, "y.jsonl", Options{Written: true})
		if err != nil || Digest(again) != Digest(examples) {
			t.Fatalf("written rows do not read back: %v", err)
		}
	})
}

// A part is cut off a reference, unless a file of the whole name is there.
func TestCutPart(t *testing.T) {
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	for _, name := range []string{"call #1.jsonl", "b#train"} {
		if err := os.WriteFile(path(name), []byte("{}"), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	for ref, want := range map[string][2]string{
		"a.json":             {"a.json", ""},
		"a.json#train":       {"a.json", "train"},
		"call #1.jsonl":      {"call #1.jsonl", ""},
		"call #1.jsonl#test": {"call #1.jsonl", "test"},
		"b#train":            {"b#train", ""},
		"x#y/*.jsonl":        {"x#y/*.jsonl", ""},
	} {
		if got, part := CutPart(path(ref)); got != path(want[0]) || part != want[1] {
			t.Errorf("%s: %s and %q, want %s and %q", ref, got, part, path(want[0]), want[1])
		}
	}
}
