package model_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"limbeck/internal/disk"
	"limbeck/internal/par"
	"limbeck/internal/testkit"
	"limbeck/model"
	"limbeck/model/arch"
	"limbeck/model/gguf"
	"limbeck/model/token"
	"limbeck/nn/op"
	"limbeck/tensor/dtype"
)

// saveWide writes a model whose rows fill the blocks of every format, and whose
// matrices are stored as one.
func saveWide(t testing.TB, path string, to *dtype.Type, tied bool, seed uint64) {
	t.Helper()
	saveOfWidth(t, path, 256, to, tied, seed)
}

// saveOfWidth writes a model of that width, whose matrices are stored as one format.
func saveOfWidth(t testing.TB, path string, width int, to *dtype.Type, tied bool, seed uint64) {
	t.Helper()
	spec, err := token.Train(slices.Values([]string{"the cat sat on the mat"}), 280, "gpt-2", nil)
	if err != nil {
		t.Fatal(err)
	}
	m, err := model.New(arch.Config{
		Arch: "llama", Layers: 2, Width: width, Heads: 2, KVHeads: 1, HeadDim: width / 2, FFN: 3 * width, Vocab: len(spec.Tokens),
		Context: testkit.Context, NormEps: 1e-5, RopeBase: 10000, Tied: tied,
	}, testkit.Random{Rand: rand.New(rand.NewPCG(seed, 2))}, spec, "")
	if err != nil {
		t.Fatal(err)
	}
	meta, tensors := m.GGUF()
	for i, x := range tensors {
		if rows, _ := x.Matrix(); rows == 1 {
			continue
		}
		if to.Encode != nil {
			if tensors[i], err = x.Convert(to, nil); err != nil {
				t.Fatal(err)
			}
			continue
		}
		rows, cols := x.Matrix()
		x.Type, x.Data = to, make([]byte, to.Bytes(rows*cols))
		for j := range x.Data { // small scales and every level
			x.Data[j] = byte((j + i + int(seed)) % 47)
		}
	}
	if err := gguf.Write(path, &meta, tensors); err != nil {
		t.Fatal(err)
	}
}

// ownCache makes the user's cache folder one of the test's.
func ownCache(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	for _, v := range []string{"XDG_CACHE_HOME", "HOME", "LocalAppData"} {
		t.Setenv(v, dir)
	}
	return dir
}

// openPacked returns the logits of a model, and what was remarked.
func openPacked(t *testing.T, path string) (logits []float32, remarks string) {
	t.Helper()
	pool := par.New(2)
	defer pool.Close()
	m, err := model.OpenPacked(path, pool, func(format string, args ...any) {
		remarks += fmt.Sprintf(format, args...) + "\n"
	})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	m.Pack(pool)
	ids := m.Tokenizer.Encode(text, false)
	tape := op.NewTape(pool)
	return slices.Clone(m.Head(tape, m.Forward(tape, op.One(ids, nil)), []int{len(ids) - 1, 0}).Data), remarks
}

func packedLogits(t *testing.T, path string) []float32 {
	t.Helper()
	m := open(t, path)
	pool := par.New(2)
	defer pool.Close()
	m.Pack(pool)
	ids := m.Tokenizer.Encode(text, false)
	tape := op.NewTape(pool)
	return slices.Clone(m.Head(tape, m.Forward(tape, op.One(ids, nil)), []int{len(ids) - 1, 0}).Data)
}

// Models of every packed format compute the same with their weights kept as
// without, when they are made and when they are used.
func TestOpenPacked(t *testing.T) {
	ownCache(t)
	for _, typ := range dtype.All() {
		for _, tied := range []bool{true, false} {
			path := filepath.Join(t.TempDir(), "m.gguf")
			saveWide(t, path, typ, tied, 1)
			want := packedLogits(t, path)
			for _, remark := range []string{"keeping packed weights in " + path + ".packed", ""} {
				got, remarks := openPacked(t, path)
				if !slices.Equal(got, want) {
					t.Errorf("%s, tied %v, %q: other logits", typ, tied, remark)
				}
				if !strings.HasPrefix(remarks, remark) || (remark == "") != (remarks == "") {
					t.Errorf("%s, tied %v: remarks %q, want %q", typ, tied, remarks, remark)
				}
			}
		}
	}
}

