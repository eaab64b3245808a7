package recipe

import (
	"fmt"
	"slices"
	"strings"
)

// A Ref names a model.
type Ref struct {
	Kind RefKind
	Text string // as the recipe writes it
}

// A RefKind says where a model is to be found.
type RefKind uint8

// The kinds of references, each with an example.
const (
	RefOrigin  RefKind = iota // teacher, scratch: no model of its own
	RefPath                   // ./file.gguf, ./folder/
	RefBuiltin                // builtin:home-assistant
	RefHub                    // hf.co/HuggingFaceTB/SmolLM2-135M-Instruct:q4_1
	RefOCI                    // oci://registry/repo:tag
	RefStore                  // name:tag, in the local store
	RefVendor                 // openai/gpt-4o-mini
	RefHTTP                   // https://host/v1#model
)

// vendors are those of remote models that references know.
var vendors = []string{"anthropic", "gemini", "openai", "xai"}

// refRule is what this build can read. References of the other kinds are known, so
// that what asks for them says that it cannot read them, not that they are no models.
const refRule = "./file.gguf, ./folder/ or builtin:NAME"

// ParseRef reads a reference to a model.
func ParseRef(s string) (Ref, error) {
	var r Ref
	err := r.Set(s)
	return r, err
}

func (r *Ref) Set(s string) error {
	*r = Ref{}
	if s == "" || strings.TrimSpace(s) != s || strings.ContainsAny(s, "\x00\n\r\t") {
		return fmt.Errorf("an empty name, or white space in it")
	}
	kind, err := refKind(s)
	if err == nil {
		*r = Ref{kind, s}
	}
	return err
}

func refKind(s string) (RefKind, error) {
	vendor, rest, slash := strings.Cut(s, "/")
	host, model, hash := strings.Cut(s, "#")
	switch {
	case s == FromTeacher || s == FromScratch:
		return RefOrigin, nil
	case isPath(s):
		return RefPath, nil
	case strings.HasPrefix(s, "builtin:"):
		return RefBuiltin, nonEmpty(s[len("builtin:"):], "builtin:NAME")
	case strings.HasPrefix(s, "oci://"):
		return RefOCI, nonEmpty(s[len("oci://"):], "oci://REGISTRY/REPO:TAG")
	case strings.HasPrefix(s, "https://"), strings.HasPrefix(s, "http://"):
		if !hash || model == "" || strings.HasSuffix(host, "//") {
			return 0, fmt.Errorf("names no host or no model: want https://HOST/v1#MODEL")
		}
		return RefHTTP, nil
	case vendor == "hf.co":
		if owner, repo, ok := strings.Cut(rest, "/"); !ok || owner == "" || repo == "" {
			return 0, fmt.Errorf("want hf.co/OWNER/REPO")
		}
		return RefHub, nil
	case slash && slices.Contains(vendors, vendor):
		return RefVendor, nonEmpty(rest, vendor+"/MODEL")
	case slash:
		return 0, fmt.Errorf("names no model; a path starts with ./")
	}
	return RefStore, nil
}

func isPath(s string) bool {
	lower := strings.ToLower(s)
	return strings.HasPrefix(s, ".") || Absolute(s) ||
		strings.HasSuffix(lower, ".gguf") && !strings.Contains(s, "://") && !strings.HasPrefix(s, "hf.co/")
}

func nonEmpty(name, form string) error {
	if name == "" {
		return fmt.Errorf("names no model: want %s", form)
	}
	return nil
}

func (r *Ref) allowed() string { return refRule }
func (r Ref) String() string   { return r.Text }

// remote tells whether the model runs elsewhere, so that only its text is known.
func (r Ref) remote() bool { return r.Kind == RefVendor || r.Kind == RefHTTP }

// Model tells whether r names a model, not the teacher or random weights.
func (r Ref) Model() bool { return r.Kind != RefOrigin }
