package data

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"limbeck/internal/testfiles"
)

func load(t testing.TB, ref string) []Example {
	t.Helper()
	path, part, _ := strings.Cut(ref, "#")
	examples, err := Load(testfiles.Data(t, path), Options{Part: Split(part)})
	if err != nil {
		t.Fatal(err)
	}
	return examples
}

func TestDevelopmentData(t *testing.T) {
	for _, c := range []struct {
		ref, description, metric string
		rows                     int
	}{
		{"home-assistant/train.jsonl", "structured JSON, 64 intents, 54 slots", "exact_match", 9960},
		{"clinc150/data_full.json", "classification, 151 labels", "accuracy", 23700},
		{"clinc150/data_full.json#train", "classification, 151 labels", "accuracy", 15100},
		{"snips/train_*.json", "structured JSON, 7 intents, 39 slots", "exact_match", 13784},
		{"snips/validate_*.json", "structured JSON, 7 intents, 39 slots", "exact_match", 700},
		{"tinyshakespeare/input.txt", "plain text", "perplexity", 1},
	} {
		t.Run(c.ref, func(t *testing.T) {
			got := load(t, c.ref)
			d := Detect(got)
			if len(got) != c.rows || d.String() != c.description || d.Metric() != c.metric {
				t.Errorf("%d rows, %v, %s; want %d, %s, %s", len(got), d, d.Metric(), c.rows, c.description, c.metric)
			}
		})
	}
}

func TestDetectLogs(t *testing.T) {
	var labels, objects, text []Example
	for i := range 20 {
		p := fmt.Sprint("request ", i)
		labels = append(labels, NewChat(p, []string{"yes", "no"}[i%2]))
		objects = append(objects, NewChat(p, string(AppendReply(nil, "on", []Slot{{"n", fmt.Sprint(i)}}))))
		text = append(text, NewChat(p, strings.Repeat("word ", i+1)))
	}
	var spelled []Example // each label twice, counted apart too often for labels
	for i := range 20 {
		spelled = append(spelled, NewChat(fmt.Sprint("question ", i), []string{"It is on.", "it is  on.", "It IS on.", "it is off."}[i%4]+[]string{"", " "}[i/10]))
	}
	var few []Example // rows for a test, of labels that do not repeat
	for _, label := range []string{"card_arrival", "Sci/Tech", "lost or stolen"} {
		few = append(few, NewChat("request of "+label, label))
	}
	for _, c := range []struct {
		examples           []Example
		text, metric, task string
	}{
		{few, "classification, 3 labels", "accuracy", "exact_match"},
		{append(few[:2:2], NewChat("hi", "Hello there!")), "chat log, free text", "perplexity", "perplexity"},
		{labels, "classification, 2 labels", "accuracy", "exact_match"},
		{spelled, "classification, 2 labels", "accuracy", "exact_match"},
		{objects, "structured JSON, 1 intent, 1 slot", "exact_match", "json_slots"},
		{text, "chat log, free text", "perplexity", "perplexity"},
		{[]Example{NewChat("a", `{"x": 1}`)}, "JSON objects", "exact_match", "exact_match"},
		{[]Example{{Messages: []Message{{"user", "a"}}}}, "chat log, free text", "perplexity", "perplexity"},
		{append(text[:1:1], objects...), "chat log, free text", "perplexity", "perplexity"},
	} {
		if d := Detect(c.examples); d.String() != c.text || d.Metric() != c.metric || d.Task() != c.task {
			t.Errorf("got %v, %s, %s; want %s, %s, %s", d, d.Metric(), d.Task(), c.text, c.metric, c.task)
		}
	}
}

