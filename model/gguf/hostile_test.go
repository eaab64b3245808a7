package gguf

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"limbeck/tensor"
	"limbeck/tensor/dtype"
)

// No format that is read is among those that errors name as foreign.
func TestForeignIsUnknown(t *testing.T) {
	for id, name := range foreign {
		if known := dtype.ByGGUF(id); known != nil {
			t.Errorf("format %d, %s, is read, as %s", id, name, known)
		}
	}
}

// A raw builds files that no writer would.
type raw struct{ bytes.Buffer }

func (r *raw) u32(v uint32) *raw { r.Write(binary.LittleEndian.AppendUint32(nil, v)); return r }
func (r *raw) u64(v uint64) *raw { r.Write(binary.LittleEndian.AppendUint64(nil, v)); return r }
func (r *raw) str(s string) *raw { r.u64(uint64(len(s))).WriteString(s); return r }

func head(tensors, pairs uint64) *raw {
	r := &raw{}
	r.WriteString("GGUF")
	return r.u32(3).u64(tensors).u64(pairs)
}

func (r *raw) tensor(name string, typ uint32, offset uint64, dims ...uint64) *raw {
	r.str(name).u32(uint32(len(dims)))
	for _, d := range dims {
		r.u64(d)
	}
	return r.u32(typ).u64(offset)
}

// pad fills the header to 512 bytes and adds n bytes of data.
func (r *raw) pad(n int) []byte {
	r.Write(make([]byte, 512-r.Len()+n))
	return r.Bytes()
}

