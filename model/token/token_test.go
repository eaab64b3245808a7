package token

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"limbeck/internal/testfiles"
	"limbeck/store/builtin"
)

// digest is what testdata/ids.py says of a stream of ids.
type digest struct {
	IDs    int
	SHA256 string
}

type golden struct {
	HardText struct{ SHA256 string } `json:"hard_text"`
	Words    map[string]digest       // of the sizes of words, by pre-tokenizer
	Models   map[string]map[string]json.RawMessage
}

func readGolden(t *testing.T) golden {
	t.Helper()
	data, err := os.ReadFile("testdata/golden.json")
	if err != nil {
		t.Fatal(err)
	}
	var g golden
	if err := json.Unmarshal(data, &g); err != nil {
		t.Fatal(err)
	}
	return g
}

// modelFiles are the models of golden.json that are not committed.
var modelFiles = map[string]string{
	"smollm2": testfiles.SmolLM2,
	"gpt2":    testfiles.GPT2,
}

// realModel loads the tokenizer of a model that is not committed, or skips.
func realModel(t testing.TB, name string) *Tokenizer {
	t.Helper()
	f, err := os.Open(testfiles.Model(t, modelFiles[name]))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	return readTokenizer(t, f)
}

// builtinTeacher is the tokenizer of the built-in teacher, whose vocabulary was cut
// from SmolLM2's.
func builtinTeacher(t testing.TB) *Tokenizer {
	t.Helper()
	file, err := builtin.Model(builtin.HomeAssistant)
	if err != nil {
		t.Fatal(err)
	}
	return readTokenizer(t, bytes.NewReader(file))
}

// readTokenizer reads the tokenizer in a GGUF file.
func readTokenizer(t testing.TB, file io.Reader) *Tokenizer {
	t.Helper()
	kv, err := readKeys(file)
	if err != nil {
		t.Fatal(err)
	}
	spec, err := FromKeys(kv)
	if err != nil {
		t.Fatal(err)
	}
	return mustNew(t, spec)
}

func mustNew(t testing.TB, spec Spec) *Tokenizer {
	t.Helper()
	tok, err := New(spec)
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

// corpus reads a file of the shared data, or skips.
func corpus(t testing.TB, name string) string {
	t.Helper()
	data, err := os.ReadFile(testfiles.Data(t, name))
	if err != nil {
		t.Fatal(err)
	}
	if strings.HasSuffix(name, ".gz") {
		r, err := gzip.NewReader(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		if data, err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
	}
	return string(data)
}

// digestOf encodes texts; mark puts 0xffffffff after each.
func digestOf(tok *Tokenizer, texts []string, special, mark bool) digest {
	return digestBy(texts, mark, func(text string) []int { return tok.Encode(text, special) })
}

func digestBy(texts []string, mark bool, numbers func(text string) []int) digest {
	h, n := sha256.New(), 0
	for _, text := range texts {
		ids := numbers(text)
		n += len(ids)
		var b []byte
		for _, id := range ids {
			b = binary.LittleEndian.AppendUint32(b, uint32(id))
		}
		if mark {
			b = append(b, 0xff, 0xff, 0xff, 0xff)
		}
		h.Write(b)
	}
	return digest{n, hex.EncodeToString(h.Sum(nil))}
}

func unmarshal[T any](t *testing.T, data []byte) (v T) {
	t.Helper()
	if err := json.Unmarshal(data, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// checkHard compares the ids of hard text with the reference's.
func checkHard(t *testing.T, tok *Tokenizer, entry json.RawMessage) {
	t.Helper()
	want := unmarshal[struct{ Special, Plain digest }](t, entry)
	text := hardText(t)
	if got := digestOf(tok, text, true, true); got != want.Special {
		t.Errorf("special: %+v, want %+v", got, want.Special)
	}
	if got := digestOf(tok, text, false, true); got != want.Plain {
		t.Errorf("plain: %+v, want %+v", got, want.Plain)
	}
}

func TestHardTextIsTheRecipes(t *testing.T) {
	sum := sha256.Sum256([]byte(strings.Join(hardText(t), "")))
	if got, want := hex.EncodeToString(sum[:]), readGolden(t).HardText.SHA256; got != want {
		t.Errorf("digest %s, want %s", got, want)
	}
}

// TestWords compares where words end, which ids alone do not always show.
func TestWords(t *testing.T) {
	g := readGolden(t)
	for name, pre := range preTokenizers {
		got := digestBy(hardText(t), true, func(text string) (sizes []int) {
			for len(text) > 0 {
				n := pre.split(text)
				sizes = append(sizes, n)
				text = text[n:]
			}
			return sizes
		})
		if want := g.Words[name]; got != want {
			t.Errorf("%s: %+v, want %+v", name, got, want)
		}
	}
}

// TestReal compares the ids of whole corpora with the reference's.
func TestReal(t *testing.T) {
	for name, entry := range readGolden(t).Models {
		if modelFiles[name] == "" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			tok := realModel(t, name)
			for _, file := range slices.Sorted(maps.Keys(entry)) {
				t.Run(file, func(t *testing.T) {
					if file == "hard" {
						checkHard(t, tok, entry[file])
						return
					}
					if testing.Short() && strings.Contains(file, "train") {
						t.Skip("long")
					}
					text := corpus(t, file)
					want := unmarshal[digest](t, entry[file])
					if got := digestOf(tok, []string{text}, true, false); got != want {
						t.Errorf("%+v, want %+v", got, want)
					}
					if got := tok.Decode(tok.Encode(text, true)); string(got) != text {
						t.Error("decoding does not give the text back")
					}
				})
			}
		})
	}
}
