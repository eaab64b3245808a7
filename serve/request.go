package serve

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"limbeck/internal/fields"
	"limbeck/internal/words"
	"limbeck/model/chat"
	"limbeck/model/generate"
)

// A request is what a client asks for, checked.
type request struct {
	model    string
	messages []chat.Message
	options  generate.Options
	limited  bool // the request itself sets options.MaxTokens
	stream   bool
	usage    bool // of a stream: end with a chunk that counts tokens
	logprobs bool
}

// wire is a request's JSON: the fields that are used, and those whose presence
// must not be passed over.
type wire struct {
	Model    string        `json:"model"`
	Messages []wireMessage `json:"messages"`

	Stream        bool `json:"stream"`
	StreamOptions *struct {
		IncludeUsage bool `json:"include_usage"`
	} `json:"stream_options"`

	Temperature         *float64        `json:"temperature"`
	TopP                *float64        `json:"top_p"`
	MaxTokens           *int            `json:"max_tokens"`
	MaxCompletionTokens *int            `json:"max_completion_tokens"`
	Stop                json.RawMessage `json:"stop"`
	Seed                *int64          `json:"seed"`
	LogProbs            bool            `json:"logprobs"`
	TopLogProbs         int             `json:"top_logprobs"`

	// Not OpenAI's, but common among servers of local models.
	TopK              *int     `json:"top_k"`
	MinP              *float64 `json:"min_p"`
	RepeatPenalty     *float64 `json:"repeat_penalty"`
	RepetitionPenalty *float64 `json:"repetition_penalty"`
	MaxNewTokens      *int     `json:"max_new_tokens"`

	IgnoreEOS         bool            `json:"ignore_eos"`
	StopTokenIDs      json.RawMessage `json:"stop_token_ids"`
	Grammar           json.RawMessage `json:"grammar"`
	JSONSchema        json.RawMessage `json:"json_schema"`
	GuidedJSON        json.RawMessage `json:"guided_json"`
	GuidedRegex       json.RawMessage `json:"guided_regex"`
	GuidedChoice      json.RawMessage `json:"guided_choice"`
	GuidedGrammar     json.RawMessage `json:"guided_grammar"`
	StructuredOutputs json.RawMessage `json:"structured_outputs"`

	N                *int                       `json:"n"`
	Tools            []json.RawMessage          `json:"tools"`
	Functions        []json.RawMessage          `json:"functions"`
	ToolChoice       json.RawMessage            `json:"tool_choice"`
	FunctionCall     json.RawMessage            `json:"function_call"` // tool_choice's older name
	LogitBias        map[string]json.RawMessage `json:"logit_bias"`
	PresencePenalty  float64                    `json:"presence_penalty"`
	FrequencyPenalty float64                    `json:"frequency_penalty"`
	Modalities       []string                   `json:"modalities"`
	Audio            json.RawMessage            `json:"audio"`
	ResponseFormat   *struct {
		Type string `json:"type"`
	} `json:"response_format"`
}

type wireMessage struct {
	Role         string            `json:"role"`
	Content      json.RawMessage   `json:"content"`
	Refusal      string            `json:"refusal"`
	Name         string            `json:"name"`
	ToolCalls    []json.RawMessage `json:"tool_calls"`
	ToolCallID   string            `json:"tool_call_id"`
	FunctionCall json.RawMessage   `json:"function_call"`
}

// decode reads a request. Every error is an [apiError].
func decode(body []byte) (*request, error) {
	var q wire
	if err := checkText(body); err != nil {
		return nil, err
	}
	object := bytes.TrimPrefix(body, []byte("\uFEFF")) // as files of some editors begin
	if err := refused(fields.Read(object, &q)); err != nil {
		return nil, err
	}
	if err := checkEscapes(body); err != nil {
		return nil, err
	}
	if err := q.refuse(); err != nil {
		return nil, err
	}
	r := &request{model: q.Model, stream: q.Stream, logprobs: q.LogProbs,
		usage: q.StreamOptions != nil && q.StreamOptions.IncludeUsage}
	var err error
	if r.options, r.limited, err = q.options(); err != nil {
		return nil, err
	}
	if len(q.Messages) == 0 {
		return nil, wrong("messages", "want at least one")
	}
	for i := range q.Messages {
		m, err := q.Messages[i].message(fmt.Sprintf("messages[%d]", i))
		if err != nil {
			return nil, err
		}
		r.messages = append(r.messages, m)
	}
	return r, nil
}

