package serve

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"limbeck/internal/par"
	"limbeck/internal/testkit"
	"limbeck/model/chat"
	"limbeck/model/generate"
	"limbeck/nn/op"
)

// tinyServer returns a server for a tiny random model.
func tinyServer(t *testing.T) *Server {
	t.Helper()
	return New(tinyRunner(t), Options{Name: "tiny"})
}

func tinyRunner(t *testing.T) *generate.Runner {
	t.Helper()
	pool := par.New(1)
	t.Cleanup(pool.Close)
	m := testkit.Model(1)
	m.Pack(pool)
	return generate.NewRunner(m, pool, generate.Precision{Exact: true})
}

// want returns the greedy reply to prompt, as the engine alone gives it.
func want(t *testing.T, prompt string, o generate.Options) *generate.Reply {
	t.Helper()
	r := tinyRunner(t)
	ids, err := r.Model.PromptIDs([]chat.Message{{Role: "user", Content: prompt}})
	if err != nil {
		t.Fatal(err)
	}
	reply, err := r.NewSession(0).Reply(t.Context(), ids, o, nil)
	if err != nil {
		t.Fatal(err)
	}
	return reply
}

// asJSON returns text as it comes through JSON: a byte that is no UTF-8 becomes
// the replacement character.
func asJSON(text string) string { return string([]rune(text)) }

func post(t *testing.T, h http.Handler, body string) (int, string) {
	t.Helper()
	r := httptest.NewRequest("POST", "http://localhost/v1/chat/completions", strings.NewReader(body))
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

func TestErrorsAreInOpenAIsShape(t *testing.T) {
	h := tinyServer(t).Handler()
	messages := `"messages": [{"role": "user", "content": "hi"}]`
	for _, c := range []struct {
		name, body         string
		status             int
		message, param, id string
	}{
		{"no JSON", `{"model": `, 400, "not JSON: line 1, byte 10", "", ""},
		{"Latin-1", "{\"messages\": [{\"role\": \"user\", \"content\": \"caf\xe9\"}]}", 400,
			"the request: the byte at offset 46 is 0xe9, which is not UTF-8; want a text", "", ""},
		{"half a pair", `{"messages": [{"role": "user", "content": "caf\ud83d"}]}`, 400,
			`the request: the escape at offset 46 is \ud83d, half a surrogate pair; want a text`, "", ""},
		{"a wrong type", `{` + messages + `, "temperature": "hot"}`, 400, "temperature: is a string, want a number", "temperature", ""},
		{"no messages", `{"model": "tiny"}`, 400, "want at least one", "messages", ""},
		{"another model", `{"model": "gpt-9", ` + messages + `}`, 404, `no model "gpt-9"; this server has "tiny"`, "model", "model_not_found"},
		{"tools", `{` + messages + `, "tools": [{"type": "function"}]}`, 400, "tools are not supported", "tools", "unsupported"},
		{"a function that must be called", `{` + messages + `, "function_call": {"name": "f"}}`, 400, "functions are not supported", "function_call", "unsupported"},
		{"two choices", `{` + messages + `, "n": 2}`, 400, "other than one choice", "n", "unsupported"},
		{"a schema", `{` + messages + `, "response_format": {"type": "json_schema"}}`, 400, `"json_schema"`, "response_format", "unsupported"},
		{"an image", `{"messages": [{"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "image_url"}]}]}`, 400,
			`content of type "image_url" is not supported`, "messages[0].content[1]", "unsupported"},
		{"a role", `{"messages": [{"role": "wizard", "content": "a"}]}`, 400, `is "wizard", want`, "messages[0].role", ""},
		{"too hot", `{` + messages + `, "temperature": 3}`, 400, "is 3, want 0 to 2", "temperature", ""},
		{"a penalty of nothing", `{` + messages + `, "repeat_penalty": 0}`, 400, "is 0, want 0.01 to 100", "repeat_penalty", ""},
		{"a negative penalty", `{` + messages + `, "repeat_penalty": -1}`, 400, "is -1, want 0.01 to 100", "repeat_penalty", ""},
		{"a penalty of next to nothing", `{` + messages + `, "repeat_penalty": 1e-39}`, 400, "is 1e-39, want 0.01 to 100", "repeat_penalty", ""},
		{"no tokens", `{` + messages + `, "max_completion_tokens": 0}`, 400, "want 1 or more", "max_completion_tokens", ""},
		{"an empty stop", `{` + messages + `, "stop": ["x", ""]}`, 400, "a string is empty", "stop", ""},
		{"too long", `{"messages": [{"role": "user", "content": "` + strings.Repeat("xq", 80) + `"}]}`, 400,
			"more than the context of 128", "messages", "context_length_exceeded"},
		{"longer than any tokens", `{"messages": [{"role": "user", "content": "` + strings.Repeat("xq", 800) + `"}]}`, 400,
			"bytes, more than the context of 128 tokens can hold", "messages", "context_length_exceeded"},
		{"much too long", strings.Repeat(" ", maxBody+1), 413, "longer than 4 MiB", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			status, body := post(t, h, c.body)
			var got struct {
				Error struct {
					Message, Type string
					Param, Code   *string
				}
			}
			if err := json.Unmarshal([]byte(body), &got); err != nil {
				t.Fatalf("%v: %s", err, body)
			}
			same := func(got *string, want string) bool {
				return got == nil && want == "" || got != nil && *got == want
			}
			e := got.Error
			if status != c.status || !strings.Contains(e.Message, c.message) || !same(e.Param, c.param) || !same(e.Code, c.id) || e.Type == "" {
				t.Errorf("status %d: %s", status, body)
			}
		})
	}
}

