package layers

import (
	"fmt"
	"go/ast"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"limbeck/internal/testfiles"
)

// groups are words for several packages in the rules below.
var groups = map[string]string{
	"$base":    "internal/par internal/disk",
	"$tensors": "tensor tensor/dtype tensor/kernel",
	"$nets":    "nn nn/op $tensors $base",
	"$models":  "model model/arch model/gguf model/safetensors model/token model/chat model/guide $nets",
	"$engine":  "model/generate train measure $models",
}

// rules say what each package may import besides the standard library. A name
// with /... means the packages below it too. Imports point downward only:
// relaxing a line needs a reason in the commit.
var rules = []string{
	"internal/pages: golang.org/x/sys/windows",
	"internal/par:",
	"internal/disk: internal/pages",
	"internal/fields:",
	"internal/layers:",
	"internal/machine: internal/pages internal/par tensor/kernel golang.org/x/sys/unix golang.org/x/sys/windows",
	"internal/testfiles:",
	"internal/testkit: $models",
	"internal/testkit/allocs:",
	"internal/testkit/tiers: tensor/kernel",
	"internal/typeset:",
	"internal/words:",

	"tensor/kernel: golang.org/x/sys/cpu golang.org/x/sys/unix",
	"tensor/dtype:  tensor/kernel",
	"tensor:        tensor/dtype",

	"nn/op: $tensors internal/pages internal/par",
	"nn:    nn/op $tensors",

	"model/arch:        nn nn/op $tensors",
	"model/gguf:        $tensors internal/disk internal/pages",
	"model/safetensors: $tensors internal/disk internal/fields",
	"model/token:       internal/fields internal/pages",
	"model/chat:",
	"model/guide:",
	"model:             $models",

	"model/generate: $models",
	"measure:",
	"train:          $models",

	"compress/distill:  $engine",
	"compress/prune:    $engine",
	"compress/quantize: $engine",
	"data:              $engine internal/fields internal/typeset golang.org/x/text/...",
	"eval:              $engine data internal/typeset",
	"eval/baseline:     data internal/typeset",
	"eval/report:       internal/typeset",
	"eval/bench:        $engine eval/report data internal/machine internal/typeset",
	"eval/bench/peers:  $engine eval/bench eval/report internal/machine internal/typeset",
	"eval/compare:      $engine eval eval/baseline eval/bench eval/report data compress/distill internal/machine internal/typeset internal/words",
	"store/builtin:",

	"recipe/run:       internal/disk internal/machine internal/typeset golang.org/x/sys/unix golang.org/x/sys/windows",
	"recipe:           recipe/run internal/typeset internal/words tensor/dtype go.yaml.in/yaml/v4",
	"recipe/reference: recipe internal/disk",
	"recipe/steps:     recipe recipe/run $engine data eval/... eval compress/... store/builtin internal/machine internal/typeset internal/words",
	"serve:            $engine data internal/fields internal/words",
	"serve/clienttest:",

	"cmd/limbeck: ...",
}

const module = "limbeck/"

// allowed returns the rules as package → what it may import.
func allowed(t *testing.T) map[string][]string {
	t.Helper()
	out := map[string][]string{}
	for _, r := range rules {
		name, words, ok := strings.Cut(r, ":")
		if !ok || out[name] != nil {
			t.Fatalf("rule %q: no colon, or a second rule of that package", r)
		}
		out[name] = append(expand(words), name)
	}
	return out
}

func expand(words string) []string {
	var out []string
	for _, w := range strings.Fields(words) {
		if group, ok := groups[w]; ok {
			out = append(out, expand(group)...)
		} else {
			out = append(out, w)
		}
	}
	return out
}

// matches tells whether an import is one of those allowed.
func matches(path string, allowed []string) bool {
	for _, a := range allowed {
		prefix, below := strings.CutSuffix(a, "...")
		if path == a || below && strings.HasPrefix(path, prefix) {
			return true
		}
	}
	return false
}

// standard tells whether an import belongs to the standard library, whose
// paths have no dot in their first element.
func standard(path string) bool {
	first, _, _ := strings.Cut(path, "/")
	return !strings.Contains(first, ".") && !strings.HasPrefix(path, module)
}

func TestImports(t *testing.T) {
	rules := allowed(t)
	for _, s := range sources(t) {
		may, ok := rules[s.dir()]
		if !ok {
			t.Errorf("%s: the package has no rule: say in internal/layers what it may import", s.path)
			continue
		}
		if s.test {
			continue // tests may look around; cycles are the compiler's business
		}
		for _, i := range s.file.Imports {
			path, err := strconv.Unquote(i.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			if path == "C" {
				t.Errorf("%s: cgo is not used here", s.path)
			}
			if !standard(path) && !matches(strings.TrimPrefix(path, module), may) {
				t.Errorf("%s: imports %s; its package may import: %s", s.fset.Position(i.Pos()), path, strings.Join(may, " "))
			}
		}
	}
}

// Assembly, and what tells processors apart, are for the kernels' room alone: not for what
// may import anything either, nor for tests. Which kernels run is told to people, and
// nothing above does otherwise for it.
func TestHardwareHasOneRoom(t *testing.T) {
	const room = "tensor/kernel"
	for _, s := range sources(t) {
		for _, i := range s.file.Imports {
			if i.Path.Value == `"golang.org/x/sys/cpu"` && s.dir() != room {
				t.Errorf("%s: asks for the processor: let %s do it", s.fset.Position(i.Pos()), room)
			}
		}
		if s.test || s.dir() == room || s.dir() == "internal/testkit" {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			var compared []ast.Expr
			switch n := n.(type) {
			case *ast.BinaryExpr:
				compared = []ast.Expr{n.X, n.Y}
			case *ast.SwitchStmt:
				compared = []ast.Expr{n.Tag}
			}
			for _, x := range compared {
				if call, ok := x.(*ast.CallExpr); ok && isTier(call.Fun) {
					t.Errorf("%s: depends on the kernels' tier: let %s do it", s.fset.Position(n.Pos()), room)
				}
			}
			return true
		})
	}
	walk(t, func(rel string) {
		if strings.HasSuffix(rel, ".s") && !strings.HasPrefix(rel, room+"/") {
			t.Errorf("%s: assembly lies in %s", rel, room)
		}
	})
}