// refuse returns an error for what would change a reply's meaning and is not
// there.
func (q *wire) refuse() error {
	calls := func(choice json.RawMessage) bool {
		return !slices.Contains([]string{"", `""`, `"none"`, `"auto"`}, string(choice))
	}
	switch {
	case q.N != nil && *q.N != 1:
		return unsupported("n", "other than one choice is")
	case len(q.Tools) > 0:
		return unsupported("tools", "tools are")
	case len(q.Functions) > 0:
		return unsupported("functions", "functions are")
	case calls(q.ToolChoice):
		return unsupported("tool_choice", "tools are")
	case calls(q.FunctionCall):
		return unsupported("function_call", "functions are")
	case q.ResponseFormat != nil && q.ResponseFormat.Type == "":
		return wrong("response_format.type", `is missing, want "text"`)
	case q.ResponseFormat != nil && q.ResponseFormat.Type != "text":
		return unsupported("response_format", "the format "+words.Quote(q.ResponseFormat.Type)+" is")
	case len(q.LogitBias) > 0:
		return unsupported("logit_bias", "a bias of logits is")
	case q.PresencePenalty != 0:
		return unsupported("presence_penalty", "a penalty is")
	case q.FrequencyPenalty != 0:
		return unsupported("frequency_penalty", "a penalty is")
	case q.TopLogProbs != 0:
		return unsupported("top_logprobs", "the probabilities of other tokens are")
	case len(q.Audio) > 0:
		return unsupported("audio", "audio is")
	}
	for _, m := range q.Modalities {
		if m != "text" {
			return unsupported("modalities", "the modality "+words.Quote(m)+" is")
		}
	}
	return q.refuseLocal()
}

// refuseLocal is refuse for fields that are not OpenAI's. Some clients send all that
// they know, with values that say nothing.
func (q *wire) refuseLocal() error {
	if q.IgnoreEOS {
		return unsupported("ignore_eos", "replies without end are")
	}
	const form = "a form that replies must have is"
	for _, f := range []struct {
		name  string
		value json.RawMessage
		what  string
	}{
		{"stop_token_ids", q.StopTokenIDs, "ids of tokens that end a reply are"},
		{"grammar", q.Grammar, form},
		{"json_schema", q.JSONSchema, form},
		{"guided_json", q.GuidedJSON, form},
		{"guided_regex", q.GuidedRegex, form},
		{"guided_choice", q.GuidedChoice, form},
		{"guided_grammar", q.GuidedGrammar, form},
		{"structured_outputs", q.StructuredOutputs, form},
	} {
		if !slices.Contains([]string{"", `""`, "[]", "{}"}, string(f.value)) {
			return unsupported(f.name, f.what)
		}
	}
	return nil
}

// options returns how the reply is to be made. Without a temperature it is
// greedy; without a seed, sampling is as random as it gets.
func (q *wire) options() (o generate.Options, limited bool, err error) {
	number := func(name string, v *float64, most float64) float64 {
		if v == nil {
			return 0
		}
		if err == nil && !(*v >= 0 && *v <= most) {
			err = wrong(name, "is %v, want 0 to %v", *v, most)
		}
		return *v
	}
	o.Temperature = number("temperature", q.Temperature, 2)
	o.TopP = number("top_p", q.TopP, 1)
	o.MinP = number("min_p", q.MinP, 1)
	if err == nil {
		o.RepeatPenalty, err = q.penalty()
	}
	if q.TopK != nil {
		o.TopK = max(0, *q.TopK) // some clients send −1 for none
	}
	if q.TopP != nil && *q.TopP == 0 {
		o.TopK = 1 // no share of the probability leaves the likeliest token alone
	}
	o.Seed = rand.Uint64()
	if q.Seed != nil {
		o.Seed = uint64(*q.Seed)
	}
	if err == nil {
		o.MaxTokens, limited, err = q.limit()
	}
	if err == nil {
		o.Stop, err = stops(q.Stop)
	}
	return o, limited, err
}