// What is wrong with a request is said in words of JSON, with the field's whole name.
func TestErrorsNameTheField(t *testing.T) {
	const messages = `"messages": [{"role": "user", "content": "hi"}]`
	for body, want := range map[string]string{
		``:                       "the request is empty, want a JSON object",
		` []`:                    "the request is a list, want a JSON object",
		`"x"`:                    "the request is a string, want a JSON object",
		`null`:                   "the request is null, want a JSON object",
		`5`:                      "the request is 5, want a JSON object",
		`{"a": 1} x`:             "the request is not JSON: line 1, byte 10: invalid character 'x' after top-level value; want a JSON object",
		`{"model": 5}`:           "model: is 5, want a string",
		`{"messages": "hi"}`:     "messages: is a string, want a list",
		`{"messages": {}}`:       "messages: is an object, want a list",
		`{"messages": ["hi"]}`:   "messages[0]: is a string, want an object",
		`{"messages": [ null ]}`: "messages[0]: is null, want an object",
		`{"messages": [{"role": "user", "content": "a"}, {"role": 1}]}`:                             "messages[1].role: is 1, want a string",
		`{"messages": [{"content": "a"}]}`:                                                          "messages[0].role: is missing, want system, user or assistant",
		`{"messages": [{"role": "user", "content": null}]}`:                                         "messages[0].content: is missing, want a string or a list of parts",
		`{"messages": [{"role": "user", "content": 5}]}`:                                            "messages[0].content: is 5, want a string or a list of parts",
		`{"messages": [{"role": "user", "content": {"text": "a"}}]}`:                                "messages[0].content: is an object, want a string or a list of parts",
		`{"messages": [{"role": "user", "content": ["a"]}]}`:                                        "messages[0].content[0]: is a string, want an object",
		`{"messages": [{"role": "user", "content": [{"text": "a"}]}]}`:                              `messages[0].content[0].type: is missing, want "text"`,
		`{"messages": [{"role": "user", "content": [{"type": "text", "text": "a"}, {"type": 1}]}]}`: "messages[0].content[1].type: is 1, want a string",
		`{"messages": [{"role": "user", "content": [{"type": "text", "text": true}]}]}`:             "messages[0].content[0].text: is true, want a string",
		`{"messages": [{"role": "user", "content": [{"type": "text"}]}]}`:                           "messages[0].content[0].text: is missing, want a string",
		`{"messages": [{"role": "assistant", "content": [{"type": "refusal"}]}]}`:                   "messages[0].content[0].refusal: is missing, want a string",
		`{"messages": [{"role": "user", "content": [{"type": "refusal", "refusal": "no"}]}]}`:       `messages[0].content[0]: content of type "refusal" is not supported`,
		`{"messages": [{"role": "user", "content": null, "refusal": "no"}]}`:                        "messages[0].content: is missing, want a string or a list of parts",
		`{"messages": [{"role": "user", "content": "a", "name": []}]}`:                              "messages[0].name: is a list, want a string",
		`{"messages": [{"role": "assistant", "content": "a", "tool_calls": {}}]}`:                   "messages[0].tool_calls: is an object, want a list",
		`{` + messages + `, "seed": 1.5}`:                                                           "seed: is 1.5, want a whole number",
		`{` + messages + `, "seed": 18446744073709551615}`:                                          "seed: is 18446744073709551615, want a whole number of at most 64 bits",
		`{` + messages + `, "seed": "1"}`:                                                           "seed: is a string, want a whole number",
		`{` + messages + `, "max_tokens": 1e-1}`:                                                    "max_tokens: is 1e-1, want a whole number",
		`{` + messages + `, "max_tokens": 2.0, "top_k": 5.5}`:                                       "top_k: is 5.5, want a whole number",
		`{` + messages + `, "temperature": 1e999}`:                                                  "temperature: is 1e999, want a number of at most 64 bits",
		`{` + messages + `, "top_p": [1]}`:                                                          "top_p: is a list, want a number",
		`{` + messages + `, "stream": "yes"}`:                                                       "stream: is a string, want true or false",
		`{` + messages + `, "stream_options": true}`:                                                "stream_options: is true, want an object",
		`{` + messages + `, "stream_options": {"include_usage": 1}}`:                                "stream_options.include_usage: is 1, want true or false",
		`{` + messages + `, "logprobs": 5}`:                                                         "logprobs: is 5, want true or false",
		`{` + messages + `, "n": "2"}`:                                                              "n: is a string, want a whole number",
		`{` + messages + `, "stop": 5}`:                                                             "stop: is 5, want a string or a list of strings",
		`{` + messages + `, "stop": ["a", 5]}`:                                                      "stop[1]: is 5, want a string",
		`{` + messages + `, "stop": [null]}`:                                                        "stop[0]: is null, want a string",
		`{` + messages + `, "modalities": [1]}`:                                                     "modalities[0]: is 1, want a string",
		`{` + messages + `, "tools": 1}`:                                                            "tools: is 1, want a list",
		`{` + messages + `, "logit_bias": []}`:                                                      "logit_bias: is a list, want an object",
		`{` + messages + `, "response_format": "text"}`:                                             "response_format: is a string, want an object",
		`{` + messages + `, "response_format": {}}`:                                                 `response_format.type: is missing, want "text"`,
	} {
		if _, err := decode([]byte(body)); err == nil || err.Error() != want {
			t.Errorf("%s: got %v, want %s", body, err, want)
		}
	}
	q, err := decode([]byte("\uFEFF{" + messages + `, "max_tokens": 1.2e1, "seed": -7.0, "stop": null, "tool_choice": null, "audio": null, "temperature": null}`))
	if err != nil || q.options.MaxTokens != 12 || int64(q.options.Seed) != -7 {
		t.Errorf("a byte order mark, whole numbers with a point, and nulls: %+v, %v", q, err)
	}
}

