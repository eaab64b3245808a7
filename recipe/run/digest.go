package run

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"limbeck/internal/disk"
)

// A digester returns files' SHA-256. It remembers those of files whose path,
// size, time of change and inode have stayed the same.
type digester struct {
	root  string // the run's folder, so that it can be moved
	known map[string]known
	dirty bool
	fresh bool // forget what is known: read every byte
}

type known struct {
	Size   int64  `json:"size"`
	Time   int64  `json:"mtime"` // nanoseconds
	Inode  uint64 `json:"inode"`
	Digest string `json:"sha256"`
}

// stateOf returns what tells a file from what it was, without its digest.
func stateOf(info fs.FileInfo) known {
	return known{Size: info.Size(), Time: info.ModTime().UnixNano(), Inode: disk.Inode(info)}
}

// settled is how old a file must be before its digest is remembered: one that
// changes again within the clock's granularity would look unchanged.
const settled = 2 * time.Second

const digestsFile = "digests.json"

func newDigester(root string) *digester {
	d := &digester{root: root, known: map[string]known{}}
	text, err := os.ReadFile(filepath.Join(root, digestsFile))
	if err == nil && json.Unmarshal(text, &d.known) != nil {
		d.known = map[string]known{} // it is a cache
	}
	return d
}

// save writes what is known. Failing costs time, nothing else.
func (d *digester) save() {
	if !d.dirty {
		return
	}
	text, err := json.MarshalIndent(d.known, "", " ")
	if err != nil {
		return
	}
	if writeFile(filepath.Join(d.root, digestsFile), text) == nil {
		d.dirty = false
	}
}

// path returns the digest of a file or a folder.
func (d *digester) path(path string) (string, error) { return disk.Digest(path, d.file) }

// file returns the digest of one file.
func (d *digester) file(path string) (string, error) {
	f, info, err := disk.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	name, now := d.name(path), stateOf(info)
	if k, ok := d.known[name]; ok && !d.fresh && k.Size == now.Size && k.Time == now.Time && k.Inode == now.Inode {
		return k.Digest, nil
	}
	start := time.Now()
	if now.Digest, err = disk.DigestOf(f); err != nil {
		return "", err
	}
	if start.Sub(info.ModTime()) > settled {
		d.known[name], d.dirty = now, true
	}
	return now.Digest, nil
}

// name is how the cache calls a file.
func (d *digester) name(path string) string {
	abs, err := filepath.Abs(path)
	if err != nil {
		return path
	}
	root, err := filepath.Abs(d.root)
	if err != nil {
		return abs
	}
	if rel, err := filepath.Rel(root, abs); err == nil && filepath.IsLocal(rel) {
		return filepath.ToSlash(rel)
	}
	return abs
}

func writeFile(path string, text []byte) error {
	return disk.WriteBytes(path, append(text, '\n'))
}