// penalty returns the penalty of what repeats, 0 if the request has none.
func (q *wire) penalty() (float64, error) {
	name, p := "repeat_penalty", q.RepeatPenalty
	if p == nil {
		name, p = "repetition_penalty", q.RepetitionPenalty
	}
	if p == nil {
		return 0, nil
	}
	if err := generate.CheckRepeatPenalty(*p); err != nil {
		return 0, wrong(name, "%v", err)
	}
	return *p, nil
}

// limit returns the most tokens of the reply, 0 for as many as fit, if the request says so.
func (q *wire) limit() (most int, limited bool, err error) {
	name, limit := "max_completion_tokens", q.MaxCompletionTokens
	if limit == nil {
		name, limit = "max_tokens", q.MaxTokens
	}
	if limit == nil {
		name, limit = "max_new_tokens", q.MaxNewTokens
	}
	switch {
	case limit == nil:
		return 0, false, nil
	case *limit == -1: // no limit, for other servers of local models
		return 0, true, nil
	case *limit < 1:
		return 0, true, wrong(name, "is %d, want 1 or more", *limit)
	}
	return *limit, true, nil
}

// maxStops bounds the stop strings, as OpenAI does.
const maxStops = 4

// stops reads the field stop: a string, a list of strings, or null.
func stops(raw json.RawMessage) ([]string, error) {
	if len(raw) == 0 {
		return nil, nil
	}
	var list []string
	err := fields.OneOrMore("stop", raw, &list, "strings", func(s string) { list = []string{s} })
	if err != nil {
		return nil, refused(err)
	}
	if len(list) > maxStops {
		return nil, wrong("stop", "has %d strings, want at most %d", len(list), maxStops)
	}
	for _, s := range list {
		if s == "" {
			return nil, wrong("stop", "a string is empty")
		}
	}
	return list, nil
}

// message checks one message; where says which.
func (m *wireMessage) message(where string) (chat.Message, error) {
	role := m.Role
	switch role {
	case "system", "user", "assistant":
	case "developer": // OpenAI's newer name
		role = "system"
	case "tool", "function":
		return chat.Message{}, unsupported(where+".role", "the role "+words.Quote(role)+" is")
	case "":
		return chat.Message{}, wrong(where+".role", "is missing, want system, user or assistant")
	default:
		return chat.Message{}, wrong(where+".role", "is %s, want system, user or assistant", words.Quote(role))
	}
	if len(m.ToolCalls) > 0 {
		return chat.Message{}, unsupported(where+".tool_calls", "tools are")
	}
	if len(m.FunctionCall) > 0 {
		return chat.Message{}, unsupported(where+".function_call", "functions are")
	}
	if len(m.Content) == 0 && role == "assistant" && m.Refusal != "" {
		return chat.Message{Role: role, Content: m.Refusal, Name: m.Name}, nil
	}
	text, err := content(m.Content, where+".content", role)
	return chat.Message{Role: role, Content: text, Name: m.Name}, err
}

// content reads a message's content: a string, or a list of parts that are text, a line
// each, as other servers have them. What an assistant refused is text of its own.
func content(raw json.RawMessage, where, role string) (string, error) {
	if len(raw) == 0 {
		return "", wrong(where, "is missing, want a string or a list of parts")
	}
	var texts []string
	var parts []struct {
		Type    string  `json:"type"`
		Text    *string `json:"text"`
		Refusal *string `json:"refusal"`
	}
	if err := fields.OneOrMore(where, raw, &parts, "parts", func(s string) { texts = []string{s} }); err != nil {
		return "", refused(err)
	}
	for i, p := range parts {
		at := fmt.Sprintf("%s[%d]", where, i)
		text := p.Text
		switch {
		case p.Type == "":
			return "", wrong(at+".type", `is missing, want "text"`)
		case p.Type == "refusal" && role == "assistant":
			text = p.Refusal
		case p.Type != "text":
			return "", unsupported(at, "content of type "+words.Quote(p.Type)+" is")
		}
		if text == nil {
			return "", wrong(at+"."+p.Type, "is missing, want a string")
		}
		if *text != "" {
			texts = append(texts, *text)
		}
	}
	return strings.Join(texts, "\n"), nil
}
