package data

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// Rows of messages that are no examples are counted if somebody asks, and else errors,
// as are those that are malformed, whatever else they are.
func TestLeftOut(t *testing.T) {
	const good = `{"messages":[{"role":"user","content":"hi"},{"role":"assistant","content":"hello","tool_calls":[]}],"id":null}`
	for _, c := range []struct {
		messages string
		left     LeftOut
		err      string // if it is not counted
	}{
		{`{"role":"user","content":"hi"},{"role":"assistant","content":null,"tool_calls":[{"id":"1"}]}`, LeftOut{ToolCalls: 1}, "message 2: it calls a tool"},
		{`{"role":"user","content":"hi"},{"role":"assistant","content":"Let me look.","tool_calls":[{"id":"1"}]}`, LeftOut{ToolCalls: 1}, "message 2: it calls a tool"},
		{`{"role":"user","content":null},{"role":"assistant","function_call":{"name":"f"}},{"role":"assistant","content":"x"}`, LeftOut{ToolCalls: 1}, "message 2: it calls a tool"},
		{`{"role":"user","content":"hi"},{"role":"assistant","content":null,"refusal":"no"}`, LeftOut{NoReply: 1}, "message 2: content is null"},
		{`{"role":"user","content":"hi"},{"role":"assistant","content":[{"type":"refusal","refusal":"no"}]}`, LeftOut{NoReply: 1}, "message 2: content is a refusal"},
		{`{"role":"user","content":"hi"},{"role":"assistant"}`, LeftOut{NoReply: 1}, "message 2: content is missing"},
		{`{"role":"user","content":"hi"},{"role":"assistant","content":" "}`, LeftOut{NoReply: 1}, "empty reply"},
		{`{"role":"user","content":"hi"},{"role":"assistant","content":[]}`, LeftOut{NoReply: 1}, "empty reply"},
		{`{"role":"user","content":"hi"}`, LeftOut{NoReply: 1}, `last message has role "user"`},
		{`{"role":"user","content":""},{"role":"assistant","content":"x"}`, LeftOut{NoText: 1}, "empty prompt"},
		{`{"role":"user","content":"a"},{"role":"assistant","content":null},{"role":"user","content":"b"},{"role":"assistant","content":"c"}`, LeftOut{NoText: 1}, "message 2: content is null"},
		{`{"role":"user","content":[{"type":"text","text":"what is it"},{"type":"image_url","image_url":{"url":"data:"}}]},{"role":"assistant","content":"x"}`,
			LeftOut{NotText: 1}, `message 1: content has a part of type "image_url", want text only`},
		{`{"role":"user","content":"draw"},{"role":"assistant","content":[{"type":"image"}]}`, LeftOut{NotText: 1}, `message 2: content has a part of type "image"`},
		{`{"role":"user","content":"hi"},{"role":"assistant","content":"BAD","weight":0}`, LeftOut{Unweighed: 1}, "message 2: its weight is 0"},
		{`{"role":"user","content":"hi"},{"role":"assistant","content":"BAD","weight":-0.0}`, LeftOut{Unweighed: 1}, "message 2: its weight is 0"},
		{`{"role":"user","content":"hi"},{"role":"assistant","weight":0}`, LeftOut{NoReply: 1}, "message 2: content is missing"},
		{`{"role":"user","content":"hi"},{"role":"assistant","content":"x","weight":0.5}`, LeftOut{}, `message 2: "weight" is 0.5, want 0 or 1`},
		{`{"role":"user","content":"hi"},{"role":"assistant","content":"x","weight":"0"}`, LeftOut{}, `message 2: "weight" is a string, want 0 or 1`},
		{`{"role":"user","content":"a"},{"role":"assistant","content":"b","weight":2},{"role":"user","content":"c"},{"role":"assistant","content":"d"}`, LeftOut{}, `message 2: "weight" is 2, want 0 or 1`},
		{`{"role":"user","content":[{"type":"text"}]},{"role":"assistant","content":"x"}`, LeftOut{}, `message 1: content has a part of type "text" without a text`},
		{`{"role":"user","content":null},{"role":"king","content":"x"}`, LeftOut{}, `message 2 has role "king"`},
		{`{"role":"user","content":null},{"role":"assistant","content":5}`, LeftOut{}, "message 2: content is 5"},
		{`{"role":"assistant","content":"x"}`, LeftOut{}, "a reply without a message before it"},
	} {
		row := `{"messages":[` + c.messages + `]}`
		text := good + "\n" + row
		if _, err := Read(strings.NewReader(text), "a.jsonl", Options{}); err == nil || !strings.Contains(err.Error(), "a.jsonl:2: "+c.err) {
			t.Errorf("%s: error %v, want %s", row, err, c.err)
		}
		var notes Notes
		got, err := Read(strings.NewReader(text), "a.jsonl", Options{Notes: &notes})
		if malformed := c.left == (LeftOut{}); malformed != (err != nil) || !malformed && len(got) != 1 || notes.LeftOut != c.left {
			t.Errorf("%s: %d examples, left out %+v, error %v; want %+v", row, len(got), notes.LeftOut, err, c.left)
		}
		cell := "messages\n\"[" + strings.ReplaceAll(c.messages, `"`, `""`) + "]\"\n"
		for name, text := range map[string]string{"a.jsonl": row, "a.csv": cell} {
			want := name + ": no examples but " + c.left.String()
			if _, err := Read(strings.NewReader(text), name, Options{Notes: &notes}); c.left != (LeftOut{}) && (err == nil || !strings.HasSuffix(err.Error(), want)) {
				t.Errorf("%s alone: error %v, want %s", row, err, want)
			}
		}
	}
	const want = "1 row with calls of tools, 2 rows without a reply, 3 rows with a message without text, " +
		"4 rows with images or other parts that are no text, 5 rows with a reply of weight 0"
	if got := (LeftOut{1, 2, 3, 4, 5}).String(); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// A weight leaves out what it stands beside, if that is the reply: of 1, or of another
// message, it does not.
func TestWeights(t *testing.T) {
	for _, messages := range []string{
		`{"role":"user","content":"hi"},{"role":"assistant","content":"x","weight":1}`,
		`{"role":"user","content":"hi"},{"role":"assistant","content":"x","weight":1.0}`,
		`{"role":"user","content":"hi"},{"role":"assistant","content":"x","weight":null}`,
		`{"role":"user","content":"hi","weight":"heavy"},{"role":"assistant","content":"x"}`,
		`{"role":"user","content":"a"},{"role":"assistant","content":"b","weight":0},{"role":"user","content":"c"},{"role":"assistant","content":"x","weight":1}`,
	} {
		var notes Notes
		got := read(t, "a.jsonl", `{"messages":[`+messages+`]}`, Options{Notes: &notes})
		if reply, _ := got[0].Reply(); reply != "x" || notes.LeftOut != (LeftOut{}) {
			t.Errorf("%s: reply %q, left out %+v", messages, reply, notes.LeftOut)
		}
	}
}

// What stands beside a plain text, and could be its label, is named.
func TestUnread(t *testing.T) {
	many, first := `{"text":"x"`, []string(nil)
	for i := range 2 * mostUnread {
		key := fmt.Sprintf("k%02d", i)
		many += `,"` + key + `":1`
		if i < mostUnread {
			first = append(first, key)
		}
	}
	for _, c := range []struct {
		name, text string
		opt        Options
		want       []string
	}{
		{"a.jsonl", many + "}", Options{}, first},
		{"a.csv", "text,id,source,category\nx,1,w,y\nz,2,w,y\n", Options{}, []string{"category", "source"}},
		{"a.jsonl", `{"text":"x","stars":5,"id":1,"meta":{"a":1},"tags":["b"],"none":null}`, Options{}, []string{"stars"}},
		{"a.jsonl", `{"text":"x","label":"y","category":"z"}`, Options{}, nil},
		{"a.csv", "text,category\nx,y\n", Options{Columns: Columns{Label: "category"}}, nil},
	} {
		var notes Notes
		c.opt.Notes = &notes
		read(t, c.name, c.text, c.opt)
		if !slices.Equal(notes.Unread, c.want) {
			t.Errorf("%s: unread %q, want %q", c.text, notes.Unread, c.want)
		}
	}
}
