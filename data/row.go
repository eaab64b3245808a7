package data

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"limbeck/internal/fields"
)

// A row is one JSON object, or one line of a table whose cells became JSON.
type row map[string]json.RawMessage

// labeled returns c with the prompt as the text, if that has a label and no completion:
// what a model is given is called so on command lines and in recipes.
func (c Columns) labeled() Columns {
	if c.Label != "" && c.Prompt != "" && c.Completion == "" && c.Text == "" {
		c.Text, c.Prompt = c.Prompt, ""
	}
	return c
}

// withDefaults returns c with the default names where it has none.
func (c Columns) withDefaults() Columns {
	c = c.labeled()
	def := func(s *string, name string) {
		if *s == "" {
			*s = name
		}
	}
	def(&c.ID, "id")
	def(&c.Prompt, "prompt")
	def(&c.Completion, "completion")
	def(&c.Text, "text")
	def(&c.Label, "label")
	def(&c.Intent, "intent")
	def(&c.Slots, "slots")
	return c
}

// ErrColumns is returned, wrapped, for rows whose columns make no example: naming
// them by [Columns] may help.
var ErrColumns = errors.New("other columns than those of an example")

// A columnsError is an [ErrColumns] that says what there is and what is wanted.
type columnsError struct{ text string }

func (e *columnsError) Error() string { return e.text }
func (e *columnsError) Unwrap() error { return ErrColumns }

// none returns an error if the user named a column of what has none.
func (c Columns) none(thing string) error {
	if c == (Columns{}) {
		return nil
	}
	return &columnsError{"columns are named, but " + thing + " has none: leave their names out"}
}

// missing returns an error if a column that the user named is not among the keys.
func (c Columns) missing(has map[string]bool, thing string) error {
	for _, name := range []string{c.ID, c.Prompt, c.Completion, c.Text, c.Label, c.Intent, c.Slots} {
		if name != "" && !has[name] {
			return &columnsError{fmt.Sprintf("no %s %q; there are %s", thing, name, quotedKeys(has))}
		}
	}
	return nil
}

// What rows have, in errors.
const (
	keyOfJSON     = "key"
	columnOfTable = "column"
)

// A shape is one of the sets of columns of the package comment.
type shape uint8

const (
	shapeMessages shape = iota
	shapePrompt
	shapeSlots
	shapeIntent
	shapeLabel
	shapeText
)

// shape chooses what a row with these columns is. Columns that the user named
// decide; else the first that fits in the order of the package comment. An error
// calls them by what each is: a thing.
func (c Columns) shape(has map[string]bool, thing string) (shape, error) {
	if err := c.missing(has, thing); err != nil {
		return 0, err
	}
	named := c.labeled()
	c = named.withDefaults()
	prompts := named.Prompt != "" || named.Completion != ""
	texts := named.Text != "" || named.Label != "" || named.Intent != "" || named.Slots != ""
	switch {
	case has["messages"] && !prompts && !texts:
		return shapeMessages, nil
	case has[c.Prompt] && has[c.Completion] && !texts:
		return shapePrompt, nil
	case has[c.Text] && has[c.Intent] && has[c.Slots] && named.Label == "":
		return shapeSlots, nil
	case has[c.Text] && has[c.Intent] && named.Label == "":
		return shapeIntent, nil
	case has[c.Text] && has[c.Label]:
		return shapeLabel, nil
	case has[c.Text] && !prompts:
		return shapeText, nil
	}
	return 0, &columnsError{fmt.Sprintf("the %ss are %s; want \"messages\", or %q and %q, or %q (alone, or with %q, or with %q and %q)",
		thing, quotedKeys(has), c.Prompt, c.Completion, c.Text, c.Label, c.Intent, c.Slots)}
}

func quotedKeys(has map[string]bool) string {
	var keys []string
	for k := range has {
		keys = append(keys, fmt.Sprintf("%q", k))
	}
	if len(keys) == 0 {
		return "none"
	}
	slices.Sort(keys)
	const most = 20
	if len(keys) > most {
		keys = append(keys[:most], "…")
	}
	return strings.Join(keys, ", ")
}

func (r row) keys() map[string]bool {
	has := make(map[string]bool, len(r))
	for k := range r {
		has[k] = true
	}
	return has
}

// example makes an example of a row of shape s.
func (r row) example(s shape, c Columns) (e Example, err error) {
	get := func(name string) string {
		text, problem := r.text(name)
		err = errors.Join(err, problem)
		return text
	}
	switch c = c.withDefaults(); s {
	case shapeMessages:
		e.Messages, err = r.messages()
	case shapePrompt:
		var reply string
		if reply, err = r.scalar(c.Completion); err == nil {
			e = NewChat(get(c.Prompt), reply)
		}
	case shapeSlots:
		e, err = r.structured(c)
	case shapeIntent:
		e, err = r.labeled(c.Text, c.Intent)
	case shapeLabel:
		e, err = r.labeled(c.Text, c.Label)
	case shapeText:
		e.Text = get(c.Text)
	}
	if id := r[c.ID]; err == nil && id != nil && string(id) != "null" {
		e.ID, err = r.scalar(c.ID)
	}
	return e, err
}