// A request that is no text is refused, whichever field is not; what only looks so is read.
func TestRequestsAreTexts(t *testing.T) {
	const before = `{"messages": [{"role": "user", "content": "` // 43 bytes
	for content, want := range map[string]string{
		"é\uFFFD😀":                        "é\uFFFD😀",
		`\u00e9\ufffd`:                    "é\uFFFD",
		`\ud83d\ude00 \uD83D\uDE00`:       "😀 😀",
		`\\ud800 \\\\udc00\"\ud83d\ude00`: `\ud800 \\udc00"😀`,
	} {
		q, err := decode([]byte("\uFEFF" + before + content + `"}]}`))
		if err != nil || q.messages[0].Content != want {
			t.Errorf("%s: %+v, %v, want %q", content, q, err, want)
		}
	}
	// What begins with \xed would be U+D800.
	for content, want := range map[string]string{
		"\xff\xfe":                    "byte at offset 43 is 0xff, which is not UTF-8; want a text",
		"é\xe2\x82":                   "byte at offset 45 is 0xe2, which is not UTF-8; want a text",
		"\xed\xa0\x80":                "byte at offset 43 is 0xed, which is not UTF-8; want a text",
		`"}], "x": [{"x": "` + "\xe9": "byte at offset 61 is 0xe9, which is not UTF-8; want a text",
		`\ud800`:                      `escape at offset 43 is \ud800, half a surrogate pair; want a text`,
		`\uDC00\uD800`:                `escape at offset 43 is \uDC00, half a surrogate pair; want a text`,
		`\ud83d\ude00\ude00`:          `escape at offset 55 is \ude00, half a surrogate pair; want a text`,
		`\ud83d\ud83d\ude00`:          `escape at offset 43 is \ud83d, half a surrogate pair; want a text`,
		`\ud800\\udc00`:               `escape at offset 43 is \ud800, half a surrogate pair; want a text`,
		`\\\ud800 udc00`:              `escape at offset 45 is \ud800, half a surrogate pair; want a text`,
		`"}], "x": [{"x": "\udfff`:    `escape at offset 61 is \udfff, half a surrogate pair; want a text`,
	} {
		if _, err := decode([]byte(before + content + `"}]}`)); err == nil || err.Error() != "the request: the "+want {
			t.Errorf("%q: %v, want %s", content, err, want)
		}
	}
}

// No share of the probability leaves the likeliest token, also for a client that
// asks for more of them.
func TestTopPOfZero(t *testing.T) {
	for more, want := range map[string]int{`"top_p": 0`: 1, `"top_p": 0, "top_k": 9`: 1, `"top_p": 1, "top_k": 9`: 9, `"temperature": 1`: 0} {
		q, err := decode([]byte(`{"messages": [{"role": "user", "content": "hi"}], ` + more + `}`))
		if err != nil || q.options.TopK != want {
			t.Errorf("%s: top-k %d, %v, want %d", more, q.options.TopK, err, want)
		}
	}
}

// Parts of a message are lines: the words of one do not run into another's.
func TestParts(t *testing.T) {
	const user = `{"role": "user", "content": "hi"}`
	for content, want := range map[string]string{
		`[{"type": "text", "text": "lights"}, {"type": "text", "text": ""}, {"type": "text", "text": "off"}]`: "lights\noff",
		`[{"type": "text", "text": ""}, {"type": "text", "text": "a\n"}]`:                                     "a\n",
		`[]`: "",
	} {
		q, err := decode([]byte(`{"messages": [{"role": "user", "content": ` + content + `}]}`))
		if err != nil || q.messages[0].Content != want {
			t.Errorf("%s: %+v, %v, want %q", content, q, err, want)
		}
	}
	for more, want := range map[string]string{ // what an assistant refused is what it said
		`"content": null, "refusal": "no"`:                                                 "no",
		`"content": "yes", "refusal": null`:                                                "yes",
		`"content": [{"type": "text", "text": "a"}, {"type": "refusal", "refusal": "no"}]`: "a\nno",
	} {
		q, err := decode([]byte(`{"messages": [` + user + `, {"role": "assistant", ` + more + `}, ` + user + `]}`))
		if err != nil || q.messages[1].Content != want {
			t.Errorf("%s: %+v, %v, want %q", more, q, err, want)
		}
	}
}

// A choice that leaves the model free not to call is kept; another is refused, and so is a
// call of an earlier reply.
func TestCallsAreRefused(t *testing.T) {
	const user = `{"role": "user", "content": "hi"}`
	for _, name := range []string{"tool_choice", "function_call"} {
		for value, refused := range map[string]bool{`null`: false, `"none"`: false, `"auto"`: false, `""`: false,
			`"required"`: true, `{"name": "f"}`: true, `{}`: true, `1`: true} {
			_, err := decode([]byte(`{"messages": [` + user + `], "` + name + `": ` + value + `}`))
			if told := err != nil && strings.HasPrefix(err.Error(), name+": ") && strings.HasSuffix(err.Error(), "s are not supported"); told != refused || !refused && err != nil {
				t.Errorf("%s %s: %v, want an error %v", name, value, err, refused)
			}
		}
	}
	for call, want := range map[string]string{ // of an earlier reply
		`"function_call": null`:                           "",
		`"function_call": {"name": "f", "arguments": ""}`: "messages[1].function_call: functions are not supported",
		`"tool_calls": [{"id": "1"}]`:                     "messages[1].tool_calls: tools are not supported",
	} {
		_, err := decode([]byte(`{"messages": [` + user + `, {"role": "assistant", "content": "x", ` + call + `}, ` + user + `]}`))
		if want == "" && err != nil || want != "" && (err == nil || err.Error() != want) {
			t.Errorf("%s: %v, want %q", call, err, want)
		}
	}
}