// A few replies that keep data from another form are told of, but decide nothing.
func TestNearMisses(t *testing.T) {
	log := func(n int, reply func(i int) string) (examples []Example) {
		for i := range n {
			e := NewChat(fmt.Sprint("request ", i), reply(i))
			e.ID = fmt.Sprint("log.jsonl:", i+1)
			examples = append(examples, e)
		}
		return examples
	}
	const sorry = "I am afraid that I can do nothing about what you ask of me, neither now nor later."
	some := func(one, other string, at ...int) func(int) string {
		return func(i int) string {
			if slices.Contains(at, i) {
				return other
			}
			return strings.ReplaceAll(one, "#", fmt.Sprint(i))
		}
	}
	for _, c := range []struct {
		examples   []Example
		text, near string
	}{
		{log(1000, some(`{"intent": "a", "n": "#"}`, sorry, 416, 500)), "chat log, free text",
			"all but 2 of 1,000 replies are JSON objects with an intent, the first that is not stands in log.jsonl:417; without such rows the data is structured JSON"},
		{log(40, some(`{"intent": "a", "n": "#"}`, `{"n": 1}`, 7, 8)), "JSON objects",
			"all but 2 of 40 replies are JSON objects with an intent, the first that is not stands in log.jsonl:8; without such rows the data is structured JSON"},
		{log(40, some(`{"n": #}`, sorry, 0)), "chat log, free text",
			"all but 1 of 40 replies are JSON objects, the first that is not stands in log.jsonl:1; without such rows the data is JSON objects"},
		{log(40, some("yes", sorry, 30, 35)), "chat log, free text",
			"all but 2 of 40 replies are as short as labels, 64 characters, the first that is not stands in log.jsonl:31; without such rows the data is classification"},
		{log(40, some("yes", sorry, 30, 35, 36)), "chat log, free text", ""},
		{log(40, some("number #", sorry, 30)), "chat log, free text", ""},
		{log(40, some("yes", "no", 30)), "classification, 2 labels", ""},
		{log(40, some(`{"intent": "a"}`, `{"intent": "`+sorry+`"}`, 30)), "structured JSON, 2 intents, 0 slots", ""},
	} {
		if d := Detect(c.examples); d.String() != c.text || d.Near.String() != c.near {
			t.Errorf("got %v, near %+v;\nwant %s, near %q", d, d.Near, c.text, c.near)
		}
	}
}

func TestAppendReply(t *testing.T) {
	for _, c := range []struct {
		slots []Slot
		want  string
	}{
		{nil, `{"intent": "alarm_set"}`},
		{[]Slot{{"date", "tomorrow"}, {"time", "six am"}}, `{"intent": "alarm_set", "date": "tomorrow", "time": "six am"}`},
		{[]Slot{{"time", "six"}, {"date", "today"}, {"time", "seven"}, {"time", "eight"}},
			`{"intent": "alarm_set", "time": ["six", "seven", "eight"], "date": "today"}`},
		{[]Slot{{"n", "café \"x\" \\ /</>\n\t\r\x01\u2028"}}, `{"intent": "alarm_set", "n": "café \"x\" \\ /</>\n\t\r\u0001` + "\u2028" + `"}`},
	} {
		if got := string(AppendReply(nil, "alarm_set", c.slots)); got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
}

func TestParseReply(t *testing.T) {
	for _, c := range []struct {
		text string
		want Reply
	}{
		{`{}`, Reply{}},
		{" \n{\"intent\":\"a\"}\r\n\t ", Reply{Intent: "a"}},
		{`{"intent": "a", "x": ["1", "2"], "y": "3"}`, Reply{Intent: "a", Slots: []Slot{{"x", "1"}, {"x", "2"}, {"y", "3"}}}},
		{`{"intent": "a", "x": "1", "x": "1"}`, Reply{Intent: "a", Slots: []Slot{{"x", "1"}, {"x", "1"}}}},
		{`{"intent": "a", "intent": "a"}`, Reply{}},
		{`{"intent": 5, "x": "1"}`, Reply{Slots: []Slot{{"x", "1"}}}},
		{`{"intent": "a", "x": 1, "y": null, "z": true, "o": {"p": "q"}, "l": [["a"], "b", 2], "e": []}`,
			Reply{Intent: "a", Slots: []Slot{{"l", "b"}}, Odd: 6}},
		{`{"intent": "\u00e9"}`, Reply{Intent: "é"}},
	} {
		if got, err := ParseReply(c.text); err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: got %+v, %v; want %+v", c.text, got, err, c.want)
		}
	}
	for _, text := range []string{
		"", " ", "null", `"a"`, "[]", `[{"intent": "a"}]`, `{"intent": "a"`, `{"intent": "a"}}`, `{"intent": "a"} {}`, `{"intent": "a"} ok`,
		`{'intent': 'a'}`, `{"intent": "a",}`, "```json\n{}\n```", "{\"intent\": \"a\xff\"}", "\ufeff{}", "{\"a\": \"\n\"}", "\u00a0{}", `{"a" "b"}`, `{a: 1}`,
	} {
		if got, err := ParseReply(text); err == nil {
			t.Errorf("%q: got %+v, want an error", text, got)
		}
	}
}

