package safetensors

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"

	"limbeck/internal/disk"
	"limbeck/tensor"
	"limbeck/tensor/dtype"
)

// TestSwapHalvesByHand: one head of 6 channels; Hugging Face's rotary pairs are
// (0,3) (1,4) (2,5), GGUF's are neighbors.
func TestSwapHalvesByHand(t *testing.T) {
	hf := tensor.FromF32("q", []float32{0, 1, 2, 3, 4, 5, 10, 11, 12, 13, 14, 15}, 12, 1)
	gguf := []float32{0, 3, 1, 4, 2, 5, 10, 13, 11, 14, 12, 15}
	got, err := swapHalves(hf, 2, true)
	if err != nil || !slices.Equal(got.Decode(), gguf) {
		t.Fatalf("to GGUF: %v, %v, want %v", got.Decode(), err, gguf)
	}
	back, err := swapHalves(got, 2, false)
	if err != nil || !slices.Equal(back.Decode(), hf.Decode()) {
		t.Errorf("and back: %v, %v", back.Decode(), err)
	}
	for _, heads := range []int{0, -1, 4, 12} {
		if _, err := swapHalves(hf, heads, true); err == nil {
			t.Errorf("%d heads in 12 rows were accepted", heads)
		}
	}
}

// TestGolden reads a sharded folder of transformers; see testdata/golden.py.
func TestGolden(t *testing.T) {
	f, err := OpenFolder("testdata/tiny")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	text, err := os.ReadFile("testdata/golden.txt")
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{}
	for line := range strings.Lines(string(text)) {
		name, sum, _ := strings.Cut(strings.TrimSpace(line), " ")
		want[name] = sum
	}
	if len(f.Tensors()) != len(want) {
		t.Errorf("%d tensors, want %d", len(f.Tensors()), len(want))
	}
	for _, x := range f.Tensors() {
		if sum := sha256.Sum256(x.Data); hex.EncodeToString(sum[:]) != want[x.Name] {
			t.Errorf("tensor %q differs from the reference", x.Name)
		}
	}
	if n := disk.Size("testdata/tiny"); f.Bytes() != n {
		t.Errorf("%d bytes, want those of all the folder's files, %d", f.Bytes(), n)
	}
	keys := map[string]any{
		"general.architecture": "llama", "llama.block_count": uint32(2), "llama.context_length": uint32(32),
		"llama.embedding_length": uint32(16), "llama.feed_forward_length": uint32(20),
		"llama.attention.head_count": uint32(4), "llama.attention.head_count_kv": uint32(2),
		"llama.attention.layer_norm_rms_epsilon": float32(1e-5), "llama.rope.freq_base": float32(50000),
		"llama.rope.dimension_count": uint32(4), "llama.vocab_size": uint32(12),
		"tokenizer.ggml.bos_token_id": uint32(1), "tokenizer.ggml.eos_token_id": uint32(2),
	}
	if !reflect.DeepEqual(f.Keys(), keys) {
		t.Errorf("keys %v, want %v", f.Keys(), keys)
	}
}