// Fields that other servers of local models have are kept or refused, not passed over,
// unless they say nothing.
func TestLocalFields(t *testing.T) {
	read := func(more string) (*request, error) {
		return decode([]byte(`{"messages": [{"role": "user", "content": "hi"}], ` + more + `}`))
	}
	for more, want := range map[string]request{
		`"repetition_penalty": 1.5`:                        {options: generate.Options{RepeatPenalty: 1.5}},
		`"repetition_penalty": 1.5, "repeat_penalty": 1.2`: {options: generate.Options{RepeatPenalty: 1.2}},
		`"max_new_tokens": 7`:                              {options: generate.Options{MaxTokens: 7}, limited: true},
		`"max_new_tokens": 7, "max_tokens": 8`:             {options: generate.Options{MaxTokens: 8}, limited: true},
		`"max_tokens": -1`:                                 {limited: true},
		`"grammar": "", "json_schema": {}, "stop_token_ids": [], "guided_json": null, "ignore_eos": false`: {},
	} {
		q, err := read(more)
		if err != nil || q.limited != want.limited || q.options.MaxTokens != want.options.MaxTokens || q.options.RepeatPenalty != want.options.RepeatPenalty {
			t.Errorf("%s: %+v, %v, want %+v", more, q, err, want)
		}
	}
	for more, want := range map[string]string{
		`"repetition_penalty": 0`:            "repetition_penalty: is 0, want 0.01 to 100",
		`"max_new_tokens": 0`:                "max_new_tokens: is 0, want 1 or more",
		`"max_tokens": -2`:                   "max_tokens: is -2, want 1 or more",
		`"ignore_eos": true`:                 "ignore_eos: replies without end are not supported",
		`"stop_token_ids": [2]`:              "stop_token_ids: ids of tokens that end a reply are not supported",
		`"grammar": "root ::= \"a\""`:        "grammar: a form that replies must have is not supported",
		`"json_schema": {"type": "object"}`:  "json_schema: a form",
		`"guided_json": {"type": "object"}`:  "guided_json: a form",
		`"guided_regex": "a+"`:               "guided_regex: a form",
		`"guided_choice": ["a", "b"]`:        "guided_choice: a form",
		`"guided_grammar": "root ::= a"`:     "guided_grammar: a form",
		`"structured_outputs": {"json": {}}`: "structured_outputs: a form",
	} {
		if _, err := read(more); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: %v, want %s", more, err, want)
		}
	}
}

func TestUnknownFieldsAreIgnored(t *testing.T) {
	const body = `{"model": "tiny", "messages": [{"role": "developer", "content": "x"%s},
		{"role": "user", "content": [{"type": "text", "text": "hi"}]}], "max_tokens": 3, "seed": 1, "n": 1, "tools": []%s}`
	var got [2]struct{ Choices, Usage json.RawMessage }
	for i, text := range []string{fmt.Sprintf(body, "", ""), fmt.Sprintf(body, `, "colour": 1`, `, "store": true, "user": "me"`)} {
		status, reply := post(t, tinyServer(t).Handler(), text)
		if err := json.Unmarshal([]byte(reply), &got[i]); err != nil || status != 200 || len(got[i].Choices) == 0 {
			t.Fatalf("status %d: %s (%v)", status, reply, err)
		}
	}
	if !reflect.DeepEqual(got[0], got[1]) {
		t.Errorf("with unknown fields %s, without %s", got[1], got[0])
	}
}

// System messages that the model's template leaves out are warned of, once.
func TestWarnsOfOmittedSystem(t *testing.T) {
	const body = `{"messages": [{"role": %q, "content": "x"}, {"role": "user", "content": "hi"}], "max_tokens": 1}`
	for template, want := range map[string]int{testkit.Template: 0, "{{ messages[-1]['content'] }}": 1} {
		r := tinyRunner(t)
		if err := r.Model.SetTemplate(template); err != nil {
			t.Fatal(err)
		}
		var warned []string
		h := New(r, Options{Warn: func(format string, args ...any) { warned = append(warned, fmt.Sprintf(format, args...)) }}).Handler()
		for _, role := range []string{"assistant", "system", "developer"} {
			if status, reply := post(t, h, fmt.Sprintf(body, role)); status != 200 {
				t.Errorf("status %d: %s", status, reply)
			}
			if role == "assistant" && len(warned) > 0 {
				t.Errorf("without a system message: %q", warned)
			}
		}
		if len(warned) != want || want > 0 && !strings.Contains(warned[0], "no place for them") {
			t.Errorf("%q: %d warnings, want %d: %q", template, len(warned), want, warned)
		}
	}
}

// Replies are held to what the model's file says.
func TestHeldReplies(t *testing.T) {
	r := tinyRunner(t)
	r.Model.SetExtractive(true)
	_, body := post(t, New(r, Options{}).Handler(), `{"max_tokens": 12, "messages": [{"role": "user", "content": "wake me at six"}]}`)
	if !strings.Contains(body, `"content":"{\"intent\": \"`) {
		t.Errorf("%s, want a reply that begins with an intent", body)
	}
}

