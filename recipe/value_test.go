package recipe

import (
	"encoding/json"
	"testing"
)

func TestValues(t *testing.T) {
	for _, c := range []struct {
		into scalar
		text string
		want string // as String writes it; "" if it must be refused
	}{
		{new(Count), "288", "288"}, {new(Count), "4k", "4k"}, {new(Count), "4000", "4k"}, {new(Count), "4Ki", "4096"},
		{new(Count), "15M", "15M"}, {new(Count), "1.5G", "1500M"}, {new(Count), "2.3k", "2300"}, {new(Count), "0", "0"},
		{new(Count), "1e3", "1k"}, {new(Count), "", ""}, {new(Count), "k", ""}, {new(Count), "4K", ""}, {new(Count), "-1", ""},
		{new(Count), "1.5", ""}, {new(Count), "1e300", ""}, {new(Count), "1e999", ""}, {new(Count), "0x10", ""}, {new(Count), "1_000", ""},
		{new(Count), "inf", ""}, {new(Count), "nan", ""}, {new(Count), "99999999G", ""},
		{new(Size), "12MB", "12MB"}, {new(Size), "12MiB", "12582912B"}, {new(Size), "512kB", "512kB"}, {new(Size), "0", "0"},
		{new(Size), "12", ""}, {new(Size), "12M", ""}, {new(Size), "MB", ""},
		{new(Share), "50%", "50%"}, {new(Share), "2.5%", "2.5%"}, {new(Share), "33.333333333333%", "33.333333333%"},
		{new(Share), "0.1%", "0.1%"}, {new(Share), "100%", "100%"}, {new(Share), "101%", ""}, {new(Share), "-1%", ""}, {new(Share), "%", ""}, {new(Share), "0.5", ""},
		{new(Dim), "50%", "50%"}, {new(Dim), "4k", "4k"}, {new(Dim), "half", ""},
		{new(Holdout), "10%", "10%"}, {new(Holdout), "95%", ""}, {new(Holdout), "0.1", ""}, {new(Holdout), "v.jsonl", "v.jsonl"}, {new(Holdout), "", ""},
		{new(Ref), "teacher", "teacher"}, {new(Ref), "./m.gguf", "./m.gguf"}, {new(Ref), "models/m.gguf", "models/m.gguf"}, {new(Ref), "/m/", "/m/"},
		{new(Ref), "hf.co/a/b:q4_1", "hf.co/a/b:q4_1"}, {new(Ref), "hf.co/a", ""}, {new(Ref), "oci://h/r:1", "oci://h/r:1"}, {new(Ref), "oci://", ""},
		{new(Ref), "openai/gpt-4o-mini", "openai/gpt-4o-mini"}, {new(Ref), "openai/", ""}, {new(Ref), "models/m", ""}, {new(Ref), "qwen3:0.6b", "qwen3:0.6b"},
		{new(Ref), "https://h/v1#m", "https://h/v1#m"}, {new(Ref), "https://h/v1", ""}, {new(Ref), "builtin:", ""}, {new(Ref), "", ""}, {new(Ref), " a", ""},
	} {
		err := c.into.Set(c.text)
		if err != nil && c.want != "" {
			t.Errorf("%T %q: %v", c.into, c.text, err)
		}
		if err == nil && c.into.String() != c.want {
			t.Errorf("%T %q: got %q, want %q (nothing: an error)", c.into, c.text, c.into, c.want)
		}
	}
}

func TestDimOf(t *testing.T) {
	for _, c := range []struct {
		dim  Dim
		want int
	}{{Dim{}, 30}, {Dim{Count: 6}, 6}, {Dim{Share: .5}, 15}, {Dim{Share: .001}, 1}, {Dim{Share: .25}, 8}} {
		if got := c.dim.Of(30); got != c.want {
			t.Errorf("%v of 30: %d, want %d", c.dim, got, c.want)
		}
	}
}

// The lineage shows values as a recipe writes them.
func TestJSON(t *testing.T) {
	got, err := json.Marshal(mustRead(t, full).Student)
	const want = `{"from":"teacher","layers":"6","hidden":"0","heads":"0","kv_heads":"0","ffn":"50%","vocab":"4k","params":0}`
	if err != nil || string(got) != want {
		t.Errorf("got %s, %v, want %s", got, err, want)
	}
}