func FuzzParseReply(f *testing.F) {
	f.Add(`{"intent": "a", "x": ["1", 2], "y": {"z": null}}`)
	f.Add(`{"intent": "\ud800"}`)
	f.Fuzz(func(t *testing.T, text string) {
		r, err := ParseReply(text)
		if err != nil || r.Intent == "" || r.Odd > 0 {
			return
		}
		for _, s := range r.Slots {
			if s.Name == intentKey {
				t.Fatal("the intent is a slot")
			}
		}
		canonical := AppendReply(nil, r.Intent, r.Slots)
		again, err := ParseReply(string(canonical))
		if err != nil || string(AppendReply(nil, again.Intent, again.Slots)) != string(canonical) {
			t.Fatalf("%s: %v", canonical, err)
		}
	})
}

func TestNormalize(t *testing.T) {
	for in, want := range map[string]string{
		"":               "",
		"  Six\t\n AM ":  "six am",
		"Cafe\u0301":     "café",
		"J\u030c":        "\u01f0", // composes only once it is lower case
		"a\u00a0\u2003b": "a b",
		"\u212b":         "å",
		"ÉCOLE":          "école",
	} {
		if got := Normalize(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

func FuzzNormalize(f *testing.F) {
	f.Add("J\u030c A\u0345\u0301 \xff")
	f.Fuzz(func(t *testing.T, s string) {
		once := Normalize(s)
		if again := Normalize(once); again != once {
			t.Fatalf("%q: %q, then %q", s, once, again)
		}
	})
}

func TestSplitByHash(t *testing.T) {
	// SHA-256 of "a" starts with ca97…, of "b" with 3e23…, of "c" with 2e7d….
	all := []Example{{Text: " A"}, {Text: "b"}, {Text: "a"}, {Text: "c"}}
	rest, held := splitByHash(all, 0.2)
	if len(rest) != 3 || len(held) != 1 || held[0].Text != "c" {
		t.Errorf("rest %v, held %v", rest, held)
	}
	rest, held = splitByHash(all, 0.25)
	if len(rest) != 2 || rest[0].Text != " A" || rest[1].Text != "a" || len(held) != 2 {
		t.Errorf("rest %v, held %v", rest, held)
	}
}

// Of few texts, the one of the least hash is held out, unless none is asked for, or there
// is no other.
func TestSplitByHashOfFew(t *testing.T) {
	all := []Example{{Text: " A"}, {Text: "b"}, {Text: "a"}, {Text: "B"}, {Text: "c"}}
	for name, c := range map[string]struct {
		examples   []Example
		share      float64
		rest, held string
	}{
		"none below":      {all, 1e-9, " AbaB", "c"},
		"rows of it":      {all[:4], 0.1, " Aa", "bB"},
		"two rows":        {all[:2], 0.1, " A", "b"},
		"none asked for":  {all, 0, " AbaBc", ""},
		"one text":        {[]Example{{Text: "a"}, {Text: "A"}}, 0.1, "aA", ""},
		"one row":         {all[:1], 0.1, " A", ""},
		"nothing":         {nil, 0.1, "", ""},
		"the share alone": {all, 0.25, " Aa", "bBc"},
	} {
		rest, held := splitByHash(c.examples, c.share)
		got := [2]string{}
		for i, part := range [][]Example{rest, held} {
			for _, e := range part {
				got[i] += e.Text
			}
		}
		if want := [2]string{c.rest, c.held}; got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}

func TestHoldout(t *testing.T) {
	all := []Example{{Text: "a", Split: Train}, {Text: "b", Split: Validation}, {Text: "c", Split: Test}}
	train, validation := Holdout(all, 0.1)
	if len(train) != 1 || train[0].Text != "a" || len(validation) != 1 || validation[0].Text != "b" {
		t.Errorf("train %v, validation %v", train, validation)
	}
}

// What is held out is far from what was asked for where a text repeats, and not for what
// rounding or chance makes of few, or what files assign.
func TestUneven(t *testing.T) {
	rows := func(texts string) (all []Example) {
		for _, r := range texts {
			all = append(all, Example{Text: string(r)})
		}
		return all
	}
	const letters, many = "abcdefghijklmnopqrst", "zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz"
	for name, c := range map[string]struct {
		rest, held string
		share      float64
		want       bool
	}{
		"4 of 5":                  {"a", "bbbb", 0.1, true},
		"1 of 5":                  {"aaaa", "b", 0.1, false},
		"1 of 2":                  {"a", "b", 0.1, false},
		"2 of 3":                  {"a", "bb", 0.1, false},
		"chance":                  {letters[5:], letters[:5], 0.1, false},
		"chance of half":          {letters[1:], letters[:1], 0.2, false},
		"few of many":             {many + letters[2:], letters[:2], 0.1, true},
		"all that is asked for":   {many, letters, 0.3, false},
		"twice, and a text's own": {letters[4:], letters[:4], 0.1, false},
		"nothing asked for":       {many, "a", 0, false},
		"nothing held out":        {many, "", 0.1, false},
	} {
		if got := Uneven(rows(c.rest), rows(c.held), c.share); got != c.want {
			t.Errorf("%s: %t, want %t", name, got, c.want)
		}
	}
	assigned := rows("bbbb")
	for i := range assigned {
		assigned[i].Split = Validation
	}
	if Uneven(rows("a"), assigned, 0.1) {
		t.Error("what the file assigns is uneven, want it as it is")
	}
	if text := []Example{{Text: "ab", Whole: true}}; Uneven(text[:0], text, 0.1) {
		t.Error("a text's end is uneven, want it as it is")
	}
}

func TestHoldoutHomeAssistant(t *testing.T) {
	train, validation := Holdout(load(t, "home-assistant/train.jsonl"), 0.1)
	if n := len(train) + len(validation); n != 9960 {
		t.Errorf("%d rows", n)
	}
	if share := float64(len(validation)) / 9960; share < 0.09 || share > 0.11 { // 3 standard errors
		t.Errorf("validation share %.3f", share)
	}
	if n := len(Overlap(train, validation)); n != 0 {
		t.Errorf("%d rows on both sides", n)
	}
	if n := len(Overlap(append(train, validation...), load(t, "home-assistant/test.jsonl"))); n != 0 {
		t.Errorf("%d test rows in training", n)
	}
}

func TestOverlapSnips(t *testing.T) {
	got := Overlap(load(t, "snips/train_*.json"), load(t, "snips/validate_*.json"))
	if len(got) != 11 { // counted by another program: case folded, white space joined
		t.Errorf("%d test rows in train, want 11", len(got))
	}
}

func TestDigest(t *testing.T) {
	a := []Example{NewLabeled("x", "y"), NewLabeled("z", "y")}
	b := []Example{{ID: "7", Line: 3, Messages: a[0].Messages, Label: "y"}, a[1]}
	if Digest(a) != Digest(b) {
		t.Error("the digest depends on identifiers")
	}
	if Digest(a) == Digest([]Example{a[1], a[0]}) {
		t.Error("the digest does not depend on the order")
	}
	// echo '{"text": "x", "label": "y"}' | sha256sum
	const want = "8f27462202e08c35cb87974f4fd4d9cb4a18b391264bee76f0b9f987202d089c"
	if got := Digest(a[:1]); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestGold(t *testing.T) {
	e := NewChat("wake me", `{"intent": "wake", "who": "me"}`)
	if g, ok := e.Gold(); !ok || g.Intent != "wake" || len(g.Slots) != 1 {
		t.Errorf("got %+v, %v", g, ok)
	}
	e = NewChat("wake me", "ok")
	if g, ok := e.Gold(); ok {
		t.Errorf("got %+v", g)
	}
}

// Pieces are all of a text, cut before a space where there is one; other examples stay
// as they are.
func TestCutTexts(t *testing.T) {
	for name, c := range map[string]struct {
		text  string
		sizes []int
	}{
		"short":         {"a b", []int{3}},
		"just one":      {strings.Repeat("x", TextPiece), []int{TextPiece}},
		"words":         {strings.Repeat("12345678 ", 300), []int{1997, 703}},
		"without words": {strings.Repeat("é", 1500), []int{2000, 1000}},
		"amid a rune":   {"x" + strings.Repeat("é", 1500), []int{1999, 1002}},
	} {
		var all string
		var sizes []int
		for _, e := range CutTexts([]Example{{Text: c.text, ID: "a"}}) {
			all += e.Text
			sizes = append(sizes, len(e.Text))
			if e.ID != "a" {
				t.Errorf("%s: ID %q", name, e.ID)
			}
		}
		if all != c.text || !slices.Equal(sizes, c.sizes) {
			t.Errorf("%s: pieces of %v, want %v, and the same text", name, sizes, c.sizes)
		}
	}
	chat := NewChat("a", "b")
	if got := CutTexts([]Example{chat}); len(got) != 1 || got[0].Text != chat.Text {
		t.Errorf("a chat: %+v", got)
	}
}

// The end of a text that is a whole file is held out: from a paragraph on, or a
// line, or a word.
func TestHoldoutOfTexts(t *testing.T) {
	words := strings.Repeat("word ", 40) // 200 bytes
	for name, c := range map[string]struct {
		text       string
		share      float64
		rest, held string
	}{
		"paragraph":  {words + "\n\n" + "the end of it is this", 0.15, words + "\n\n", "the end of it is this"},
		"line":       {words + "\n" + "the end of it is this", 0.15, words + "\n", "the end of it is this"},
		"word":       {words, 0.1, words[:180], words[180:]},
		"characters": {strings.Repeat("é", 10), 0.25, strings.Repeat("é", 8), "éé"},
		"nothing":    {words, 0, words, ""},
		"all":        {words, 1, "", words},
		"too short":  {"a b", 0.1, "a b", ""},
		"blank end":  {words + strings.Repeat("\n", 100), 0.2, words + strings.Repeat("\n", 40), ""},
	} {
		rest, held := Holdout(read(t, "a.txt", c.text, Options{}), c.share)
		got := [2]string{}
		for i, part := range [][]Example{rest, held} {
			if len(part) > 0 {
				got[i] = part[0].Text
			}
		}
		if want := [2]string{c.rest, c.held}; got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	texts := []Example{{Text: words, Whole: true}, {Text: words, Whole: true}}
	if rest, held := Holdout(texts, 0.1); len(rest) != 2 || len(held) != 2 {
		t.Errorf("of two texts: %d and %d parts, want the end of each", len(rest), len(held))
	}
}