// Prompts of a server tell the present, not the day of those that models learn.
func TestTellsThePresent(t *testing.T) {
	r := tinyRunner(t)
	if err := r.Model.SetTemplate("{{ strftime_now('%Y') }}"); err != nil {
		t.Fatal(err)
	}
	New(r, Options{})
	if year, err := r.Model.Prompt(nil); err != nil || year <= "2024" {
		t.Errorf("the year is %q, %v, want the present one", year, err)
	}
}

func TestOtherAddressesAndMethods(t *testing.T) {
	h := tinyServer(t).Handler()
	for _, c := range []struct {
		method, url, origin string
		status              int
	}{
		{"GET", "http://localhost/healthz", "", 200},
		{"HEAD", "http://localhost/healthz", "", 200},
		{"POST", "http://localhost/v1/models", "", 405},
		{"GET", "http://LocalHost:8080/healthz", "", 200},
		{"GET", "http://localhost./healthz", "", 200},
		{"GET", "http://localhost.evil.example/healthz", "", 403},
		{"GET", "http://127.0.0.1:8080/v1/models", "", 200},
		{"GET", "http://[::1]:8080/v1/models/tiny", "", 200},
		{"GET", "http://localhost/v1/models/other", "", 404},
		{"GET", "http://localhost/v1/chat/completions", "", 405},
		{"GET", "http://localhost/", "", 404},
		{"GET", "http://evil.example/healthz", "", 403},
		{"GET", "http://localhost/healthz", "http://evil.example", 403},
		{"GET", "http://localhost:1/healthz", "http://localhost:1", 200},
	} {
		r := httptest.NewRequest(c.method, c.url, nil)
		if c.origin != "" {
			r.Header.Set("Origin", c.origin)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != c.status || !json.Valid(w.Body.Bytes()) {
			t.Errorf("%s %s of %q: status %d, want %d: %s", c.method, c.url, c.origin, w.Code, c.status, w.Body)
		}
	}
	for at, want := range map[string][2]string{ // what is allowed there, and what is said
		"PUT /v1/chat/completions": {"POST", "PUT is not for /v1/chat/completions, want POST"},
		"DELETE /v1/models/tiny":   {"GET, HEAD", "DELETE is not for /v1/models/tiny, want GET"},
		"POST /chat/completions":   {"", "no such address: /chat/completions; those of the API begin with /v1"},
		"POST /v1/chat/completion": {"", "no such address: /v1/chat/completion"},
	} {
		method, path, _ := strings.Cut(at, " ")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(method, "http://localhost"+path, nil))
		if w.Header().Get("Allow") != want[0] || !strings.Contains(w.Body.String(), want[1]+`"`) {
			t.Errorf("%s: Allow %q: %s, want %q", at, w.Header().Get("Allow"), w.Body, want)
		}
	}
}

// Many clients at once get what each would get alone, whole and streamed, and
// are told what was not read again.
func TestRequestsShareTheBatch(t *testing.T) {
	h := tinyServer(t).Handler()
	prompts := []string{"a", "bb", "the cat", "zzz", "mat on cat", "q", "the cat sat on the mat", "the cat sat on the dog", "a", "bb"}
	replies := make([]*generate.Reply, len(prompts))
	for i, p := range prompts {
		replies[i] = want(t, p, generate.Options{MaxTokens: 20})
	}
	var all sync.WaitGroup
	var cached atomic.Int64
	for i, p := range prompts {
		all.Go(func() {
			status, body := post(t, h, fmt.Sprintf(`{"messages": [{"role": "user", "content": %q}], "max_tokens": 20, "stream": %v,
				"stream_options": {"include_usage": true}}`, p, i%2 == 1))
			text, u, err := whole(body)
			if err != nil || status != 200 {
				t.Errorf("status %d, %v: %s", status, err, body)
				return
			}
			cached.Add(int64(u.Details.Cached))
			if want := replies[i]; text != asJSON(want.Text) || u.Prompt != want.PromptTokens || u.Completion != len(want.IDs) || u.Details.Cached >= u.Prompt {
				t.Errorf("%q: got %q, %+v, want %q", p, text, u, want.Text)
			}
		})
	}
	all.Wait()
	// Those at once may each have begun before another's prompt was read; one that comes
	// after has not.
	status, body := post(t, h, `{"messages": [{"role": "user", "content": "the cat sat on the mat"}], "max_tokens": 2}`)
	_, u, err := whole(body)
	if cached.Add(int64(u.Details.Cached)); status != 200 || err != nil || cached.Load() == 0 {
		t.Errorf("prompts that begin alike were read from the beginning: status %d, %v: %s", status, err, body)
	}
}

// whole returns the text and usage of an answer, streamed or not.
func whole(body string) (text string, u usage, err error) {
	for line := range strings.Lines(body) {
		event := strings.TrimPrefix(strings.TrimSpace(line), "data: ")
		if event == "" || event == "[DONE]" {
			continue
		}
		var c completion
		if err := json.Unmarshal([]byte(event), &c); err != nil {
			return "", u, err
		}
		for _, choice := range c.Choices {
			for _, m := range []*message{choice.Message, choice.Delta} {
				if m != nil && m.Content != nil {
					text += *m.Content
				}
			}
		}
		if c.Usage != nil {
			u = *c.Usage
		}
	}
	return text, u, nil
}