// besideMessages gives e the label, or the intent and the slots, that [WriteJSONL]
// wrote beside its messages. They say what the reply is.
func (r row) besideMessages(e *Example, c Columns) (err error) {
	var want string
	switch c = c.withDefaults(); {
	case r[c.Intent] != nil:
		e.Intent, e.Slots, err = r.intent(c)
		want = string(AppendReply(nil, e.Intent, e.Slots))
	case r[c.Label] != nil:
		e.Label, err = r.label(c.Label)
		want = e.Label
	default:
		return nil
	}
	if reply, _ := e.Reply(); err == nil && reply != want {
		err = fmt.Errorf("the reply is %q, want %q, as the keys beside \"messages\" say", reply, want)
	}
	return err
}

func (r row) structured(c Columns) (Example, error) {
	text, err := r.text(c.Text)
	if err != nil {
		return Example{}, err
	}
	intent, slots, err := r.intent(c)
	if err != nil {
		return Example{}, err
	}
	return NewStructured(text, intent, slots), nil
}

// intent returns the intent and the slots of a row that has both.
func (r row) intent(c Columns) (intent string, slots []Slot, err error) {
	if intent, err = r.text(c.Intent); err != nil {
		return "", nil, err
	}
	if intent == "" {
		return "", nil, fmt.Errorf("empty %s", c.Intent)
	}
	value := r[c.Slots]
	if s, ok := stringValue(value); ok { // a table's cell
		value = json.RawMessage(s)
	}
	type slot struct{ Name, Value *string }
	lacks := func(s slot) bool { return s.Name == nil || s.Value == nil }
	raw, err := objects(value, c.Slots, lacks, "name", "value")
	if err != nil {
		return "", nil, fmt.Errorf("%w, want a list of {\"name\": \"…\", \"value\": \"…\"}", err)
	}
	slots = make([]Slot, len(raw))
	for i, s := range raw {
		slots[i] = Slot{*s.Name, *s.Value}
	}
	return intent, slots, nil
}

// objects reads the value of a key, a list of objects in which these names are strings;
// lacks reports whether one has not all of them.
func objects[T any](value json.RawMessage, key string, lacks func(T) bool, names ...string) (list []T, err error) {
	if json.Unmarshal(value, &list) != nil || list == nil || slices.ContainsFunc(list, lacks) {
		return nil, errors.New(notObjects(value, key, names...))
	}
	return list, nil
}

// notObjects says why the value of a key is no list of objects in which these names
// are strings: what encoding/json says of it is about Go, and what it reads of a
// missing name is an empty string.
func notObjects(value json.RawMessage, key string, names ...string) string {
	if !json.Valid(value) { // as a table's cell may be
		return fmt.Sprintf("%q is not JSON", key)
	}
	var items []json.RawMessage
	if json.Unmarshal(value, &items) != nil || items == nil {
		return fmt.Sprintf("%q is %s", key, fields.Found(bytes.TrimSpace(value)))
	}
	for i, item := range items {
		var object row
		if json.Unmarshal(item, &object) != nil || object == nil {
			return fmt.Sprintf("item %d of %q is %s", i+1, key, fields.Found(item))
		}
		for _, name := range names {
			switch v, ok := object[name]; {
			case !ok:
				return fmt.Sprintf("item %d of %q has no %q (it has %s)", i+1, key, name, quotedKeys(object.keys()))
			case v[0] != '"':
				return fmt.Sprintf("%q of item %d of %q is %s", name, i+1, key, fields.Found(v))
			}
		}
	}
	return fmt.Sprintf("%q is something else", key) // as a name in other case is
}

func (r row) labeled(textKey, labelKey string) (Example, error) {
	text, err := r.text(textKey)
	if err != nil {
		return Example{}, err
	}
	label, err := r.label(labelKey)
	if err != nil {
		return Example{}, err
	}
	return NewLabeled(text, label), nil
}

func (r row) label(key string) (string, error) {
	label, err := r.scalar(key)
	if err == nil && label == "" {
		err = fmt.Errorf("empty %s", key)
	}
	return label, err
}

// text returns a value that must be a string.
func (r row) text(key string) (string, error) {
	s, ok := stringValue(r[key])
	if !ok {
		return "", fmt.Errorf("%q is %s, want a string", key, fields.Found(r[key]))
	}
	return s, nil
}