// model returns a tiny model as a GGUF file has it.
func model(tied bool) (map[string]any, []*tensor.Tensor) {
	keys := map[string]any{
		"general.architecture": "llama", "llama.block_count": uint32(11), "llama.context_length": uint32(64),
		"llama.embedding_length": uint32(12), "llama.feed_forward_length": uint32(5),
		"llama.attention.head_count": uint32(2), "llama.attention.head_count_kv": uint32(1),
		"llama.attention.layer_norm_rms_epsilon": float32(1e-5), "llama.rope.freq_base": float32(10000),
		"llama.rope.dimension_count": uint32(8), "llama.attention.key_length": uint32(8),
		"llama.attention.value_length": uint32(8), "llama.vocab_size": uint32(7),
		"tokenizer.ggml.bos_token_id": uint32(1),
	}
	r := rand.New(rand.NewPCG(1, 2))
	var tensors []*tensor.Tensor
	add := func(name string, shape ...int) {
		x := tensor.New(name, dtype.F16, shape...)
		for i := range x.Data {
			x.Data[i] = byte(r.Uint32())
		}
		tensors = append(tensors, x)
	}
	for _, name := range slices.Sorted(maps.Keys(llama.inner)) {
		for layer := range 11 {
			full := "blk." + []string{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10"}[layer] + "." + name
			switch name {
			case "attn_q.weight":
				add(full, 16, 12)
			case "attn_k.weight", "attn_v.weight":
				add(full, 8, 12)
			default:
				add(full, 3, 2)
			}
		}
	}
	add("token_embd.weight", 7, 12)
	add("output_norm.weight", 12)
	if !tied {
		add("output.weight", 7, 12)
	}
	slices.SortFunc(tensors, func(a, b *tensor.Tensor) int { return inOrder(a.Name, b.Name) })
	return keys, tensors
}

func TestFolderRoundTrip(t *testing.T) {
	for _, tied := range []bool{true, false} {
		keys, tensors := model(tied)
		dir := filepath.Join(t.TempDir(), "m")
		files := map[string][]byte{
			tokenizerFile:       []byte(`{"version":"1.0"}`),
			tokenizerConfigFile: []byte(`{"bos_token":"<s>"}`),
			templateFile:        []byte("{{ x }}"),
		}
		for range 2 { // creates, then replaces
			if err := WriteFolder(dir, keys, tensors, files); err != nil {
				t.Fatal(err)
			}
		}
		f, err := OpenFolder(dir)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if !reflect.DeepEqual(f.Keys(), keys) {
			t.Errorf("keys %v, want %v", f.Keys(), keys)
		}
		if !slices.EqualFunc(f.Tensors(), tensors, func(a, b *tensor.Tensor) bool { return reflect.DeepEqual(a, b) }) {
			t.Errorf("tied %v: tensors differ", tied)
		}
		if f.ChatTemplate() != "{{ x }}" || string(f.TokenizerJSON()) != `{"version":"1.0"}` {
			t.Errorf("template %q, tokenizer %q", f.ChatTemplate(), f.TokenizerJSON())
		}
		entries, _ := os.ReadDir(dir)
		if len(entries) != 6 { // with limbeck.json
			t.Errorf("files: %v", entries)
		}
	}
}

// What says how the old model is to be used, or what it is, goes with it; what a
// person wrote stays, and so does everything if writing fails.
func TestWriteFolderOverAnother(t *testing.T) {
	keys, tensors := model(true)
	keys[nameKey] = "Old"
	dir := filepath.Join(t.TempDir(), "m")
	write := func(files map[string][]byte) error { return WriteFolder(dir, keys, tensors, files) }
	names := func() string {
		var names []string
		entries, _ := os.ReadDir(dir)
		for _, e := range entries {
			names = append(names, e.Name())
		}
		return strings.Join(names, " ")
	}
	put := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	card := func() string { b, _ := os.ReadFile(filepath.Join(dir, cardFile)); return string(b) }

	if err := write(nil); err != nil || card() != "# Old\n" {
		t.Fatalf("%v, card %q", err, card())
	}
	for _, name := range append(obsolete, "notes.txt") {
		put(name, "old")
	}
	keys[nameKey] = "New"
	if err := os.Mkdir(filepath.Join(dir, tokenizerFile), 0o777); err != nil {
		t.Fatal(err)
	}
	before := names()
	if err := write(map[string][]byte{tokenizerFile: nil}); err == nil || names() != before || card() != "# Old\n" {
		t.Errorf("error %v left %s of %s, card %q", err, names(), before, card())
	}
	os.Remove(filepath.Join(dir, tokenizerFile))
	if err := write(map[string][]byte{templateFile: []byte("new")}); err != nil {
		t.Fatal(err)
	}
	if got, want := names(), "README.md chat_template.jinja config.json limbeck.json model.safetensors notes.txt"; got != want || card() != "# New\n" {
		t.Errorf("left are %s, want %s; card %q", got, want, card())
	}
	put(cardFile, "# New\n\nMine.\n")
	if err := write(nil); err != nil || !strings.Contains(card(), "Mine") {
		t.Errorf("%v, card %q", err, card())
	}
	put(cardFile, "# New\n")
	delete(keys, nameKey)
	if err := write(nil); err != nil || names() != "config.json limbeck.json model.safetensors notes.txt" {
		t.Errorf("%v, left are %s: want no card of a model that says nothing", err, names())
	}
}

// In a folder that is no model, what would count for the new one is somebody's: it is
// neither removed nor left beside it.
func TestWriteFolderOverNoModel(t *testing.T) {
	keys, tensors := model(true)
	for _, name := range obsolete {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, name), []byte("mine"), 0o666); err != nil {
			t.Fatal(err)
		}
		err := WriteFolder(dir, keys, tensors, nil)
		if err == nil || !strings.Contains(err.Error(), "has "+name+" but no config.json") {
			t.Errorf("%s: %v", name, err)
		}
		left, err := os.ReadDir(dir)
		if err != nil || len(left) != 1 || left[0].Name() != name {
			t.Errorf("%s: left are %v, %v", name, left, err)
		}
	}
}