func TestHostileFiles(t *testing.T) {
	for name, tc := range map[string]struct {
		data []byte
		want string
	}{
		"empty":              {nil, "the file is cut short: it has 0 bytes and needs at least 24; fetch it again"},
		"no magic":           {[]byte("GGML1234"), "not a GGUF file"},
		"magic only":         {[]byte("GGUF"), "cut short: it has 4 bytes and needs at least 24; fetch it again"},
		"version 1":          {(&raw{}).head(1), "version 1 is not known; known are: 2, 3"},
		"big endian":         {(&raw{}).head(3 << 24), "big endian"},
		"tensor count":       {head(1<<60, 0).pad(0), "1152921504606846976 tensors: the file is damaged: 18446744073709551615 bytes are to follow byte 16, and it has 512; fetch it again"},
		"pair count":         {head(0, math.MaxUint64).pad(0), "key-values: the file is damaged"},
		"key length":         {head(0, 1).u64(1 << 40).pad(0), "the file is damaged: 1099511627776 bytes are to follow byte 32, and it has 512"},
		"negative length":    {head(0, 1).u64(math.MaxUint64).pad(0), "18446744073709551615 bytes are to follow byte 32"},
		"value type":         {head(0, 1).str("k").u32(13).pad(0), `key "k": type of value 13`},
		"nested array":       {head(0, 1).str("k").u32(9).u32(9).u64(1).pad(0), `key "k": arrays of arrays`},
		"element type":       {head(0, 1).str("k").u32(9).u32(99).u64(1).pad(0), "type of elements 99"},
		"array length":       {head(0, 1).str("k").u32(9).u32(0).u64(1 << 50).pad(0), "array of 1125899906842624 elements: the file is damaged"},
		"array of strings":   {head(0, 1).str("k").u32(9).u32(8).u64(2).str("a").u64(999).pad(0), "cut short: it has 512 bytes and needs at least "},
		"boolean":            {head(0, 1).str("k").u32(7).u32(2).pad(0), "a boolean is 2"},
		"same key":           {head(0, 2).str("k").u32(0).byte(1).str("k").u32(0).byte(1).pad(0), `"k" occurs twice`},
		"alignment type":     {head(0, 1).str(alignmentKey).u32(8).str("x").pad(0), "want a uint32"},
		"alignment zero":     {head(0, 1).str(alignmentKey).u32(4).u32(0).pad(0), "power of two"},
		"alignment odd":      {head(0, 1).str(alignmentKey).u32(4).u32(48).pad(0), "power of two"},
		"alignment huge":     {head(0, 1).str(alignmentKey).u32(4).u32(1 << 31).pad(0), "power of two"},
		"no dimensions":      {head(1, 0).tensor("w", 0, 0).pad(64), "0 dimensions"},
		"five dimensions":    {head(1, 0).tensor("w", 0, 0, 1, 1, 1, 1, 1).pad(64), "5 dimensions"},
		"zero dimension":     {head(1, 0).tensor("w", 0, 0, 4, 0).pad(64), "dimension 2 of 2 is 0, want 1 to 9223372036854775807"},
		"negative dimension": {head(1, 0).tensor("w", 0, 0, math.MaxUint64).pad(64), "dimension 1 of 1 is 18446744073709551615, want 1 to 9223372036854775807"},
		"overflow":           {head(1, 0).tensor("w", 0, 0, 1<<32, 1<<32).pad(64), "too large"},
		"overflow by size":   {head(1, 0).tensor("w", 0, 0, 1<<62).pad(64), "too large"},
		"unknown format":     {head(1, 0).tensor("w", 16, 0, 256).pad(64), `"w": format 16 (iq2_xxs) is not known; known are: bf16, f16, f32, `},
		"repacked":           {head(1, 0).tensor("w", 32, 0, 256).pad(64), `"w": format 32 (q4_0_4_8) is not known, which is q4_0 laid out for one processor: take the model's file in q4_0`},
		"no such format":     {head(1, 0).tensor("w", 4711, 0, 256).pad(64), "format 4711 is not known"},
		"unaligned offset":   {head(1, 0).tensor("w", 0, 4, 4).pad(64), "not a multiple of the alignment"},
		"past the end":       {head(1, 0).tensor("w", 0, 1<<20, 4).pad(64), "cut short: it has 576 bytes and needs at least 1048656; fetch it again"},
		"offset wraps":       {head(1, 0).tensor("w", 0, math.MaxUint64&^31, 16).pad(64), `tensor "w": 64 bytes at offset 18446744073709551584 of the data section, more than any file has: it is damaged; fetch it again`},
		"too large":          {head(1, 0).tensor("w", 0, 0, 1<<20).pad(64), "cut short: it has 576 bytes and needs at least "},
		"same name":          {head(2, 0).tensor("w", 0, 0, 4).tensor("w", 0, 32, 4).pad(64), `two tensors are named "w"`},
		"overlap":            {head(2, 0).tensor("v", 0, 32, 16).tensor("w", 0, 64, 4).pad(96), `"v" and "w" overlap: bytes 32 to 96 and 64 to 80 of the data section`},
		"same place":         {head(2, 0).tensor("w", 0, 0, 4).tensor("v", 0, 0, 4).pad(64), `"v" and "w" overlap: bytes 0 to 16 and 0 to 16 of the data section`},
		"long name":          {head(1, 0).tensor(strings.Repeat("n", 64), 0, 0, 4).pad(64), "name of 64 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := Parse(tc.data, "bad.gguf")
			runtime.ReadMemStats(&after)
			if err == nil || !strings.Contains(err.Error(), tc.want) || !strings.Contains(err.Error(), "bad.gguf") {
				t.Errorf("got %v, want an error with %q", err, tc.want)
			}
			if n := after.TotalAlloc - before.TotalAlloc; n > 1<<20 {
				t.Errorf("%d bytes allocated for a file of %d", n, len(tc.data))
			}
		})
	}
}

func (r *raw) byte(b byte) *raw { r.WriteByte(b); return r }

func (r *raw) head(version uint32) []byte {
	r.WriteString("GGUF")
	return r.u32(version).u64(0).u64(0).Bytes()
}

