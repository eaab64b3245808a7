package recipe

import (
	"cmp"
	"fmt"
	"strings"
)

// A Problem is one thing that is wrong with a recipe.
type Problem struct {
	Source       string // the file, or the flag that set the value
	Line, Column int    // from 1; 0 if the source has no lines
	Key          string // as distill.temperature; "" for the file itself
	What         string
	Allowed      string // what may stand there; "" if that goes without saying
	Nearest      string // the nearest known key, of an unknown one
	Cause        error  // what a look at the key's file or model found; nil if none was needed
}

func (p *Problem) Error() string {
	var b strings.Builder
	b.WriteString(p.where())
	if b.Len() > 0 {
		b.WriteString(": ")
	}
	b.WriteString(p.What)
	if p.Nearest != "" {
		fmt.Fprintf(&b, "; did you mean %q?", p.Nearest)
	}
	if p.Allowed != "" {
		b.WriteString(" (allowed: " + p.Allowed + ")")
	}
	return b.String()
}

// where names the file, the place in it, and the key.
func (p *Problem) where() string {
	at := p.Source
	if p.Line > 0 {
		at = fmt.Sprintf("%s:%d:%d", at, p.Line, p.Column)
	}
	if at != "" && p.Key != "" {
		at += ": "
	}
	return at + p.Key
}

// Unwrap returns the cause.
func (p *Problem) Unwrap() error { return p.Cause }

// Problem returns what is wrong with the value of a key, as reading the recipe
// would have reported it: for what shows only when files and models are looked
// at.
func (r *Recipe) Problem(key, what, allowed string) *Problem {
	key = r.spelled(key)
	p := &Problem{Source: r.Path, Key: strings.TrimSuffix(r.prefix+key, "."), What: what, Allowed: allowed}
	for at := key; ; at = above(at) {
		if flag, ok := r.Flags[at]; ok {
			p.Source, p.Key = flag, ""
			return p
		}
		if found, ok := r.places[at]; ok {
			p.Source, p.Line, p.Column = found.Source, found.Line, found.Column
			return p
		}
		if at == "" {
			return p
		}
	}
}

// spelled returns a key as the recipe has it: the teacher may be one stage, not a list.
func (r *Recipe) spelled(key string) string {
	if _, ok := r.places["teacher[0]"]; !ok {
		key = strings.Replace(key, "teacher[0]", "teacher", 1)
	}
	return key
}

// Called returns what users call a key: the flag that sets it, or as the file has it.
func (r *Recipe) Called(key string) string {
	key = r.spelled(key)
	return cmp.Or(r.Flags[key], key)
}

// Cause is [Recipe.Problem] of a key whose file or model gave an error.
func (r *Recipe) Cause(key string, err error) *Problem {
	p := r.Problem(key, strings.TrimPrefix(err.Error(), "data: "), "")
	p.Cause = err
	return p
}

// Where names a key with the file and the line where it stands, or the flag.
func (r *Recipe) Where(key string) string { return r.Problem(key, "", "").where() }

// above returns the key of the section or list that holds key; "" is the
// recipe's.
func above(key string) string { return key[:max(0, strings.LastIndexAny(key, ".["))] }

// Problems are all that is wrong with a recipe, in the file's order.
type Problems []*Problem

// maxProblems bounds a report: what follows is rarely news.
const maxProblems = 20

func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap lets errors.As find the first Problem.
func (ps Problems) Unwrap() []error {
	errs := make([]error, len(ps))
	for i, p := range ps {
		errs[i] = p
	}
	return errs
}
