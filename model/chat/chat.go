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
	"encoding/json"
	"fmt"
	"time"
)

// Limits on what a template from outside may cost.
const (
	maxSource = 1 << 20 // of a template [bytes]
	maxWork   = 1 << 23 // units; evaluating a node is one, as is making or reading 16 bytes of text
	maxOutput = 1 << 24 // of a rendered prompt [bytes]
	maxDepth  = 200     // of nested expressions, blocks, macro calls and values
	maxName   = 256     // of a variable, a member and the like [bytes]
)

// Template is a parsed chat template. It is safe for concurrent use.
type Template struct {
	source string
	body   []stmt
}

// Message is one turn of a conversation. Reasoning, calls of tools and Fields are there
// because templates of real models ask for them, which are tested with them; no command
// offers them yet.
type Message struct {
	Role       string // system, user, assistant, tool …
	Content    string
	Reasoning  string // template name: reasoning_content
	Name       string
	ToolCalls  []ToolCall
	ToolCallID string
	// Fields are further fields, or other values for those above, by the names that
	// templates use: {"content": []any{…}} for a content of several parts.
	Fields map[string]any
}

// ToolCall is a call that an assistant's message makes; see [Message] for who makes one.
type ToolCall struct {
	ID        string
	Name      string
	Arguments json.RawMessage // an object; anything else reaches the template as text
}

// Input is what a template may see. Values of Tools and Extra are what JSON can say;
// give json.RawMessage where the order of keys matters, as it does in prompts: a Go
// map is seen in the order of its sorted keys. Templates of real models are tested with
// Tools, Extra and Now; no command offers them yet.
type Input struct {
	Messages            []Message
	AddGenerationPrompt bool
	BOS, EOS, UNK, PAD  string // template names: bos_token and so on; undefined if empty
	Tools               []any
	Extra               map[string]any // further variables, by name
	Now                 time.Time      // what strftime_now tells
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
	return &Template{source: source, body: body}, nil
}

// Source returns the template's text.
func (t *Template) Source() string { return t.source }

// Render returns the prompt. A template that raises an exception, misuses a value or
// exceeds a limit gives an error that names the line.
func (t *Template) Render(in Input) (text string, err error) {
	defer catch(&err)
	r := &run{line: 1, now: in.Now}
	r.scope = &scope{vars: r.variables(in)}
	r.execute(t.body)
	return string(r.out), nil
}

// variables are the names that a template starts with.
func (r *run) variables(in Input) map[string]any {
	vars := map[string]any{
		"add_generation_prompt": in.AddGenerationPrompt,
		"tools":                 nil,
		"documents":             nil,
	}
	for name, f := range globals {
		vars[name] = &function{name: name, call: f}
	}
	messages := make([]any, len(in.Messages))
	for i, m := range in.Messages {
		messages[i] = r.message(m)
	}
	vars["messages"] = &list{messages}
	for name, token := range map[string]string{"bos_token": in.BOS, "eos_token": in.EOS, "unk_token": in.UNK, "pad_token": in.PAD} {
		if token != "" {
			vars[name] = token
		}
	}
	if len(in.Tools) > 0 {
		vars["tools"] = r.fromGo(in.Tools, 0)
	}
	for name, v := range in.Extra {
		vars[name] = r.fromGo(v, 0)
	}
	return vars
}

// message makes the dictionary that templates know.
func (r *run) message(m Message) *dict {
	d := newDict()
	d.set("role", m.Role)
	d.set("content", m.Content)
	if m.Reasoning != "" {
		d.set("reasoning_content", m.Reasoning)
	}
	if m.Name != "" {
		d.set("name", m.Name)
	}
	if m.ToolCallID != "" {
		d.set("tool_call_id", m.ToolCallID)
	}
	if len(m.ToolCalls) > 0 {
		calls := make([]any, len(m.ToolCalls))
		for i, c := range m.ToolCalls {
			calls[i] = r.toolCall(c)
		}
		d.set("tool_calls", &list{calls})
	}
	for _, key := range sortedKeys(m.Fields) {
		d.set(key, r.fromGo(m.Fields[key], 0))
	}
	return d
}

func (r *run) toolCall(c ToolCall) *dict {
	call, function := newDict(), newDict()
	if c.ID != "" {
		call.set("id", c.ID)
	}
	call.set("type", "function")
	function.set("name", c.Name)
	function.set("arguments", string(c.Arguments))
	if arguments, err := decodeJSON(c.Arguments); err == nil {
		if d, ok := arguments.(*dict); ok {
			function.set("arguments", d)
		}
	}
	call.set("function", function)
	return call
}
