package steps

import (
	"errors"
	"os"
	"strings"
	"testing"

	"limbeck/data"
	"limbeck/internal/testkit"
	"limbeck/model"
)

func TestTemplateFor(t *testing.T) {
	labeled := data.NewLabeled("lights on", "on")
	chat := data.NewChat("hello", "hi")
	prompted := data.NewLabeled("lights on", "on")
	prompted.Messages = append([]data.Message{{Role: "system", Content: "Be short."}}, prompted.Messages...)
	for _, c := range []struct {
		name     string
		examples []data.Example
		has      bool
		want     string
	}{
		{"labels need no roles", []data.Example{labeled}, true, bareTemplate},
		{"a log keeps the model's", []data.Example{chat}, true, ""},
		{"a system prompt keeps the model's", []data.Example{prompted}, true, ""},
		{"a model without one", []data.Example{chat}, false, bareTemplate},
		{"one without, and roles", []data.Example{prompted}, false, rolesTemplate},
		{"plain text", []data.Example{{Text: "once upon a time"}}, false, ""},
	} {
		if got := templateFor(c.examples, c.has); got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}

// briefed returns a chat that begins with a system message, unless it is empty.
func briefed(system, text string) data.Example {
	e := data.NewChat(text, "ok")
	if system != "" {
		e.Messages = append([]data.Message{{Role: "system", Content: system}}, e.Messages...)
	}
	return e
}

// hardBrief is a system message with what a template's literal might break on.
const hardBrief = "It's \"C:\\new\":\n\tanswer {{briefly}} in 日本語, 100 %}."

// A model whose examples all begin with one system message has that for chats
// without one, and another where a chat brings it.
func TestSpeakAs(t *testing.T) {
	smol, err := os.ReadFile("../../model/chat/testdata/templates/smollm2.jinja")
	if err != nil {
		t.Fatal(err)
	}
	for name, source := range map[string]string{"roles": rolesTemplate, "its own": string(smol), "a line first": "\n" + rolesTemplate} {
		t.Run(name, func(t *testing.T) {
			m := testkit.Model(1)
			template(t, m, source)
			before := prompt(t, m, briefed(hardBrief, "hello"))
			for range 2 { // the second time, nothing is left to do
				remark, err := speakAs(m, []data.Example{briefed(hardBrief, "a"), briefed(hardBrief, "b")})
				if remark != "" || err != nil {
					t.Fatalf("%q, %v", remark, err)
				}
			}
			if got := prompt(t, m, briefed("", "hello")); got != before {
				t.Errorf("a chat without a system message is prompted %q, want %q", got, before)
			}
			if got := prompt(t, m, briefed("Sing.", "hello")); !strings.Contains(got, "Sing.") || strings.Contains(got, "briefly") {
				t.Errorf("a chat with another is prompted %q", got)
			}
			if n := strings.Count(m.TemplateSource(), "briefly"); n != 1 {
				t.Errorf("the template has the message %d times", n)
			}
		})
	}
}

// Where a template cannot be right for all requests, users are told.
func TestSpeakAsRemarks(t *testing.T) {
	for _, c := range []struct {
		name, source string
		systems      []string
		remark       string
	}{
		{"no system message", rolesTemplate, []string{"", ""}, ""},
		{"several", rolesTemplate, []string{"Be short.", "Be long."}, "different system messages"},
		{"some without", rolesTemplate, []string{"Be short.", ""}, "different system messages"},
		{"a template that is blind", bareTemplate, []string{"Be short."}, "leaves out system messages"},
	} {
		m := testkit.Model(1)
		template(t, m, c.source)
		var examples []data.Example
		for _, s := range c.systems {
			examples = append(examples, briefed(s, "hello"))
		}
		remark, err := speakAs(m, examples)
		if err != nil || !strings.Contains(remark, c.remark) || (remark == "") != (c.remark == "") {
			t.Errorf("%s: %q, %v", c.name, remark, err)
		}
		if m.TemplateSource() != c.source {
			t.Errorf("%s: the template has changed", c.name)
		}
	}
}

// A log of several messages takes the place of a template that shows only the
// last one.
func TestAdaptBlindTemplate(t *testing.T) {
	m := testkit.Model(1)
	template(t, m, bareTemplate)
	if err := adaptTemplate(m, []data.Example{briefed("Be short.", "hello")}); err != nil {
		t.Fatal(err)
	}
	if got := m.TemplateSource(); got != rolesTemplate {
		t.Errorf("the template is %q", got)
	}
}

// A template that is not known stays a log's: which is told where it is to be rendered.
func TestAdaptUnreadTemplate(t *testing.T) {
	m := testkit.Model(1)
	const source = "{% block x %}{% endblock %}"
	if err := m.SetTemplate(source); err == nil {
		t.Fatal("the template is known")
	}
	log := []data.Example{briefed("Be short.", "hello")}
	if err := errors.Join(adaptTemplate(m, log), lendTemplate(m, log)); err != nil {
		t.Fatal(err)
	}
	_, _, err := data.Sequences(m, log, 128)
	if got := m.TemplateSource(); got != source || err == nil || !strings.Contains(err.Error(), "{% block %} is not supported") {
		t.Errorf("the template is %q, and rendering gave %v", got, err)
	}
}

// What a model learns is the same on any day, whatever its template asks.
func TestSequencesKnowNoClock(t *testing.T) {
	m := testkit.Model(1)
	template(t, m, "{{ strftime_now('%d %b %Y, %X.%f') }} {{ messages[-1]['content'] }}")
	set, _, err := data.Sequences(m, []data.Example{briefed("", "hello")}, 128)
	if err != nil {
		t.Fatal(err)
	}
	prompt := string(m.Tokenizer.Decode(set[0].IDs[:set[0].From]))
	if want := "26 Jul 2024, 00:00:00.000000 hello"; prompt != want {
		t.Errorf("the prompt is %q, want %q", prompt, want)
	}
}

func template(t *testing.T, m *model.Model, source string) {
	t.Helper()
	if err := m.SetTemplate(source); err != nil {
		t.Fatal(err)
	}
}

func prompt(t *testing.T, m *model.Model, e data.Example) string {
	t.Helper()
	text, err := m.Prompt(data.Conversation(e.Prompt()))
	if err != nil {
		t.Fatal(err)
	}
	return text
}
