package model

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"limbeck/internal/disk"
	"limbeck/internal/par"
	"limbeck/model/gguf"
	"limbeck/nn/op"
	"limbeck/tensor"
)

// OpenPacked is [Open] for inference alone, and sooner: the packed weights of a
// GGUF file are kept in a file of their own, FILE.gguf.packed, or, where that cannot
// be made, in the user's cache folder. It is mapped, and its weights are neither
// packed nor looked through for NaNs again. If there is no valid file, the model is
// packed as usual and a new file is written, whole or not at all. remark is told so,
// and why an old file was rejected. What lies in a folder is only opened.
// [Model.Pack] lays out the weights that no file keeps.
//
// The file begins with what it was made of:
//
//	limbeck packed weights 2
//	model: size, times, number of the model's file; see [gguf.File.Stamp]
//	tensors: SHA-256 of its table of tensors
//	layouts: the names of the formats' layouts
//	packed: bytes of weights
//
// then zeros up to a multiple of 4096 bytes, and the weights as [op.PackAll] lays
// them out: in the same bytes on all processors that take the same layouts. Nothing
// of it is parsed: it holds good if it is, to the byte, what this program would write
// for this model now, and as long. Of every weight one group of rows, another each
// time, is also packed anew and compared. Reading all of it would take as long as
// packing does, so the others are not looked at: a disk that corrupts them stays undetected, as it
// does in a model's file, and who may write to the model's folder is trusted with
// its weights. Where the system has no time of changes that programs cannot set, a
// model that is replaced by one with as large a file, written at the same
// nanosecond, with the same table, is told by these groups alone.
func OpenPacked(path string, pool *par.Pool, remark func(format string, args ...any)) (*Model, error) {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		remark("%s is a folder: packed weights are kept of GGUF files alone", path)
		return Open(path)
	}
	m, err := OpenUnchecked(path)
	if err != nil {
		return nil, err
	}
	f := m.file.(*gguf.File) // what is no folder is one
	k := newKept(m, f)
	if k.size == 0 {
		remark("%s has no weights that are packed to be kept", path)
	} else if k.use(remark) {
		if err := checkFinite(unpacked(m)); err != nil {
			return nil, errors.Join(fmt.Errorf("%s: %w", path, err), m.Close())
		}
		return m, nil
	}
	if err := checkFinite(m.tensors()); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, err), m.Close())
	}
	packed := op.PackAll(m.Weights(), pool, f.Release)
	if k.size > 0 {
		k.keep(packed, remark)
	}
	return m, nil
}

// unpacked returns the tensors of m's weights that are not packed.
func unpacked(m *Model) []*tensor.Tensor {
	var all []*tensor.Tensor
	for _, w := range m.Weights() {
		if w.Fast() == nil {
			all = append(all, w.Tensor())
		}
	}
	return all
}

// kept is what the file of a model's packed weights has to be.
type kept struct {
	m      *Model
	f      *gguf.File
	head   []byte
	size   int // of the weights
	places []string
}

// keptVersion changes whenever the head or a layout gives other bytes than it did.
const keptVersion = 2

// keptAlign is where weights may begin: a page, so that they are aligned once
// mapped.
const keptAlign = 4096

func newKept(m *Model, f *gguf.File) *kept {
	var layouts []string
	for _, w := range m.Weights() {
		if l := w.Fast(); l != nil {
			layouts = append(layouts, l.Name)
		}
	}
	slices.Sort(layouts)
	k := &kept{m: m, f: f, size: op.PackedBytes(m.Weights()), places: keptPlaces(m.path)}
	k.head = fmt.Appendf(nil, "limbeck packed weights %d\nmodel: %s\ntensors: %x\nlayouts: %s\npacked: %d bytes\n",
		keptVersion, f.Stamp(), sha256.Sum256(f.Table()), strings.Join(slices.Compact(layouts), " "), k.size)
	k.head = append(k.head, make([]byte, -len(k.head)&(keptAlign-1))...)
	return k
}

