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
//	limbeck packed weights 3
//	model: SHA-256 of the model's file
//	seen as: size, times, number of that file; see [gguf.File.Stamp]
//	tensors: SHA-256 of its table of tensors
//	layouts: the names of the formats' layouts
//	packed: bytes of weights
//
// then zeros up to a multiple of 4096 bytes, and the weights as [op.PackAll] lays
// them out: in the same bytes on all processors that take the same layouts. It holds
// good if it is as long as, and to the byte, what this program would write for this
// model now. To read the model for its digest would take longer than packing does: a
// file that is as it was seen is taken to hold what it held. One that is seen
// otherwise, as after a copy or an unpacked archive, is read, once: if it has the
// digest, the line of how it was seen is written anew.
//
// Of every weight one group of rows, another each time, is also packed anew and
// compared. The others are not looked at: a disk that corrupts them stays undetected,
// as it does in a model's file, and who may write to the model's folder is trusted
// with its weights. Where the system has no time of changes that programs cannot set,
// a model that is replaced by one with as large a file, written at the same
// nanosecond, with the same table, is told by these groups alone.
func OpenPacked(path string, pool *par.Pool, remark func(format string, args ...any)) (*Model, error) {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		remark("%s is a folder: packed weights are kept of GGUF files alone", path)
		return Open(path)
	}
	var k *kept
	used := false
	m, err := open(path, func(m *Model) error {
		k = newKept(m, m.file.(*gguf.File)) // what is no folder is one
		if k.size == 0 {
			remark("%s has no weights that are packed to be kept", path)
		} else if used = k.use(remark); used {
			return finite(unpacked(m))
		}
		return m.checkFinite()
	})
	if err != nil || used {
		return m, err
	}
	packed := op.PackAll(m.Weights(), pool, k.f.Release)
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
	parts  string // the lines of the head that follow from the model's shape and formats
	size   int    // of the weights
	places []string
	digest string // of the model's file, once it is asked for
}

// keptVersion changes whenever the head or a layout gives other bytes than it did.
const keptVersion = 3

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
	size := op.PackedBytes(m.Weights())
	parts := fmt.Sprintf("tensors: %x\nlayouts: %s\npacked: %d bytes\n",
		sha256.Sum256(f.Table()), strings.Join(slices.Compact(layouts), " "), size)
	return &kept{m: m, f: f, parts: parts, size: size, places: keptPlaces(m.path)}
}

// model returns the SHA-256 of the model's file, for which all of it is read, once.
func (k *kept) model() string {
	if k.digest == "" {
		k.digest = k.f.Digest()
	}
	return k.digest
}

// head returns what a file begins with, of a model of that digest, seen as stamp.
func (k *kept) head(digest, stamp string) []byte {
	head := fmt.Appendf(nil, "limbeck packed weights %d\nmodel: %s\nseen as: %s\n%s", keptVersion, digest, stamp, k.parts)
	return append(head, make([]byte, -len(head)&(keptAlign-1))...)
}

// written returns the digest and the stamp that data's head tells, whatever they are.
func written(data []byte) (digest, stamp string) {
	var lines [3]string
	rest := data[:min(len(data), keptAlign)]
	for i := range lines {
		var line []byte
		line, rest, _ = bytes.Cut(rest, []byte("\n"))
		lines[i] = string(line)
	}
	digest, stamp = strings.TrimPrefix(lines[1], "model: "), strings.TrimPrefix(lines[2], "seen as: ")
	return digest, stamp
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
	digest, seen := written(mapped.Data)
	head := k.head(digest, seen)
	if err = check(mapped.Data, head, k.size); err == nil && seen != k.f.Stamp() {
		err = k.recognize(place, digest)
	}
	if err == nil {
		err = op.SetPacked(mapped.Data[len(head):], k.m.Weights(), k.f.Release)
	}
	if err != nil {
		return errors.Join(err, mapped.Close())
	}
	k.m.file = withKept{k.f, mapped}
	return nil
}

// recognize reads the model, which is seen otherwise than when place was written, and
// has place say how it is seen now if it is the model of that digest. That is one page,
// written in place: who meets it half-written finds no head of this model, or one that was
// seen otherwise.
func (k *kept) recognize(place, digest string) error {
	// Before the model is read: if that cannot last, packing is sooner.
	file, err := os.OpenFile(place, os.O_WRONLY, 0)
	if err != nil {
		return fmt.Errorf("the model's file was copied or touched, which cannot be noted: %w", err)
	}
	defer file.Close()
	if now := k.model(); now != digest {
		return fmt.Errorf("they are of a model with SHA-256 %.100s, this one has %s", digest, now)
	}
	_, err = file.WriteAt(k.head(digest, k.f.Stamp()), 0)
	return err
}

// check returns an error that says where data differs from a file with that head and
// size bytes of weights, the weights apart.
func check(data, want []byte, size int) error {
	got := data[:min(len(data), len(want))]
	if bytes.Equal(got, want) {
		if len(data) != len(want)+size {
			return fmt.Errorf("%d bytes, want %d", len(data), len(want)+size)
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
	for _, part := range append([][]byte{k.head(k.model(), k.f.Stamp())}, packed...) {
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