// Kept weights that are not, to the byte, those of this model as it is now are
// never used: they are made anew, as they were.
func TestStalePacked(t *testing.T) {
	ownCache(t)
	path := filepath.Join(t.TempDir(), "m.gguf")
	place := path + ".packed"
	saveWide(t, path, dtype.Q4_0, true, 1)
	want, _ := openPacked(t, path)
	whole, err := os.ReadFile(place)
	if err != nil {
		t.Fatal(err)
	}
	flipped := func(at ...int) []byte {
		b := bytes.Clone(whole)
		for _, i := range at {
			b[i] ^= 1
		}
		return b
	}
	line := func(n int) int { return len(bytes.Join(bytes.SplitAfter(whole, []byte("\n"))[:n-1], nil)) }
	var everywhere []int // of the first weight
	for i := 4096; i < 4096+280*256/32*18; i++ {
		everywhere = append(everywhere, i)
	}
	for name, c := range map[string]struct {
		data []byte
		want string
	}{
		"empty":             {nil, `line 1 is "", want "limbeck packed`},
		"another file":      {[]byte("hello"), `line 1 is "hello"`},
		"binary":            {bytes.Repeat([]byte{0xff, '\n'}, 5000), `line 1 is "\xff\n"`},
		"another version":   {flipped(line(2) - 2), "line 1 is"},
		"another model":     {flipped(line(2)+9, line(3)+9), "they are of a model with SHA-256 "},
		"no digest":         {flipped(line(2) + 2), `line 2 is "mo`},
		"another table":     {flipped(line(4) + 11), `line 4 is "tensors: `},
		"another layout":    {flipped(line(5) + 9), `line 5 is "layouts: `},
		"another size":      {flipped(line(6) + 8), `line 6 is "packed: `},
		"the padding":       {flipped(4095), "line 7 is"},
		"cut in the head":   {whole[:line(5)], `line 5 is "", want "layouts`},
		"cut off at a line": {whole[:line(4)-1], "line 3 is"},
		"no weights":        {whole[:4096], fmt.Sprintf("4096 bytes, want %d", len(whole))},
		"cut":               {whole[:len(whole)-1], fmt.Sprintf("%d bytes, want %d", len(whole)-1, len(whole))},
		"longer":            {append(flipped(), 0), fmt.Sprintf("%d bytes, want %d", len(whole)+1, len(whole))},
		"other weights":     {flipped(everywhere...), `"token_embd.weight": rows `},
	} {
		t.Run(name, func(t *testing.T) {
			if err := os.WriteFile(place, c.data, 0o666); err != nil {
				t.Fatal(err)
			}
			got, remarks := openPacked(t, path)
			if !slices.Equal(got, want) {
				t.Error("other logits")
			}
			if !strings.HasPrefix(remarks, "the packed weights in "+place+" are not used: ") || !strings.Contains(remarks, c.want) ||
				!strings.Contains(remarks, "keeping packed weights in "+place) {
				t.Errorf("remarks %q, want %q and that they are made anew", remarks, c.want)
			}
			if again, _ := os.ReadFile(place); !bytes.Equal(again, whole) {
				t.Error("made anew, the file has other bytes")
			}
		})
	}
}