// What lies in memory is collected once enough tensors are let go, not for pieces of
// one, whose whole is there still.
func TestReleaseCollectsWholeTensors(t *testing.T) {
	collections := func() uint32 {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.NumForcedGC
	}
	var s Shards
	x := tensor.New("blk.0.attn_q.weight", dtype.F32, 4, collectAfter/16)
	start := collections()
	for i := range 4 {
		s.Release(&tensor.Tensor{Type: x.Type, Shape: []int{1, x.Shape[1]}, Data: x.Row(i)})
	}
	if n := collections() - start; n != 0 {
		t.Errorf("%d collections for pieces", n)
	}
	s.Release(x)
	if n := collections() - start; n != 1 {
		t.Errorf("%d collections for all of a tensor, want 1", n)
	}
}

func TestOrder(t *testing.T) {
	_, tensors := model(false)
	var names []string
	for _, x := range tensors {
		names = append(names, x.Name)
	}
	text := strings.Join(names, " ")
	at := -1
	for _, s := range []string{"token_embd", "blk.0.", "blk.2.", "blk.10.", "output.", "output_norm"} {
		i := strings.Index(text, s)
		if s == "output." { // not attn_output
			i = strings.Index(text, " output.")
		}
		if i <= at {
			t.Fatalf("%q out of order: %s", s, text)
		}
		at = i
	}
}

func TestWriteFolderRefuses(t *testing.T) {
	keys, tensors := model(true)
	without := func(key string) map[string]any {
		k := maps.Clone(keys)
		delete(k, key)
		return k
	}
	with := func(key string, v any) map[string]any {
		k := maps.Clone(keys)
		k[key] = v
		return k
	}
	extra := append(slices.Clone(tensors), tensor.New("rope_freqs.weight", dtype.F32, 4))
	quantized := append(slices.Clone(tensors), tensor.New("output.weight", dtype.Q8_0, 7, 32))
	for want, tc := range map[string]struct {
		keys    map[string]any
		tensors []*tensor.Tensor
		file    string
	}{
		"general.architecture":                   {without("general.architecture"), tensors, "a"},
		`"mamba" is not known; known are: llama`: {with("general.architecture", "mamba"), tensors, "a"},
		`"llama.block_count" is missing`:         {without("llama.block_count"), tensors, "a"},
		`"llama.block_count" is of type`:         {with("llama.block_count", "x"), tensors, "a"},
		`rope scaling "yarn"`:                    {with("llama.rope.scaling.type", "yarn"), tensors, "a"},
		"rotates 4 of a head's 8":                {with("llama.rope.dimension_count", uint32(4)), tensors, "a"},
		`"rope_freqs.weight" is none of`:         {keys, extra, "a"},
		`"output.weight": format q8_0`:           {keys, quantized, "a"},
		`cannot be named "../a"`:                 {keys, tensors, "../a"},
		`cannot be named "config.json"`:          {keys, tensors, "config.json"},
		`cannot be named "sub/a"`:                {keys, tensors, "sub/a"},
		"does not divide into 3 heads of pair":   {with("llama.attention.head_count", uint32(3)), tensors, "a"},
	} {
		parent := t.TempDir()
		err := WriteFolder(filepath.Join(parent, "m"), tc.keys, tc.tensors, map[string][]byte{tc.file: nil})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want an error with %q", err, want)
		}
		if entries, _ := os.ReadDir(parent); len(entries) != 0 {
			t.Errorf("%s: left behind: %v", want, entries)
		}
	}
}

