// Package chat turns a conversation into the prompt that a model was trained on,
// by the chat template in the model's own file.
//
// Templates are Jinja as transformers runs it: trim_blocks and lstrip_blocks are
// on, and break, continue, generation blocks, raise_exception and strftime_now are
// there. This package is a subset of that language, in a sandbox: a template sees
// what [Input] says and nothing else, not even the clock, changes nothing, and runs
// under limits of work and output. What the subset lacks (include, extends, import,
// recursive loops, rare filters) is an error of Parse that names line and construct.
// Values behave as Python's do, text counted in code points; integers beyond 64 bits
// are an error; changing case maps code point to code point; safe does nothing, where
// Jinja would HTML-escape what is then added to its result.
package chat

import (
	"fmt"
	"time"
)

// Template is a parsed chat template. It is safe for concurrent use.
type Template struct{ body []stmt }

// Message is one turn of a conversation.
type Message struct {
	Role    string // system, user, assistant …
	Content string
	Name    string // of who speaks; undefined if empty
}

// Input is what a template may see.
type Input struct {
	Messages            []Message
	AddGenerationPrompt bool
	BOS, EOS, UNK, PAD  string    // template names: bos_token and so on; undefined if empty
	Now                 time.Time // what strftime_now tells
}

// failure is an error within a template, thrown by panic and caught by Parse and
// Render, as a parser's errors are in the standard library.
type failure struct {
	line int
	text string
}

func (f *failure) Error() string { return fmt.Sprintf("chat template, line %d: %s", f.line, f.text) }

// catch turns a thrown failure into an error; other panics go on.
func catch(err *error) {
	switch e := recover().(type) {
	case nil:
	case *failure:
		*err = e
	default:
		panic(e)
	}
}

// Parse reads a template. Errors name the line.
func Parse(source string) (t *Template, err error) {
	if len(source) > maxSource {
		return nil, fmt.Errorf("chat template: %d bytes, want at most %d", len(source), maxSource)
	}
	defer catch(&err)
	p := &parser{tokens: lex(source)}
	body := p.statements()
	if t := p.peek(); t.kind != tokEOF {
		p.fail("%s without its beginning", t)
	}
	return &Template{body}, nil
}

// Render returns the prompt. A template that raises an exception, misuses a value or
// exceeds a limit gives an error that names the line.
func (t *Template) Render(in Input) (string, error) { return t.render(in.variables(), in.Now) }

// render is [Template.Render] with the variables that the template starts with, and may
// set.
func (t *Template) render(vars map[string]any, now time.Time) (text string, err error) {
	defer catch(&err)
	r := &run{line: 1, now: now, scope: &scope{vars, globalScope}}
	r.execute(t.body)
	return string(r.out), nil
}

// variables are the names that a template starts with, besides the functions.
func (in *Input) variables() map[string]any {
	vars := map[string]any{
		"add_generation_prompt": in.AddGenerationPrompt,
		"tools":                 nil,
		"documents":             nil,
	}
	messages := make([]any, len(in.Messages))
	for i, m := range in.Messages {
		d := newDict()
		d.set("role", m.Role)
		d.set("content", m.Content)
		if m.Name != "" {
			d.set("name", m.Name)
		}
		messages[i] = d
	}
	vars["messages"] = &list{messages}
	for _, token := range [...]struct{ name, text string }{
		{"bos_token", in.BOS}, {"eos_token", in.EOS}, {"unk_token", in.UNK}, {"pad_token", in.PAD},
	} {
		if token.text != "" {
			vars[token.name] = token.text
		}
	}
	return vars
}