// A model that is changed in place, or replaced by another of the same size, is
// another one, though the time of its file says otherwise.
func TestPackedOfChangedModel(t *testing.T) {
	if runtime.GOOS != "linux" && runtime.GOOS != "darwin" {
		t.Skip("files here have no time that programs cannot set")
	}
	ownCache(t)
	dir := t.TempDir()
	path, other := filepath.Join(dir, "m.gguf"), filepath.Join(dir, "other.gguf")
	saveWide(t, path, dtype.Q8_0, false, 1)
	saveWide(t, other, dtype.Q8_0, false, 2)
	then := time.Unix(1e9, 0)
	write := func(change func()) {
		t.Helper()
		change()
		if err := os.Chtimes(path, then, then); err != nil {
			t.Fatal(err)
		}
	}
	write(func() {})
	for name, change := range map[string]func(){
		"in place": func() {
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			f, err := os.OpenFile(path, os.O_WRONLY, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			at := len(b) - 2000
			if _, err := f.WriteAt([]byte{b[at] ^ 8}, int64(at)); err != nil {
				t.Fatal(err)
			}
		},
		"replaced": func() {
			if err := os.Rename(other, path); err != nil {
				t.Fatal(err)
			}
		},
	} {
		openPacked(t, path)
		write(change)
		got, remarks := openPacked(t, path)
		if !strings.Contains(remarks, `not used: they are of a model with SHA-256 `) {
			t.Errorf("%s: remarks %q", name, remarks)
		}
		if !slices.Equal(got, packedLogits(t, path)) {
			t.Errorf("%s: other logits", name)
		}
	}
}

// A model that is copied with its packed weights, or touched, is the same one: its
// weights are not packed again, and it is read for that once.
func TestPackedOfCopiedModel(t *testing.T) {
	ownCache(t)
	path, copied := filepath.Join(t.TempDir(), "m.gguf"), filepath.Join(t.TempDir(), "other.gguf")
	saveWide(t, path, dtype.Q4_0, true, 1)
	want, _ := openPacked(t, path)
	for _, ending := range []string{"", ".packed"} {
		if err := disk.CopyFile(path+ending, copied+ending); err != nil {
			t.Fatal(err)
		}
	}
	head := func() []string {
		b, err := os.ReadFile(copied + ".packed")
		if err != nil {
			t.Fatal(err)
		}
		return strings.SplitN(string(b), "\n", 4)
	}
	before := head()
	for range 2 {
		got, remarks := openPacked(t, copied)
		if remarks != "" || !slices.Equal(got, want) {
			t.Errorf("remarks %q, want none, and the same logits", remarks)
		}
	}
	after := head()
	file, err := gguf.Open(copied)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if after[2] != "seen as: "+file.Stamp() || after[2] == before[2] {
		t.Errorf("%q became %q, want how the copy is seen: %q", before[2], after[2], file.Stamp())
	}
	if after[2] = before[2]; !slices.Equal(after, before) {
		t.Error("more has changed than how the model is seen")
	}
	if digest, err := disk.Digest(copied, nil); err != nil || after[1] != "model: "+digest {
		t.Errorf("%q, error %v, want the model's digest %s", after[1], err, digest)
	}
}

// A model with a NaN is refused, and nothing is kept of it.
func TestPackedNotFinite(t *testing.T) {
	ownCache(t)
	meta, tensors := parts(t, dtype.Q8_0)
	x := named(t, tensors, "blk.1.attn_q.weight")
	copy(x.Data[34:], []byte{0x00, 0x7c})
	path := save(t, meta, tensors)
	pool := par.New(1)
	defer pool.Close()
	_, err := model.OpenPacked(path, pool, t.Logf)
	if err == nil || !strings.Contains(err.Error(), "NaN or infinite") || !strings.Contains(err.Error(), path) {
		t.Errorf("got %v, want an error of NaNs", err)
	}
	if _, err := os.Stat(path + ".packed"); err == nil {
		t.Error("its weights are kept")
	}
}

// What cannot be written beside the model goes to the user's cache folder, and is
// found there; what can be written nowhere is remarked, and the model runs.
func TestPackedElsewhere(t *testing.T) {
	cache := ownCache(t)
	file, err := os.Open(func() string {
		path := filepath.Join(t.TempDir(), "m.gguf")
		saveWide(t, path, dtype.Q4_0, true, 1)
		return path
	}())
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	path := fmt.Sprintf("/proc/self/fd/%d", file.Fd()) // nobody makes a file there, root included
	if _, err := os.Stat(path); err != nil {
		t.Skip("no /proc")
	}
	want := packedLogits(t, path)
	first, remarks := openPacked(t, path)
	if !strings.HasPrefix(remarks, "keeping packed weights in "+cache) {
		t.Errorf("remarks %q, want that they are kept in %s", remarks, cache)
	}
	second, remarks := openPacked(t, path)
	if remarks != "" {
		t.Errorf("remarks %q, want none", remarks)
	}
	nowhere := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(nowhere, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	t.Setenv("XDG_CACHE_HOME", nowhere)
	third, remarks := openPacked(t, path)
	if !strings.Contains(remarks, "packed weights are not kept: ") {
		t.Errorf("remarks %q, want that they are not kept", remarks)
	}
	for i, got := range [][]float32{first, second, third} {
		if !slices.Equal(got, want) {
			t.Errorf("opening %d: other logits", i+1)
		}
	}
}

// Several programs that keep a model's weights at once leave one whole file, which
// whoever may not read the model may not read.
func TestPackedAtOnce(t *testing.T) {
	ownCache(t)
	dir := t.TempDir()
	path := filepath.Join(dir, "m.gguf")
	saveWide(t, path, dtype.Q5_1, true, 1)
	if err := os.Chmod(path, 0o400); err != nil {
		t.Fatal(err)
	}
	want := packedLogits(t, path)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			if got, _ := openPacked(t, path); !slices.Equal(got, want) {
				t.Error("other logits")
			}
		})
	}
	all.Wait()
	if _, remarks := openPacked(t, path); remarks != "" {
		t.Errorf("remarks %q, want none", remarks)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 2 {
		t.Errorf("%v, %v; want the model and its packed weights", entries, err)
	}
	if info, err := os.Stat(path + ".packed"); err != nil {
		t.Error(err)
	} else if mode := info.Mode().Perm(); runtime.GOOS != "windows" && mode != 0o600 {
		t.Errorf("mode %v, want that of the model, and writable", mode)
	}
}