// A stream that counts tokens has null for the count in all chunks but the last; another has
// no such field.
func TestUsageOfStreams(t *testing.T) {
	h := tinyServer(t).Handler()
	for more, counts := range map[string]bool{``: false, `, "stream_options": {"include_usage": false}`: false, `, "stream_options": {"include_usage": true}`: true} {
		_, body := post(t, h, `{"messages": [{"role": "user", "content": "the cat"}], "max_tokens": 5, "stream": true`+more+`}`)
		var usages []string
		for line := range strings.Lines(body) {
			event, ok := strings.CutPrefix(strings.TrimSpace(line), "data: {")
			if !ok {
				continue
			}
			var c map[string]json.RawMessage
			if err := json.Unmarshal([]byte("{"+event), &c); err != nil {
				t.Fatal(err)
			}
			usages = append(usages, string(c["usage"]))
		}
		last := len(usages) - 1
		switch {
		case last < 2:
			t.Errorf("%d chunks: %s", last+1, body)
		case !counts && slices.ContainsFunc(usages, func(u string) bool { return u != "" }):
			t.Errorf("with %q: usages %q, want none", more, usages)
		case counts && (slices.ContainsFunc(usages[:last], func(u string) bool { return u != "null" }) || !strings.Contains(usages[last], `"completion_tokens":5,`)):
			t.Errorf("with %q: usages %q, want null, and 5 tokens in the last", more, usages)
		}
	}
}

// What OpenAI's schema requires is there, though no reply has any of it.
func TestRefusalsAreNull(t *testing.T) {
	h := tinyServer(t).Handler()
	for stream, refusals := range map[bool][2]string{
		false: {`,"refusal":null},"logprobs":{"content":[`, `],"refusal":null},"finish_reason":"length"`},
		true:  {`"delta":{"content":`, `],"refusal":null},"finish_reason":null`},
	} {
		_, body := post(t, h, fmt.Sprintf(`{"messages": [{"role": "user", "content": "the cat"}], "max_tokens": 5, "logprobs": true, "stream": %v}`, stream))
		for _, want := range refusals {
			if !strings.Contains(body, want) {
				t.Errorf("stream %v: %s, want %s", stream, body, want)
			}
		}
	}
}

// The probabilities are those of the content's tokens, one that has no text included.
func TestLogProbs(t *testing.T) {
	s := tinyServer(t)
	tk := s.model.Tokenizer
	id := func(name string) int {
		id, ok := tk.ID(name)
		if !ok {
			t.Fatalf("no token %q", name)
		}
		return id
	}
	a, b, c, start, end, the := id("a"), id("b"), id("c"), id("<|im_start|>"), id("<|im_end|>"), id("the")
	for _, test := range []struct {
		name, text, finish string
		ids                []int
		want               []string
	}{
		{"the turn ended", "ab", generate.Stopped, []int{a, b, end}, []string{"a", "b"}},
		{"nothing but its end", "", generate.Stopped, []int{end}, nil},
		{"a full context", "ab", generate.Length, []int{a, b}, []string{"a", "b"}},
		{"a control token within", "ab", generate.Stopped, []int{start, a, start, b, start, end}, []string{"", "a", "", "b", ""}},
		{"a control token last", "a", generate.Length, []int{a, start}, []string{"a", ""}},
		{"a stop string of tokens", "a", generate.Stopped, []int{a, b, c}, []string{"a"}},
		{"a stop string within a token", "at", generate.Stopped, []int{a, the}, []string{"a", "the"}},
		{"a stop string at the beginning", "", generate.Stopped, []int{start, b, c}, nil},
		{"a stop string that is a control token", "a", generate.Stopped, []int{a, start}, []string{"a"}},
	} {
		logProbs := make([]float64, len(test.ids))
		for i := range logProbs {
			logProbs[i] = -float64(i)
		}
		r := &generate.Reply{Text: test.text, IDs: test.ids, LogProbs: logProbs, Finish: test.finish}
		a := &answer{server: s}
		n := a.tokens(r)
		got := a.logProbs(r.IDs[:n], r.LogProbs[:n])
		var texts []string
		for i, token := range got.Content {
			texts = append(texts, token.Token)
			if token.LogProb != logProbs[i] || len(token.Bytes) != len(token.Token) {
				t.Errorf("%s: token %d is %+v", test.name, i, token)
			}
		}
		if !slices.Equal(texts, test.want) {
			t.Errorf("%s: %q, want %q", test.name, texts, test.want)
		}
	}
}

// As many requests as there are processors are made into tokens at once, however many
// clients there are; one that goes away leaves the line.
func TestRequestsAreReadInTurn(t *testing.T) {
	s := tinyServer(t)
	if cap(s.reading) != runtime.GOMAXPROCS(0) {
		t.Errorf("%d at once, want %d", cap(s.reading), runtime.GOMAXPROCS(0))
	}
	for range cap(s.reading) {
		s.reading <- struct{}{}
	}
	ctx, leave := context.WithCancel(t.Context())
	leave()
	r := httptest.NewRequest("POST", "http://localhost/v1/chat/completions", strings.NewReader(tinyQuestion)).WithContext(ctx)
	if _, _, err := s.read(httptest.NewRecorder(), r); err != context.Canceled {
		t.Errorf("beyond them: %v, want that it waits until its client goes", err)
	}
	for range cap(s.reading) {
		<-s.reading
	}
	for range cap(s.reading) + 1 { // each gives its place back
		if status, body := post(t, s.Handler(), tinyQuestion); status != 200 {
			t.Errorf("status %d: %s", status, body)
		}
	}
}

// Beyond a number of requests that arrive at once, others are told to come back: their
// bodies are not read.
func TestRequestsArrivingAreBounded(t *testing.T) {
	s := tinyServer(t)
	for range maxBodies {
		s.bodies <- struct{}{}
	}
	if status, body := post(t, s.Handler(), tinyQuestion); status != http.StatusTooManyRequests {
		t.Errorf("beyond them: status %d: %s", status, body)
	}
	<-s.bodies
	for range 2 { // each gives its place back
		if status, body := post(t, s.Handler(), tinyQuestion); status != 200 {
			t.Errorf("with one place: status %d: %s", status, body)
		}
	}
}

