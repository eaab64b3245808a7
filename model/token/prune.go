package token

import "unicode/utf8"

// Prune returns the Spec with fewer tokens, and for each new id the old one,
// ascending. Kept are the ids for which keep says so; single bytes and special
// tokens (control, unknown, user-defined, and those that the Spec names), so that
// every text that could be spelled still can be; and the tokens that kept ones are
// merged from. Merges keep their order, without those that have a part or a result
// that is gone.
//
// A text whose old ids are all kept has the same ids, renumbered. For the old
// encoding of a word is a sequence of merges, all within tokens that end up in it,
// so the new tokenizer has each of them. It has no merge that the old one lacks, so
// at each step, where the old one takes the pair of lowest rank, leftmost, so does
// the new one; and where the old one finds no pair left, neither does the new one.
// This needs all merges that make a kept token, as one token may be made in several
// ways. Other texts have other, still correct, ids.
func (s Spec) Prune(keep func(id int) bool) (Spec, []int, error) {
	if err := s.check(); err != nil {
		return Spec{}, nil, err
	}
	if s.Model != "gpt2" {
		return Spec{}, nil, unknown("tokenizer model for pruning", s.Model, []string{"gpt2"})
	}
	merges, err := findMerges(s.Merges, newIndex(s.Tokens))
	if err != nil {
		return Spec{}, nil, err
	}
	kept := s.required()
	for id := range kept {
		kept[id] = kept[id] || keep(id)
	}
	closeOverMerges(kept, merges)
	out, old := s.only(kept, merges)
	return out, old, nil
}

// only returns the Spec with the tokens that are kept, renumbered, and for each its old
// id. merges are the tokens' ids.
func (s Spec) only(kept []bool, merges [][3]int32) (out Spec, old []int) {
	out = s
	out.Tokens, out.Types, out.Merges = nil, nil, nil
	renumber := make([]int, len(s.Tokens))
	for id, token := range s.Tokens {
		if !kept[id] {
			renumber[id] = -1
			continue
		}
		renumber[id] = len(old)
		old = append(old, id)
		out.Tokens = append(out.Tokens, token)
		out.Types = append(out.Types, s.kind(id))
	}
	for i, m := range merges {
		if kept[m[0]] && kept[m[1]] && kept[m[2]] {
			out.Merges = append(out.Merges, s.Merges[i])
		}
	}
	for _, f := range out.idFields() {
		if *f.id >= 0 {
			*f.id = renumber[*f.id]
		}
	}
	return out, old
}

// required marks the tokens that no pruning takes away.
func (s Spec) required() []bool {
	kept := make([]bool, len(s.Tokens))
	for id, token := range s.Tokens {
		switch s.kind(id) {
		case Control, Unknown, UserDefined, Byte:
			kept[id] = true
		default:
			r, n := utf8.DecodeRuneInString(token)
			kept[id] = n == len(token) && int(r) < len(runeBytes) && runeBytes[r] >= 0 // one byte
		}
	}
	for _, f := range s.idFields() {
		if *f.id >= 0 {
			kept[*f.id] = true
		}
	}
	return kept
}

// closeOverMerges keeps, with a token, the parts that it is merged from, and theirs.
func closeOverMerges(kept []bool, merges [][3]int32) {
	makers := make(map[int32][]int, len(merges)) // merges by what they make
	for i, m := range merges {
		makers[m[2]] = append(makers[m[2]], i)
	}
	var todo []int32
	for id, k := range kept {
		if k {
			todo = append(todo, int32(id))
		}
	}
	for len(todo) > 0 {
		id := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		for _, i := range makers[id] {
			for _, part := range merges[i][:2] {
				if !kept[part] {
					kept[part] = true
					todo = append(todo, part)
				}
			}
		}
	}
}