// What a killed program left of its file is removed when one is made.
func TestPackedAfterKill(t *testing.T) {
	ownCache(t)
	dir := t.TempDir()
	path := filepath.Join(dir, "m.gguf")
	saveWide(t, path, dtype.Q5_1, true, 1)
	for _, name := range []string{".m.gguf.packed.17.tmp", ".other.gguf.packed.17.tmp"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, remarks := openPacked(t, path); !strings.HasPrefix(remarks, "keeping packed weights") {
		t.Errorf("remarks %q", remarks)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 3 || entries[0].Name() != ".other.gguf.packed.17.tmp" {
		t.Errorf("%v, %v; want another model's file, the model and its packed weights", entries, err)
	}
}

// What has no packed weights, and a folder, is opened as without.
func TestNothingToKeep(t *testing.T) {
	ownCache(t)
	dir := t.TempDir()
	file, folder := filepath.Join(dir, "m.gguf"), filepath.Join(dir, "folder")
	saveOfWidth(t, file, 36, dtype.F16, false, 4) // rows that fill no blocks
	if err := testkit.Model(4).SaveFolder(folder); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{file: "no weights that are packed to be kept", folder: "is a folder"} {
		got, remarks := openPacked(t, path)
		if !strings.Contains(remarks, want) || strings.Count(remarks, "\n") != 1 || !slices.Equal(got, packedLogits(t, path)) {
			t.Errorf("%s: remarks %q, want %q alone, and the same logits", path, remarks, want)
		}
		if _, err := os.Stat(path + ".packed"); err == nil {
			t.Errorf("%s: something is kept", path)
		}
	}
	pool := par.New(1)
	defer pool.Close()
	if _, err := model.OpenPacked(filepath.Join(dir, "none.gguf"), pool, t.Logf); !os.IsNotExist(err) && err == nil {
		t.Errorf("got %v, want that there is no such file", err)
	}
}

// FuzzPacked has any bytes where packed weights are kept: the model opens, and computes.
func FuzzPacked(f *testing.F) {
	ownCache(f)
	path := filepath.Join(f.TempDir(), "m.gguf")
	saveOfWidth(f, path, 32, dtype.Q8_0, true, 1)
	pool := par.New(1)
	defer pool.Close()
	compute := func(t testing.TB) {
		m, err := model.OpenPacked(path, pool, func(string, ...any) {})
		if err != nil {
			t.Fatal(err)
		}
		tape := op.NewTape(pool)
		m.Head(tape, m.Forward(tape, op.One([]int{1, 2, 3}, nil)), []int{2})
		if err := m.Close(); err != nil {
			t.Fatal(err)
		}
	}
	compute(f)
	kept, err := os.ReadFile(path + ".packed")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(kept)
	f.Add(kept[:len(kept)-1])
	f.Add(kept[:100])
	f.Add(bytes.Replace(kept, []byte("seen as: "), []byte("seen as: 1"), 1))
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := os.WriteFile(path+".packed", data, 0o666); err != nil {
			t.Fatal(err)
		}
		compute(t)
	})
}
