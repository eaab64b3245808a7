package token

import (
	"slices"
	"unicode/utf8"
)

// Extend returns the Spec with user-defined tokens after its own, strings that are one
// token wherever they occur in a text, and which these are. Passed over are those that
// are tokens already or occur twice, that would end replies, are empty or not UTF-8, or
// are longer than an added token may be, alone or with the others.
func (s Spec) Extend(tokens []string) (Spec, []string, error) {
	if err := s.check(); err != nil {
		return Spec{}, nil, err
	}
	out := s
	out.Tokens = slices.Clone(s.Tokens)
	out.Types = make([]int32, len(s.Tokens), len(s.Tokens)+len(tokens))
	room := maxAllAdded
	for id, token := range s.Tokens {
		if out.Types[id] = s.kind(id); out.Types[id] != Normal {
			room -= len(token)
		}
	}
	ids := newIndex(slices.Concat(s.Tokens, tokens))
	for i, token := range tokens {
		first, _ := ids.find(token)
		if first < len(s.Tokens)+i || slices.Contains(turnEnds, token) ||
			token == "" || !utf8.ValidString(token) || len(token) > min(maxAdded, room) {
			continue
		}
		room -= len(token)
		out.Tokens = append(out.Tokens, token)
		out.Types = append(out.Types, UserDefined)
	}
	return out, out.Tokens[len(s.Tokens):], out.check()
}