// TestOpenFolderRefuses changes one thing of a good folder at a time.
func TestOpenFolderRefuses(t *testing.T) {
	read := func(name string) []byte {
		b, err := os.ReadFile(filepath.Join("testdata", "tiny", name))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	config := func(changes map[string]any) []byte {
		var c map[string]any
		if err := json.Unmarshal(read(configFile), &c); err != nil {
			t.Fatal(err)
		}
		maps.Copy(c, changes)
		b, _ := json.Marshal(c)
		return b
	}
	type m = map[string]any
	for want, tc := range map[string]struct {
		file    string
		content []byte
	}{
		"no config.json": {configFile, nil},
		"config.json: it is not JSON: line 1, byte 5: ":               {configFile, []byte(`{"a":`)},
		`config.json: "hidden_size" is a string, want a whole number`: {configFile, config(m{"hidden_size": "x"})},
		`"MambaForCausalLM" is not known; known are: Llama`:           {configFile, config(m{"architectures": []string{"MambaForCausalLM"}})},
		`"hidden_size" is -1`:          {configFile, config(m{"hidden_size": -1})},
		`"num_hidden_layers" is 0`:     {configFile, config(m{"num_hidden_layers": 0})},
		"has 1 layers":                 {configFile, config(m{"num_hidden_layers": 1})},
		"do not share 3":               {configFile, config(m{"num_key_value_heads": 3})},
		"heads are 3 wide":             {configFile, config(m{"head_dim": 3})},
		`rope scaling "llama3"`:        {configFile, config(m{"rope_scaling": m{"rope_type": "llama3"}})},
		`rope scaling "linear"`:        {configFile, config(m{"rope_scaling": m{"type": "linear", "factor": 2}})},
		`rope scaling "yarn"`:          {configFile, config(m{"rope_parameters": m{"rope_type": "yarn"}})},
		`rope scaling "dynamic"`:       {configFile, config(m{"rope_scaling": m{"type": "dynamic"}})},
		`rope scaling "longrope"`:      {configFile, config(m{"rope_scaling": m{"type": "longrope", "factor": 1}})},
		`"hidden_act" "gelu"`:          {configFile, config(m{"hidden_act": "gelu"})},
		`"attention_bias"`:             {configFile, config(m{"attention_bias": true})},
		`"is_causal" false`:            {configFile, config(m{"is_causal": false})},
		`"mlp_bias"`:                   {configFile, config(m{"mlp_bias": true})},
		`"quantization_config"`:        {configFile, config(m{"quantization_config": m{"bits": 4}})},
		`"partial_rotary_factor" 0.5`:  {configFile, config(m{"partial_rotary_factor": 0.5})},
		`"partial_rotary_factor" 0.25`: {configFile, config(m{"rope_parameters": m{"partial_rotary_factor": 0.25}})},
		`"rope_theta" is 10000, but "rope_parameters.rope_theta" is 5`: {configFile, config(m{"rope_theta": 10000})},
		`"rope_scaling.rope_theta" is 7, but "rope_parameters.rope_th`: {configFile, config(m{"rope_scaling": m{"rope_theta": 7}})},
		`"rope_theta" is 1e-40`:                                   {configFile, config(m{"rope_parameters": m{"rope_theta": 1e-40}})},
		`"rope_theta" is -1`:                                      {configFile, config(m{"rope_theta": -1})},
		`"rms_norm_eps" is 2`:                                     {configFile, config(m{"rms_norm_eps": 2})},
		"token id -2":                                             {configFile, config(m{"eos_token_id": []int{-2}})},
		"neither model.safetensors nor":                           {indexFile, nil},
		"model.safetensors.index.json: it is not JSON":            {indexFile, []byte("{")},
		`index.json: "weight_map.w" is 5, want a string`:          {indexFile, []byte(`{"weight_map":{"w":5}}`)},
		"config.json: it is null, want a JSON object":             {configFile, []byte("null")},
		`"architectures[0]" is a list, want a string`:             {configFile, config(m{"architectures": [][]int{{}}})},
		`"eos_token_id" is neither a token id nor a list of them`: {configFile, config(m{"eos_token_id": "</s>"})},
		`index.json: "weight_map" has "w" twice, want each name`:  {indexFile, []byte(`{"weight_map":{"w":"a.safetensors","w":"b.safetensors"}}`)},
		`"num_hidden_layers" is missing, want 1 to`:               {configFile, config(m{"num_hidden_layers": nil})},
		`"vocab_size" is missing, want 1 to`:                      {configFile, config(m{"vocab_size": nil})},
		`no "weight_map"`:                                         {indexFile, []byte("{}")},
		`shard "../x.safetensors" is not a plain`:                 {indexFile, []byte(`{"weight_map":{"w":"../x.safetensors"}}`)},
		`shard "/x.safetensors" is not a plain`:                   {indexFile, []byte(`{"weight_map":{"w":"/x.safetensors"}}`)},
		`shard "a/../x.safetensors" is not a plain`:               {indexFile, []byte(`{"weight_map":{"w":"a/../x.safetensors"}}`)},
		`shard "./x.safetensors" is not a plain`:                  {indexFile, []byte(`{"weight_map":{"v":"x.safetensors","w":"./x.safetensors"}}`)},
		`shard "model.safetensors.index.json" is not a plain file name that ends in .safetensors`: {indexFile,
			[]byte(`{"weight_map":{"w":"model.safetensors.index.json"}}`)},
		`tensor "w" is not in model-00001`: {indexFile, []byte(`{"weight_map":{"w":"model-00001-of-00003.safetensors"}}`)},
		`index.json: tensor "model.layers.0.input_layernorm.weight" is not in model-00002`: {
			"model-00002-of-00003.safetensors", file("{}", 0)},
		`model-00002-of-00003.safetensors: tensor "model.layers.0.mlp.down_proj.weight": bytes 32 to 672 of the data, which has 168`: {
			"model-00002-of-00003.safetensors", read("model-00002-of-00003.safetensors")[:1000]},
		"is in model-00001-of-00003.safetensors and in model-00002-of-00003.safetensors, want it in one": {
			"model-00002-of-00003.safetensors", read("model-00001-of-00003.safetensors")},
		"chat_template.jinja: it is empty, want a template": {templateFile, []byte{}},
		`no tensor "lm_head.weight"`: {indexFile,
			[]byte(`{"weight_map":{"model.embed_tokens.weight":"model-00001-of-00003.safetensors"}}`)},
		"model-00002-of-00003.safetensors, which model.safetensors.index.json names, is missing": {"model-00002-of-00003.safetensors", nil},
		`"w" is none of LlamaForCausalLM`: {weightsFile, encode(t, []*tensor.Tensor{tensor.FromF32("w", []float32{1}, 1)})},
	} {
		dir := t.TempDir()
		if err := os.CopyFS(dir, os.DirFS("testdata/tiny")); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, tc.file)
		os.Remove(path)
		if tc.content != nil {
			if err := os.WriteFile(path, tc.content, 0o666); err != nil {
				t.Fatal(err)
			}
		}
		f, err := OpenFolder(dir)
		if err == nil {
			f.Close()
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want an error with %q", err, want)
		}
	}
}

