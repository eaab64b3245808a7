package disk

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"testing/iotest"
)

// noise returns n bytes of which no part is like another.
func noise(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{}).Read(b)
	return b
}

// What is written and read from in pieces of all sizes arrives in order, in the
// file and beside it; more than the buffers hold, and flushed in between.
func TestBehind(t *testing.T) {
	want := noise((2*behindBuffers + 3) * writeBuffer)
	for _, piece := range []int{1000, writeBuffer - 1, writeBuffer, 3*writeBuffer + 1, len(want)} {
		path := filepath.Join(t.TempDir(), "f")
		p, err := Create(path)
		if err != nil {
			t.Fatal(err)
		}
		defer p.Discard()
		sum := sha256.New()
		p.Tee(sum)
		for left, i := want, 0; len(left) > 0; i++ {
			n := min(piece, len(left))
			if i%2 == 0 {
				if k, err := p.Write(left[:n]); k != n || err != nil {
					t.Fatal(k, err)
				}
			} else if k, err := p.ReadFrom(iotest.HalfReader(bytes.NewReader(left[:n]))); k != int64(n) || err != nil {
				t.Fatal(k, err)
			}
			if left = left[n:]; i == 5 {
				if err := p.Flush(); err != nil {
					t.Fatal(err)
				}
				if info, err := os.Stat(p.file.Name()); err != nil || info.Size() != int64(len(want)-len(left)) {
					t.Errorf("flushed %d bytes, and the file has %d", len(want)-len(left), info.Size())
				}
			}
		}
		if err := p.Commit(); err != nil {
			t.Fatal(err)
		}
		if _, err := p.Write([]byte{1}); err == nil {
			t.Error("a committed file was written to")
		}
		got, err := os.ReadFile(path)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("pieces of %d: the file differs, %v", piece, err)
		}
		if s := sha256.Sum256(want); !bytes.Equal(sum.Sum(nil), s[:]) {
			t.Errorf("pieces of %d: what came beside the file differs", piece)
		}
	}
}

// A breaking writer fails after n writes.
type breaking struct {
	bytes.Buffer
	n int
}

var errBroken = errors.New("broken")

func (b *breaking) Write(p []byte) (int, error) {
	if b.n--; b.n < 0 {
		return 0, errBroken
	}
	return b.Buffer.Write(p)
}

// An error of what is written to reaches the caller, and stays.
func TestBehindFails(t *testing.T) {
	for _, n := range []int{0, 1, behindBuffers, behindBuffers + 2} {
		for _, size := range []int{10, writeBuffer, 2 * (behindBuffers + 2) * writeBuffer} {
			to := &breaking{n: n}
			b := &behind{to: to}
			_, err := b.Write(noise(size))
			if err == nil {
				err = b.Flush()
			}
			if buffers := (size + writeBuffer - 1) / writeBuffer; buffers <= n {
				if err != nil {
					t.Errorf("%d bytes, %d writes: %v", size, n, err)
				}
			} else if err != errBroken || b.Flush() != errBroken || to.Len() != n*writeBuffer {
				t.Errorf("%d bytes, %d writes: got %v, %v, and %d bytes", size, n, err, b.Flush(), to.Len())
			}
			b.end()
			if _, err := b.Write([]byte{1}); err == nil {
				t.Error("written to after its end")
			}
			b.end()
		}
	}
}

func TestCopyAhead(t *testing.T) {
	for _, size := range []int{0, 1, writeBuffer, 20*writeBuffer + 7} {
		want := noise(size)
		var got bytes.Buffer
		if n, err := copyAhead(&got, bytes.NewReader(want)); n != int64(size) || err != nil || !bytes.Equal(got.Bytes(), want) {
			t.Errorf("%d bytes: %d, %v, the same: %v", size, n, err, bytes.Equal(got.Bytes(), want))
		}
	}
	if _, err := copyAhead(io.Discard, iotest.ErrReader(errBroken)); err != errBroken {
		t.Errorf("got %v, want the reader's error", err)
	}
	if _, err := copyAhead(&breaking{n: 2}, bytes.NewReader(noise(30*writeBuffer))); err != errBroken {
		t.Errorf("got %v, want the writer's error", err)
	}
}