// keptPlaces lists where a model's packed weights may be: beside it, or in the
// user's cache folder under a digest of its path.
func keptPlaces(path string) []string {
	const ending = ".packed"
	places := []string{path + ending}
	cache, err := os.UserCacheDir()
	if err != nil {
		return places
	}
	whole, err := filepath.Abs(path)
	if err != nil {
		return places
	}
	digest := sha256.Sum256([]byte(whole))
	return append(places, filepath.Join(cache, "limbeck", "packed", fmt.Sprintf("%s.%x%s", filepath.Base(path), digest[:8], ending)))
}

// use gives the model the first kept weights that hold good, and reports whether
// there were any.
func (k *kept) use(remark func(string, ...any)) bool {
	for _, place := range k.places {
		switch err := k.useFile(place); {
		case err == nil:
			return true
		case !errors.Is(err, fs.ErrNotExist):
			remark("the packed weights in %s are not used: %v", place, err)
		}
	}
	return false
}

func (k *kept) useFile(place string) error {
	mapped, err := disk.Map(place)
	if err != nil {
		return err
	}
	if err = k.check(mapped.Data); err == nil {
		err = op.SetPacked(mapped.Data[len(k.head):], k.m.Weights(), k.f.Release)
	}
	if err != nil {
		return errors.Join(err, mapped.Close())
	}
	k.m.file = withKept{k.f, mapped}
	return nil
}

// check returns an error that says where data differs from what it has to be,
// its weights apart.
func (k *kept) check(data []byte) error {
	got, want := data[:min(len(data), len(k.head))], k.head
	if bytes.Equal(got, want) {
		if len(data) != len(want)+k.size {
			return fmt.Errorf("%d bytes, want %d", len(data), len(want)+k.size)
		}
		return nil
	}
	at := 0
	for at < len(got) && got[at] == want[at] {
		at++
	}
	feed := []byte("\n")
	start := bytes.LastIndex(want[:at], feed) + 1
	return fmt.Errorf("line %d is %.200q, want %.200q", bytes.Count(want[:at], feed)+1,
		bytes.SplitAfterN(got[start:], feed, 2)[0], bytes.SplitAfterN(want[start:], feed, 2)[0])
}

// keep writes packed weights to the first place that takes them.
func (k *kept) keep(packed [][]byte, remark func(string, ...any)) {
	place, file, err := k.create()
	if err == nil {
		defer file.Discard()
		remark("keeping packed weights in %s: %.0f MB, once", place, float64(k.size)/1e6)
		err = k.write(file, packed)
	}
	if err != nil {
		remark("packed weights are not kept: %v", err)
	}
}

// create starts the file in the first place where one can be made, and removes what
// killed processes left of theirs.
func (k *kept) create() (place string, file *disk.Pending, err error) {
	var all []error
	for i, place := range k.places {
		if i > 0 { // the folder is ours
			if err = os.MkdirAll(filepath.Dir(place), 0o700); err != nil {
				return "", nil, errors.Join(append(all, err)...)
			}
		}
		ours := func(name string) bool { return name == filepath.Base(place) }
		_ = disk.Sweep(filepath.Dir(place), ours) // what cannot go stays
		if file, err = disk.Create(place); err == nil {
			return place, file, nil
		}
		all = append(all, err)
	}
	return "", nil, errors.Join(all...)
}

// write fills the file. Where not everybody may read the model, only the one who
// makes the file may read its weights: its group can be another. They are written
// in large parts: the system then caches them so, and they are mapped in a fraction
// of the time.
func (k *kept) write(file *disk.Pending, packed [][]byte) error {
	info, err := os.Stat(k.m.path)
	if err != nil {
		return err
	}
	mode, everybody := fs.FileMode(0o600), fs.FileMode(0o004)
	if info.Mode()&everybody != 0 {
		mode = 0o644
	}
	if err := file.Chmod(mode); err != nil {
		return err
	}
	for _, part := range append([][]byte{k.head}, packed...) {
		if _, err := file.Write(part); err != nil {
			return err
		}
	}
	return file.Commit()
}

// withKept is a model's file and that of its packed weights.
type withKept struct {
	*gguf.File
	kept *disk.Mapping
}

func (f withKept) Close() error { return errors.Join(f.kept.Close(), f.File.Close()) }