// A folder whose config.json or index is cut off anywhere is refused, by an error that
// names the file and the place.
func TestTruncatedFolder(t *testing.T) {
	for _, name := range []string{configFile, indexFile} {
		dir := t.TempDir()
		if err := os.CopyFS(dir, os.DirFS("testdata/tiny")); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, name)
		whole, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for n := range bytes.TrimSpace(whole) {
			if err := os.WriteFile(path, whole[:n], 0o666); err != nil {
				t.Fatal(err)
			}
			want := fmt.Sprintf("%s: it is not JSON: line %d, byte %d: ", name, 1+bytes.Count(whole[:n], []byte("\n")), n)
			if n == 0 {
				want = name + ": it is empty, want a JSON object"
			}
			f, err := OpenFolder(dir)
			if err == nil {
				f.Close()
			}
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Fatalf("%d of %d bytes: got %v, want %s", n, len(whole), err, want)
			}
		}
	}
}

// The base of the rotary angles is read wherever a version of transformers looks for
// it, more than once if it is the same. Scaling by 1 leaves it.
func TestRopeTheta(t *testing.T) {
	for config, want := range map[string]float32{
		``:                                    10000,
		`, "rope_theta": 7`:                   7,
		`, "rope_scaling": {"rope_theta": 7}`: 7,
		`, "rope_theta": 7, "rope_scaling": null, "rope_parameters": {"rope_theta": 7, "partial_rotary_factor": 1}`: 7,
		`, "rope_scaling": {"type": "default"}, "rope_parameters": {"rope_theta": 7}`:                               7,
		`, "rope_scaling": {"type": "linear", "factor": 1.0}`:                                                       10000,
		`, "rope_parameters": {"rope_type": "dynamic", "factor": 1, "rope_theta": 7}`:                               7,
	} {
		keys, err := llamaKeys([]byte(`{"num_hidden_layers": 2, "max_position_embeddings": 32, "hidden_size": 16,
			"intermediate_size": 20, "num_attention_heads": 4, "vocab_size": 12` + config + "}"))
		if err != nil || keys["llama.rope.freq_base"] != want {
			t.Errorf("%s: base %v, want %v; %v", config, keys["llama.rope.freq_base"], want, err)
		}
	}
}