// scalar returns a value that may be a string or, as identifiers, labels and short
// replies often are, a number or a boolean.
func (r row) scalar(key string) (string, error) {
	if v := r[key]; fields.IsNumber(v) || string(v) == "true" || string(v) == "false" {
		return string(v), nil
	}
	return r.text(key)
}

// A logged is a message of a row as vendors' logs have it.
type logged struct {
	Role         *string         `json:"role"`
	Content      json.RawMessage `json:"content"`
	ToolCalls    json.RawMessage `json:"tool_calls"`
	FunctionCall json.RawMessage `json:"function_call"`
	Weight       json.RawMessage `json:"weight"`
}

func (r row) messages() ([]Message, error) {
	raw, err := objects(r["messages"], "messages", func(m logged) bool { return m.Role == nil }, "role")
	if err != nil {
		return nil, fmt.Errorf("%w, want a list of {\"role\": \"…\", \"content\": \"…\"}", err)
	}
	if len(raw) == 0 {
		return nil, errors.New("\"messages\" is an empty list")
	}
	out := make([]Message, len(raw))
	var left error // a gap, unless something is malformed
	for i, m := range raw {
		role := *m.Role
		switch role {
		case "system", "developer", "user", "assistant", "tool", "function":
		default:
			return nil, fmt.Errorf("message %d has role %q, want system, user, assistant or tool", i+1, role)
		}
		content, err := m.text(i == len(raw)-1)
		if err != nil {
			err = fmt.Errorf("message %d: %w", i+1, err)
		}
		var lacks *gap
		switch {
		case err != nil && !errors.As(err, &lacks):
			return nil, err
		case lacks != nil && (left == nil || lacks.kind == toolCall):
			left = err
		}
		switch role {
		case "developer": // the newer name of system in vendors' logs
			role = "system"
		case "function": // the older one of tool
			role = "tool"
		}
		out[i] = Message{role, content}
	}
	return out, left
}

// text returns what a message says, or the [gap] that keeps its row from being an
// example; last: it is to be the reply.
func (m *logged) text(last bool) (string, error) {
	content, err := contentText(m.Content)
	var lacks *gap
	if err != nil && !errors.As(err, &lacks) {
		return "", err
	}
	learned := true
	if *m.Role == "assistant" {
		if learned, err = weighed(m.Weight); err != nil {
			return "", err
		}
	}
	switch {
	case !silent(m.ToolCalls) || !silent(m.FunctionCall):
		return "", &gap{toolCall, "it calls a tool, which an example cannot hold; want text alone"}
	case lacks != nil && lacks.kind == noText && last:
		return "", &gap{noReply, lacks.text}
	case lacks != nil:
		return "", lacks
	case last && !learned:
		return "", &gap{unweighed, "its weight is 0, want a reply to learn"}
	}
	return content, nil
}

// weighed tells whether a reply is to be learned, by the weight that OpenAI's format for
// fine-tuning gives it: 1, as where there is none, or 0.
func weighed(v json.RawMessage) (bool, error) {
	if len(v) == 0 || string(v) == "null" {
		return true, nil
	}
	var n float64
	if json.Unmarshal(v, &n) != nil || n != 0 && n != 1 {
		return false, fmt.Errorf("\"weight\" is %s, want 0 or 1", fields.Found(v))
	}
	return n == 1, nil
}

// silent tells whether a value says nothing: missing, null, or empty.
func silent(v json.RawMessage) bool {
	switch string(v) {
	case "", "null", `""`, "[]":
		return true
	}
	return false
}

// contentText returns a message's text: a string, or the list of text parts that
// vendors' logs hold. None at all, as beside a refusal, is a [gap], and so is a part
// that is no text.
func contentText(v json.RawMessage) (string, error) {
	if s, ok := stringValue(v); ok {
		return s, nil
	}
	if len(v) == 0 || string(v) == "null" {
		return "", &gap{noText, fmt.Sprintf("content is %s, want a string or a list of text parts", fields.Found(v))}
	}
	var parts []struct {
		Type string  `json:"type"`
		Text *string `json:"text"`
	}
	if !bytes.HasPrefix(v, []byte("[")) || json.Unmarshal(v, &parts) != nil {
		return "", fmt.Errorf("content is %s, want a string or a list of text parts", fields.Found(v))
	}
	var b strings.Builder
	for _, p := range parts {
		switch {
		case p.Type == "refusal":
			return "", &gap{noText, "content is a refusal, want text"}
		case p.Text == nil && (p.Type == "" || p.Type == "text"):
			return "", fmt.Errorf("content has a part of type %q without a text", p.Type)
		case p.Text == nil:
			return "", &gap{notText, fmt.Sprintf("content has a part of type %q, want text only", p.Type)}
		}
		b.WriteString(*p.Text)
	}
	return b.String(), nil
}
