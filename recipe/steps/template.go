package steps

import (
	"strings"

	"limbeck/data"
	"limbeck/model"
	"limbeck/recipe/run"
)

// Templates that models get from their data.
const (
	// bareTemplate prompts with the text alone, and a line's end.
	bareTemplate = "{{ messages[-1]['content'] }}{% if add_generation_prompt %}{{ '\\n' }}{% endif %}"

	// rolesTemplate names who speaks, in words: it needs no tokens of its own.
	rolesTemplate = "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}{{ '\\n' }}{% endfor %}" +
		"{% if add_generation_prompt %}assistant: {% endif %}"
)

// adaptTemplate gives m, before it is trained on examples, the chat template
// that fits them. Single texts with a label or with slots need no roles. A log
// of messages keeps the model's own template, if it has one that shows all of
// them or is not known: the text of that is not lost for want of a construct.
func adaptTemplate(m *model.Model, examples []data.Example) error {
	if source := templateFor(examples, m.TemplateSource() != "" && !leavesOut(m, examples)); source != "" {
		return m.SetTemplate(source)
	}
	return nil
}

// lendTemplate gives m the template that examples need if it has none, as a base model
// has, which no training gave one.
func lendTemplate(m *model.Model, examples []data.Example) error {
	if m.TemplateSource() != "" {
		return nil
	}
	return adaptTemplate(m, examples)
}

// speakAs makes the system message that all examples begin with the one of chats
// that begin with none: the only one that m knows. The template's own would be
// new to it, and if the vocabulary was cut to the examples, spelled in bytes. It
// reports what users should know of examples that leave it no choice.
func speakAs(m *model.Model, examples []data.Example) (remark string, err error) {
	text, several := data.SystemOf(examples)
	switch {
	case m.Template == nil:
		return "", nil
	case several:
		return "the examples begin with different system messages, or some with none: requests need the right one", nil
	case text == "":
		return "", nil
	}
	user := data.Message{Role: "user", Content: "?"}
	with, err := m.Prompt(data.Conversation([]data.Message{{Role: "system", Content: text}, user}))
	if err != nil {
		return "", nil // it is told where the examples are read
	}
	if m.OmitsSystem() {
		return "the model's chat template leaves out system messages: neither training nor replies see them", nil
	}
	if without, err := m.Prompt(data.Conversation([]data.Message{user})); err == nil && with == without {
		return "", nil
	}
	return "", m.SetTemplate(withSystem(m.TemplateSource(), text))
}

// speak is [speakAs] in a step, which passes the remark on.
func speak(w *run.Work, m *model.Model, examples []data.Example) error {
	remark, err := speakAs(m, examples)
	if remark != "" {
		w.Warn("%s", remark)
	}
	return err
}

// leavesOut reports whether m's template shows nothing of the first message of a
// chat of several.
func leavesOut(m *model.Model, examples []data.Example) bool {
	for i := range examples {
		if p := examples[i].Prompt(); len(p) > 1 {
			all, err := m.Prompt(data.Conversation(p))
			return err == nil && !strings.Contains(all, strings.TrimSpace(p[0].Content))
		}
	}
	return false
}

// withSystem returns a template that gives chats without a system message this
// one.
func withSystem(source, text string) string {
	literal := strings.NewReplacer(`\`, `\\`, `'`, `\'`, "\n", `\n`, "\r", `\r`, "\t", `\t`).Replace(text)
	begin := "{% if not messages or messages[0]['role'] != 'system' %}" +
		"{% set messages = [{'role': 'system', 'content': '" + literal + "'}] + messages %}{% endif %}"
	if strings.HasPrefix(source, "\n") {
		begin += "\n" // a line's end after a block is dropped
	}
	return begin + source
}

// templateFor returns the template that examples need of a model, which may
// have one already; empty if that is right, or if they are plain text.
func templateFor(examples []data.Example, has bool) string {
	bare, single, chat := true, true, false
	for i := range examples {
		e := &examples[i]
		k := e.Kind()
		bare = bare && (k == data.Structured || k == data.Labeled)
		single = single && len(e.Prompt()) == 1
		chat = chat || k != data.Plain
	}
	switch {
	case !chat, has && !(bare && single):
		return ""
	case single:
		return bareTemplate
	}
	return rolesTemplate
}
