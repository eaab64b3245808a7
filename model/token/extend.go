package token

import (
	"fmt"
	"slices"
	"unicode/utf8"
)

// Extend returns the Spec with user-defined tokens after its own: strings that
// are one token wherever they occur in a text. One that is a token already, that
// is empty, longer than an added token may be, or not UTF-8 is an error.
func (s Spec) Extend(tokens []string) (Spec, error) {
	if err := s.check(); err != nil {
		return Spec{}, err
	}
	out := s
	out.Tokens = slices.Clone(s.Tokens)
	out.Types = make([]int32, len(s.Tokens), len(s.Tokens)+len(tokens))
	ids := newIndex(slices.Concat(s.Tokens, tokens))
	for id := range s.Tokens {
		out.Types[id] = s.kind(id)
	}
	for _, token := range tokens {
		id, _ := ids.find(token) // the first
		switch {
		case id < len(out.Tokens):
			return Spec{}, fmt.Errorf("token: new token %.40q is token %d already", token, id)
		case token == "", !utf8.ValidString(token):
			return Spec{}, fmt.Errorf("token: new token %.40q, want UTF-8 text", token)
		}
		out.Tokens = append(out.Tokens, token)
		out.Types = append(out.Types, UserDefined)
	}
	return out, out.check()
}
