package steps

import (
	"limbeck/data"
	"limbeck/model"
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
// of messages keeps the model's own template, if it has one.
func adaptTemplate(m *model.Model, examples []data.Example) error {
	if source := templateFor(examples, m.Template != nil); source != "" {
		return m.SetTemplate(source)
	}
	return nil
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