// A stream has each token's probability beside its text, and all that a whole reply has.
func TestLogProbsAreStreamed(t *testing.T) {
	h := tinyServer(t).Handler()
	all := want(t, "the cat", generate.Options{MaxTokens: 20})
	// A stop that JSON can carry.
	at := strings.LastIndexFunc(all.Text, func(c rune) bool { return c >= ' ' && c < 0x7f })
	if at < 1 {
		t.Fatalf("no letter in %q: take another prompt", all.Text)
	}
	stop := all.Text[at : at+1]
	for _, more := range []string{``, fmt.Sprintf(`, "stop": [%q]`, stop), `, "stop": ["<|im_start|>", "never written"]`} {
		ask := func(stream bool) string {
			status, body := post(t, h, fmt.Sprintf(`{"messages": [{"role": "user", "content": "the cat"}], "max_tokens": 20, "logprobs": true, "stream": %v%s}`, stream, more))
			if status != 200 {
				t.Fatalf("status %d: %s", status, body)
			}
			return body
		}
		var whole completion
		if err := json.Unmarshal([]byte(ask(false)), &whole); err != nil {
			t.Fatal(err)
		}
		var got []tokenLogProb
		for line := range strings.Lines(ask(true)) {
			event, ok := strings.CutPrefix(strings.TrimSpace(line), "data: {")
			if !ok {
				continue
			}
			var c completion
			if err := json.Unmarshal([]byte("{"+event), &c); err != nil {
				t.Fatal(err)
			}
			if p := c.Choices[0].LogProbs; p != nil {
				got = append(got, p.Content...)
			}
			if text := c.Choices[0].Delta.Content; text != nil && *text != "" && len(got) == 0 {
				t.Errorf("%q, without the probability of a token", *text)
			}
		}
		if !reflect.DeepEqual(got, whole.Choices[0].LogProbs.Content) {
			t.Errorf("with %s: %+v, want %+v", more, got, whole.Choices[0].LogProbs.Content)
		}
	}
}

// A client that goes away while its reply is written makes room for the next.
func TestClientGoesAway(t *testing.T) {
	length := len(want(t, "a", generate.Options{}).IDs)
	ctx, cancel := context.WithCancel(t.Context())
	runner, steps := tinyRunner(t), 0
	runner.Tape().OnTap = func(name string, _ *op.Value) {
		if name != "blk.0.in" {
			return
		}
		if steps++; steps == length { // the last token waits until the client is gone
			<-ctx.Done()
		}
	}
	s := New(runner, Options{Name: "tiny", Parallel: 1})
	r := httptest.NewRequest("POST", "http://localhost/v1/chat/completions",
		strings.NewReader(`{"messages": [{"role": "user", "content": "a"}], "stream": true}`)).WithContext(ctx)
	w := &leavingClient{httptest.NewRecorder(), cancel}
	s.Handler().ServeHTTP(w, r)
	if strings.Contains(w.Body.String(), "[DONE]") {
		t.Error("the reply was finished for nobody")
	}
	if status, body := post(t, s.Handler(), `{"messages": [{"role": "user", "content": "b"}], "max_tokens": 2}`); status != 200 {
		t.Errorf("the next client: status %d: %s", status, body)
	}
}

// A client that closes its own side of the connection alone, and reads on, is told that it
// gets no reply, also where it waited in line.
func TestHalfClosedConnection(t *testing.T) {
	const told = `{"error":{"message":"the client closed its side of the connection before the reply was there, want it open until then",` +
		`"type":"invalid_request_error","param":null,"code":null}}` + "\n"
	var ctx context.Context
	runner := tinyRunner(t)
	runner.Tape().OnTap = func(string, *op.Value) { <-ctx.Done() } // no reply until the end is seen
	s := New(runner, Options{Name: "tiny"})
	h := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx = r.Context()
		s.Handler().ServeHTTP(w, r)
	}))
	defer h.Close()
	c, err := net.Dial("tcp", h.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := fmt.Fprintf(c, "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s", len(tinyQuestion), tinyQuestion); err != nil {
		t.Fatal(err)
	}
	if err := c.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if r := get(http.ReadResponse(bufio.NewReader(c), nil)); r.status != 499 || r.body != told+"<nil>" {
		t.Errorf("status %d: %s", r.status, r.body)
	}
	for range cap(s.reading) {
		s.reading <- struct{}{}
	}
	left, leave := context.WithCancel(t.Context())
	leave()
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, httptest.NewRequest("POST", "http://localhost/v1/chat/completions", strings.NewReader(tinyQuestion)).WithContext(left))
	if w.Code != 499 || w.Body.String() != told {
		t.Errorf("in line: status %d: %s", w.Code, w.Body)
	}
}

// However much of a stream is there at once, a client has time for each piece of it; what
// lies between passes pieces on as they come.
func TestSlowClient(t *testing.T) {
	s := tinyServer(t)
	w := &slowClient{ResponseRecorder: httptest.NewRecorder()}
	a := &answer{server: s, request: &request{stream: true}, w: w, control: http.NewResponseController(w), cancel: func() { t.Error("it was cut off") }}
	text := strings.Repeat("cat ", 10_000)
	a.emit(generate.Piece{Text: text})
	got, _, err := whole(w.Body.String())
	if err != nil || got != text {
		t.Errorf("%v: %d bytes, want %d", err, len(got), len(text))
	}
	if w.late || w.Header().Get("X-Accel-Buffering") != "no" {
		t.Errorf("written without time, or more than %d bytes at once: %v; header %v", slowPiece, w.late, w.Header())
	}
}