// A link that leads nowhere is named; so is where it was to lead.
func TestBrokenLinks(t *testing.T) {
	for name, gone := range map[string]string{
		configFile: configFile, tokenizerConfigFile: tokenizerConfigFile, weightsFile: indexFile, indexFile: indexFile,
		"model-00002-of-00003.safetensors": "model-00002-of-00003.safetensors",
	} {
		dir := t.TempDir()
		if err := os.CopyFS(dir, os.DirFS("testdata/tiny")); err != nil {
			t.Fatal(err)
		}
		os.Remove(filepath.Join(dir, gone))
		if err := os.Symlink("../blobs/0a", filepath.Join(dir, name)); err != nil {
			t.Skip(err)
		}
		f, err := OpenFolder(dir)
		if err == nil {
			f.Close()
		}
		if want := fmt.Sprintf("%s: %s is a link to ../blobs/0a, which is missing", dir, name); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

// A folder without weights that are read, but with others, says what to do with them.
func TestFoldersOfOthers(t *testing.T) {
	for _, c := range []struct{ files, want string }{
		{adapterFile, adapterFile + ": it holds an adapter, not a model: merge it"},
		{configFile + " " + adapterFile, adapterFile + ": it holds an adapter"},
		{configFile + " " + torchFile, torchFile + ": its weights are not in safetensors: load it in transformers, and save it by save_pretrained(…, safe_serialization=True)"},
		{configFile + " " + torchIndexFile, torchIndexFile + ": its weights are not in"},
		{configFile, "neither model.safetensors nor"},
	} {
		dir := t.TempDir()
		config, err := os.ReadFile("testdata/tiny/" + configFile)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range strings.Fields(c.files) {
			if err := os.WriteFile(filepath.Join(dir, name), config, 0o666); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := OpenFolder(dir); err == nil || !strings.Contains(err.Error(), dir+": "+c.want) {
			t.Errorf("%s: got %v, want %s", c.files, err, c.want)
		}
	}
}

// TestSameConfig: the bytes of config.json do not change between runs.
func TestSameConfig(t *testing.T) {
	keys, tensors := model(true)
	a, err := llama.configJSON(keys, tensors)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(a, []byte(`"torch_dtype": "float16"`)) {
		t.Errorf("the format is not float16: %s", a)
	}
	for range 10 {
		if b, _ := llama.configJSON(keys, tensors); !bytes.Equal(a, b) {
			t.Fatalf("%s\n%s", a, b)
		}
	}
	if !bytes.Contains(a, []byte(`"rms_norm_eps": 0.00001,`)) && !bytes.Contains(a, []byte(`"rms_norm_eps": 1e-05,`)) {
		t.Errorf("epsilon is not 1e-5: %s", a)
	}
}

// A config.json that contradicts itself, or the weights beside it, is refused by an
// error that names both.
func TestContradictions(t *testing.T) {
	for _, c := range []struct{ from, to, want string }{
		{`"model_type": "llama"`, `"model_type": "bert"`, `"model_type" is "bert", but "architectures" is "LlamaForCausalLM"`},
		{`"vocab_size": 7`, `"vocab_size": 1000000000`, `tensor "model.embed_tokens.weight" has 7 rows, but "vocab_size" in config.json is 1000000000`},
		{`"vocab_size": 7`, `"vocab_size": 6`, `tensor "model.embed_tokens.weight" has 7 rows, but "vocab_size" in config.json is 6`},
	} {
		keys, tensors := model(true)
		dir := filepath.Join(t.TempDir(), "m")
		if err := WriteFolder(dir, keys, tensors, nil); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, configFile)
		text, err := os.ReadFile(path)
		if err != nil || !bytes.Contains(text, []byte(c.from)) {
			t.Fatalf("%s in %s: %v", c.from, text, err)
		}
		if err := os.WriteFile(path, bytes.Replace(text, []byte(c.from), []byte(c.to), 1), 0o666); err != nil {
			t.Fatal(err)
		}
		f, err := OpenFolder(dir)
		if err == nil {
			f.Close()
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", c.to, err, c.want)
		}
	}
}