func TestTruncated(t *testing.T) {
	m, tensors := everything()
	data := encode(t, m, tensors)
	last := len(tensors[1].Data)
	whole := len(data) - padding(last, defaultAlignment) // the final zeros may be absent
	for n := range whole {
		_, err := Parse(data[:n], "cut")
		if err == nil {
			t.Fatalf("%d of %d bytes were accepted", n, len(data))
		}
		var has, needs int
		_, told, _ := strings.Cut(err.Error(), "the file is cut short: ")
		if _, err := fmt.Sscanf(told, "it has %d bytes and needs at least %d; fetch it again", &has, &needs); err != nil || has != n || needs <= n || needs > whole {
			t.Fatalf("%d of %d bytes: %s", n, whole, told)
		}
	}
	if _, err := Parse(data[:whole], "cut"); err != nil {
		t.Error(err)
	}
}

func TestWriteRefuses(t *testing.T) {
	long := strings.Repeat("n", maxName+1)
	bad := &tensor.Tensor{Name: "w", Type: dtype.F32, Shape: []int{2}, Data: make([]byte, 4)}
	ok := tensor.FromF32("w", []float32{1}, 1)
	for want, tc := range map[string]struct {
		key     string
		value   any
		tensors []*tensor.Tensor
	}{
		`key "k": a value of type int`: {"k", 1, nil},
		"power of two":                 {alignmentKey, uint32(3), nil},
		`"w": 4 bytes, want 8`:         {"k", "v", []*tensor.Tensor{bad}},
		"two tensors":                  {"k", "v", []*tensor.Tensor{ok, ok}},
		"name of 64 bytes":             {"k", "v", []*tensor.Tensor{tensor.FromF32(long, []float32{1}, 1)}},
		"0 dimensions":                 {"k", "v", []*tensor.Tensor{{Name: "w", Type: dtype.F32}}},
		"want positive":                {"k", "v", []*tensor.Tensor{{Name: "w", Type: dtype.F32, Shape: []int{0}}}},
		"do not fill blocks of 32":     {"k", "v", []*tensor.Tensor{{Name: "w", Type: q8_0(), Shape: []int{33}}}},
		"writing":                      {"k", struct{}{}, nil},
	} {
		var m Meta
		m.Set(tc.key, tc.value)
		dir := t.TempDir()
		err := Write(filepath.Join(dir, "f"), &m, tc.tensors)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want an error with %q", err, want)
		}
		if entries, _ := os.ReadDir(dir); len(entries) != 0 {
			t.Errorf("left behind: %v", entries)
		}
	}
}

func q8_0() *dtype.Type { return dtype.ByName("q8_0") }

// A full fails after n bytes, as a disk does.
type full struct{ n int }

var errFull = errors.New("no space left")

func (f *full) Write(b []byte) (int, error) {
	if len(b) > f.n {
		return 0, errFull
	}
	f.n -= len(b)
	return len(b), nil
}

func TestDiskFull(t *testing.T) {
	m, tensors := everything()
	size := len(encode(t, m, tensors))
	for n := 0; n < size; n += 13 {
		if err := WriteTo(&full{n}, m, tensors); !errors.Is(err, errFull) {
			t.Fatalf("room for %d of %d bytes: %v", n, size, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	m, tensors := everything()
	data := encode(f, m, tensors)
	f.Add(data)
	f.Add(data[:len(data)/2])
	m.Set(alignmentKey, uint32(64))
	f.Add(encode(f, m, tensors[:1]))
	f.Add(head(2, 0).tensor("v", 0, 32, 16).tensor("w", 0, 64, 4).pad(96))
	if golden, err := os.ReadFile("testdata/golden.gguf"); err == nil {
		f.Add(golden)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := Parse(data, "fuzz")
		if err != nil {
			return
		}
		for _, x := range file.Tensors() {
			x.Decode()
		}
		meta := file.Meta()
		again := encode(t, &meta, file.Tensors())
		file2, err := Parse(again, "again")
		if err != nil {
			t.Fatalf("what was written cannot be read: %v", err)
		}
		meta2 := file2.Meta()
		if !bytes.Equal(encode(t, &meta2, file2.Tensors()), again) {
			t.Error("writing twice gives other bytes")
		}
	})
}
