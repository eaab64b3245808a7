package data

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"
)

// minPieces is how often a piece must occur: a token has to be learned.
const minPieces = 8

// Pieces returns what replies of the examples repeat: at most n strings, those
// first that cover the most bytes. A model that has a token for each answers in
// fewer steps, one a decision rather than one a syllable.
//
// A reply that is a JSON object is cut at its string values. Values that its
// prompts hold are copied, and stay text; those that are chosen from a set, such
// as an intent, belong to the piece before them:
//
//	{"intent": "alarm_set | ", "date": " | tomorrow | ", "time": " | six am | "}
//
// Of other replies, the whole is a piece if it is chosen from a set. No piece
// occurs in a prompt, where it would replace tokens that a model already knows.
func Pieces(examples []Example, n int) []string {
	replies := parseReplies(examples)
	chosen := chosenKeys(replies)
	count := map[string]int{}
	var prompts strings.Builder
	for i := range replies {
		prompts.WriteString(replies[i].prompt)
		prompts.WriteByte(0)
		for _, piece := range replies[i].cut(chosen) {
			count[piece]++
		}
	}
	var pieces []string
	for piece, k := range count {
		if k >= minPieces && len(piece) > 1 && !strings.Contains(prompts.String(), piece) {
			pieces = append(pieces, piece)
		}
	}
	slices.SortFunc(pieces, func(a, b string) int {
		return cmp.Or(cmp.Compare(count[b]*len(b), count[a]*len(a)), cmp.Compare(a, b))
	})
	return pieces[:min(n, len(pieces))]
}

// wholeReply is the key, as no JSON path is, of replies that are no JSON object.
const wholeReply = "reply"

// A parsedReply is a reply, what it answers, and where its values lie.
type parsedReply struct {
	prompt, text string
	spans        []valueSpan
	object       bool // a JSON object; else the whole text is the one value
}

func parseReplies(examples []Example) []parsedReply {
	var replies []parsedReply
	for i := range examples {
		text, ok := examples[i].Reply()
		if !ok {
			continue
		}
		r := parsedReply{prompt: examples[i].Input(), text: text}
		if r.spans, r.object = valueSpans(text); !r.object {
			r.spans = []valueSpan{{wholeReply, 0, len(text)}}
		}
		replies = append(replies, r)
	}
	return replies
}

// A valueSpan is where a reply has a string value, without its quotes.
type valueSpan struct {
	path   string // of keys, ".intent"; lists add nothing
	lo, hi int
}

// valueSpans returns the string values of a JSON object, in order; ok is false if
// the reply is none.
func valueSpans(reply string) (spans []valueSpan, ok bool) {
	if !strings.HasPrefix(reply, "{") || !json.Valid([]byte(reply)) {
		return nil, false
	}
	d := json.NewDecoder(strings.NewReader(reply))
	type level struct {
		path   string
		object bool
		key    string // of the member whose value comes next; "" before a key
	}
	stack := []level{{}}
	for {
		before := int(d.InputOffset())
		t, err := d.Token()
		if err != nil {
			return spans, true
		}
		top := &stack[len(stack)-1]
		path := top.path + top.key
		switch v := t.(type) {
		case json.Delim:
			if v == '{' || v == '[' {
				top.key = ""
				stack = append(stack, level{path: path, object: v == '{'})
			} else {
				stack = stack[:len(stack)-1]
			}
			continue
		case string:
			if top.object && top.key == "" {
				top.key = "." + v
				continue
			}
			lo := before + strings.IndexByte(reply[before:], '"') + 1
			spans = append(spans, valueSpan{path, lo, int(d.InputOffset()) - 1})
		}
		top.key = ""
	}
}

// chosenKeys finds the keys whose values are chosen from a set: each value occurs
// four times and more in the mean, and most are not in their prompts.
func chosenKeys(replies []parsedReply) map[string]bool {
	type use struct {
		values       map[string]bool
		count, taken int
	}
	uses := map[string]*use{}
	for i := range replies {
		r := &replies[i]
		prompt := strings.ToLower(r.prompt)
		for _, s := range r.spans {
			u := uses[s.path]
			if u == nil {
				u = &use{values: map[string]bool{}}
				uses[s.path] = u
			}
			value := r.text[s.lo:s.hi]
			u.values[value] = true
			u.count++
			if strings.Contains(prompt, strings.ToLower(value)) {
				u.taken++
			}
		}
	}
	chosen := map[string]bool{}
	for path, u := range uses {
		chosen[path] = 4*len(u.values) <= u.count && 2*u.taken < u.count
	}
	return chosen
}

// cut returns what is left of a reply without the values that are not chosen from
// a set, each chosen one at the end of its piece.
func (r *parsedReply) cut(chosen map[string]bool) []string {
	if !r.object {
		if chosen[wholeReply] {
			return []string{r.text}
		}
		return nil
	}
	var pieces []string
	from := 0
	for _, s := range r.spans {
		to := s.lo
		if chosen[s.path] {
			to = s.hi
		}
		pieces = append(pieces, r.text[from:to])
		from = s.hi
	}
	return append(pieces, r.text[from:])
}