// A slowClient takes no more than slowPiece bytes in the time that it is given.
type slowClient struct {
	*httptest.ResponseRecorder
	timed, late bool
}

const slowPiece = 8 << 10

func (c *slowClient) SetWriteDeadline(time.Time) error {
	c.timed = true
	return nil
}

func (c *slowClient) Write(b []byte) (int, error) {
	c.late = c.late || !c.timed || len(b) > slowPiece
	c.timed = false
	return c.ResponseRecorder.Write(b)
}

// A leavingClient goes away with the first bytes.
type leavingClient struct {
	*httptest.ResponseRecorder
	leave func()
}

func (c *leavingClient) Write(b []byte) (int, error) {
	defer c.leave()
	return c.ResponseRecorder.Write(b)
}

// What the engine refuses keeps its meaning for clients.
func TestEngineErrors(t *testing.T) {
	for _, c := range []struct {
		err    error
		status int
		kind   string
	}{
		{generate.ErrBusy, http.StatusTooManyRequests, "rate_limit_error"},
		{generate.ErrClosed, http.StatusServiceUnavailable, "server_error"},
		{generate.ErrNotFinite, http.StatusInternalServerError, "server_error"},
		{&generate.ContextError{Tokens: 3, Room: 2}, http.StatusBadRequest, ""},
	} {
		if e := engineError(c.err); e.status != c.status || e.Type != c.kind {
			t.Errorf("%v: status %d, type %q", c.err, e.status, e.Type)
		}
	}
}

// The server ends when its context does. It finishes the reply on its way;
// meanwhile it says so, and refuses who waits and who comes.
func TestShutdownFinishesReplies(t *testing.T) {
	r := tinyRunner(t)
	gate, begun := make(chan struct{}), make(chan struct{}, 1)
	r.Tape().OnTap = func(string, *op.Value) { // the engine goes on when the gate opens
		select {
		case begun <- struct{}{}:
		default:
		}
		<-gate
	}
	s := New(r, Options{Name: "tiny", Parallel: 1})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx, l) }()
	url := "http://" + l.Addr().String()
	ask := func() chan result {
		out := make(chan result, 1)
		go func() {
			out <- get(http.Post(url+"/v1/chat/completions", "application/json", strings.NewReader(tinyQuestion)))
		}()
		return out
	}
	first := ask()
	<-begun
	waiting := ask()
	cancel()
	for get(http.Get(url+"/healthz")).status != http.StatusServiceUnavailable {
		time.Sleep(time.Millisecond)
	}
	for name, r := range map[string]result{"waiting": <-waiting, "new": <-ask()} {
		if r.status != http.StatusServiceUnavailable || !strings.Contains(r.body, "the server is shutting down") {
			t.Errorf("a %s request: status %d: %s", name, r.status, r.body)
		}
	}
	close(gate)
	if r := <-first; r.status != 200 || !strings.Contains(r.body, `"chat.completion"`) {
		t.Errorf("status %d: %s", r.status, r.body)
	}
	if err := <-ended; err != nil {
		t.Errorf("Serve: %v", err)
	}
}

const tinyQuestion = `{"messages": [{"role": "user", "content": "a"}], "max_tokens": 5}`

// A result is what a client got.
type result struct {
	status int
	body   string
}

func get(r *http.Response, err error) result {
	if err != nil {
		return result{body: err.Error()}
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	return result{r.StatusCode, fmt.Sprintf("%s%v", body, err)}
}

// A client that sends on, whatever comes, is told that it is too much.
func TestMuchTooLongIsTold(t *testing.T) {
	h := httptest.NewServer(tinyServer(t).Handler())
	defer h.Close()
	c, err := net.Dial("tcp", h.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	const size = 6 * maxBody
	if _, err := fmt.Fprintf(c, "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n", size); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Write(make([]byte, size)); err != nil {
		t.Fatalf("the request is not read: %v", err)
	}
	if r := get(http.ReadResponse(bufio.NewReader(c), nil)); r.status != http.StatusRequestEntityTooLarge {
		t.Errorf("status %d: %s", r.status, r.body)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"model": "m", "messages": [{"role": "user", "content": "hi"}], "stop": ["a"], "seed": -1, "top_k": -1}`))
	f.Add([]byte(`{"messages": [{"role": "system", "content": [{"type": "text", "text": "a"}]}], "stream": true, "stream_options": {"include_usage": true}}`))
	f.Add([]byte(`{"n": 2}`))
	f.Add([]byte(`{"messages": [{"role": "user", "content": "\ud83d\ude00\\ud83d"}], "stop": "\ud83d"}`))
	f.Add([]byte(`{"messages": [{"role": "user", "content": [null, {"type": 1}]}], "seed": 1.5e300, "stop": [[]], "logit_bias": {"1": {}}}`))
	f.Add([]byte(`{"messages": [{"role": "user", "content": null}], "stop": "x", "tool_choice": {"type": "function"}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		q, err := decode(body)
		if err != nil {
			if _, ok := err.(*apiError); !ok {
				t.Fatalf("%T: %v", err, err)
			}
			return
		}
		if !bytes.Contains(body, []byte("\uFFFD")) && !bytes.Contains(bytes.ToLower(body), []byte(`\ufffd`)) {
			for _, m := range q.messages {
				if strings.Contains(m.Content, "\uFFFD") {
					t.Errorf("replaced what is no text: %q", m.Content)
				}
			}
		}
		if o := q.options; len(q.messages) == 0 || o.MaxTokens < 0 || o.TopK < 0 || !(o.Temperature >= 0) || len(o.Stop) > maxStops {
			t.Errorf("accepted %+v", q)
		}
	})
}