// pairsAsked are the files that ask whether pairs of bf16 multiply faster than
// floats, the one question about the hardware that is asked outside of its room.
var pairsAsked = []string{
	"cmd/limbeck/demo.go", "internal/machine/class.go", "nn/op/gemm.go", "nn/op/kvf16.go", "nn/op/tape.go",
	"recipe/steps/draft.go", "recipe/steps/rate.go",
}

func TestOneQuestionIsAskedOfTheHardware(t *testing.T) {
	var asked []string
	for _, s := range sources(t) {
		if s.test || s.dir() == "tensor/kernel" {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			if x, ok := n.(*ast.SelectorExpr); ok && (x.Sel.Name == "FastPairs" || x.Sel.Name == "FastBF16") {
				asked = append(asked, s.path)
			}
			return true
		})
	}
	slices.Sort(asked)
	if got := slices.Compact(asked); !slices.Equal(got, pairsAsked) {
		t.Errorf("whether pairs multiply fast is asked in %q, want %q", got, pairsAsked)
	}
}

// isTier reports whether f is kernel.Tier.
func isTier(f ast.Expr) bool {
	x, ok := f.(*ast.SelectorExpr)
	return ok && x.Sel.Name == "Tier" && fmt.Sprint(x.X) == "kernel"
}

// Every word of a rule lets something in that the package does import.
func TestRulesAreNeeded(t *testing.T) {
	imports := map[string][]string{} // of each package, tests aside
	for _, s := range sources(t) {
		if s.test {
			continue
		}
		for _, i := range s.file.Imports {
			imports[s.dir()] = append(imports[s.dir()], strings.TrimPrefix(strings.Trim(i.Path.Value, `"`), module))
		}
	}
	for _, r := range rules {
		name, words, _ := strings.Cut(r, ":")
		for _, w := range strings.Fields(words) {
			may := expand(w)
			if !slices.ContainsFunc(imports[name], func(path string) bool { return matches(path, may) }) {
				t.Errorf("the rule of %s allows %s, and nothing of it is imported", name, w)
			}
		}
	}
}

// Every package that a rule is about, or allows, exists: a rule for a room to come
// would let in whatever is called so.
func TestRulesNamePackages(t *testing.T) {
	exists := map[string]bool{}
	for _, s := range sources(t) {
		exists[s.dir()] = true
	}
	for name, may := range allowed(t) {
		for _, p := range append(may, name) {
			if p = strings.TrimSuffix(strings.TrimSuffix(p, "..."), "/"); p == "" || strings.Contains(p, ".") {
				continue
			}
			found := exists[p]
			for dir := range exists {
				found = found || strings.HasPrefix(dir, p+"/")
			}
			if !found {
				t.Errorf("the rule of %s names %s, which is no package", name, p)
			}
		}
	}
}

// The architecture's map shows every package.
func TestMapIsWhole(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(testfiles.Root(t), "docs", "architecture.md"))
	if err != nil {
		t.Fatal(err)
	}
	shown := shownIn(string(text))
	for _, s := range sources(t) {
		if dir := s.dir(); !shown[dir] {
			t.Errorf("docs/architecture.md does not show %s", dir)
		}
	}
}

// shownIn returns the paths that a map names, which stands indented: as they are, or
// several of one parent as parent/{a,b}.
func shownIn(text string) map[string]bool {
	shown := map[string]bool{}
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "    ") {
			continue
		}
		for _, word := range strings.FieldsFunc(line, func(r rune) bool { return strings.ContainsRune(" \n;:`()", r) }) {
			parent, ends, several := strings.Cut(strings.TrimSuffix(word, ","), "{")
			if !several {
				shown[parent] = true
				continue
			}
			for end := range strings.SplitSeq(strings.TrimSuffix(ends, "}"), ",") {
				shown[parent+end] = true
			}
		}
	}
	return shown
}

// A package is shown by its whole path alone.
func TestShownIn(t *testing.T) {
	shown := shownIn("The map\n\n    eval → data          tasks; rates\n    model/{arch,gguf}    two, eval/bench times\n\nserve is none of it\n")
	for path, want := range map[string]bool{
		"eval": true, "data": true, "model/arch": true, "model/gguf": true, "eval/bench": true,
		"model": false, "gguf": false, "bench": false, "serve": false, "eval/rates": false,
	} {
		if shown[path] != want {
			t.Errorf("shown %s: %v, want %v", path, shown[path], want)
		}
	}
}

// The rules themselves work.
func TestMatches(t *testing.T) {
	may := expand("$nets golang.org/x/text/...")
	for path, want := range map[string]bool{
		"nn/op": true, "tensor/kernel": true, "model": false, "nn/opx": false,
		"golang.org/x/text/unicode/norm": true, "golang.org/x/textual": false,
	} {
		if matches(path, may) != want {
			t.Errorf("%s: got %v, want %v", path, !want, want)
		}
	}
}
