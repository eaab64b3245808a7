package disk

import (
	"io"
	"os"
)

const (
	// writeBuffer is large enough that the cost of a system call vanishes, and no
	// larger: Linux 6.18 takes three times as long for the bytes of calls that
	// write half a megabyte or more.
	writeBuffer = 256 << 10

	// behindBuffers is how far writing may be behind: far enough that a disk that
	// pauses, or a caller that brings much at once, makes nobody wait.
	behindBuffers = 16
)

// A behind is a buffered writer whose caller need not wait for what it writes
// to: full buffers are written by a goroutine, in order, while the caller fills
// others. What fits one buffer takes no goroutine. After an error nothing more is
// written, and all calls return it.
type behind struct {
	to  io.Writer
	buf []byte // being filled
	err error  // the first one

	full    chan []byte  // to the goroutine; nil before it is started
	written chan written // back from it
	out     int          // buffers that were given to it and not taken back
}

// A written buffer may be filled again.
type written struct {
	buf []byte
	err error // of writing it, or an earlier one
}

// Write implements [io.Writer].
func (b *behind) Write(p []byte) (n int, err error) {
	for n < len(p) {
		room, err := b.room()
		if err != nil {
			return n, err
		}
		n += b.filled(copy(room, p[n:]))
	}
	return n, nil
}

// ReadFrom implements [io.ReaderFrom]: r reads straight into the buffers.
func (b *behind) ReadFrom(r io.Reader) (n int64, err error) {
	for {
		room, err := b.room()
		if err != nil {
			return n, err
		}
		k, err := r.Read(room)
		n += int64(b.filled(k))
		if err == io.EOF {
			return n, nil
		}
		if err != nil {
			return n, err
		}
	}
}

// room returns the part of the buffer that is not filled yet, a byte at least.
func (b *behind) room() ([]byte, error) {
	if b.err != nil {
		return nil, b.err
	}
	if b.buf != nil && len(b.buf) == cap(b.buf) {
		b.give()
	}
	if b.buf == nil {
		if b.out < behindBuffers {
			b.buf = make([]byte, 0, writeBuffer)
		} else {
			b.buf = b.take()
		}
	}
	return b.buf[len(b.buf):cap(b.buf)], b.err
}

func (b *behind) filled(n int) int {
	b.buf = b.buf[:len(b.buf)+n]
	return n
}

// give hands the buffer to the goroutine. Neither side ever waits to send: the
// channels hold all buffers that there are.
func (b *behind) give() {
	if b.full == nil {
		b.full, b.written = make(chan []byte, behindBuffers), make(chan written, behindBuffers)
		go writeBehind(b.to, b.full, b.written)
	}
	b.full <- b.buf
	b.buf = nil
	b.out++
}

// take waits for the goroutine to hand a buffer back.
func (b *behind) take() []byte {
	w := <-b.written
	b.out--
	b.err = w.err
	return w.buf[:0]
}

func writeBehind(to io.Writer, full <-chan []byte, done chan<- written) {
	var failed error
	for buf := range full {
		if failed == nil {
			_, failed = to.Write(buf)
		}
		done <- written{buf, failed}
	}
}

// Flush writes what is buffered and returns when all is written.
func (b *behind) Flush() error {
	if b.err != nil {
		return b.err
	}
	if b.full == nil { // one buffer at most
		_, b.err = b.to.Write(b.buf)
		b.buf = b.buf[:0]
		return b.err
	}
	if len(b.buf) > 0 {
		b.give()
	}
	for b.out > 0 {
		b.buf = b.take()
	}
	return b.err
}

// end waits for the goroutine to write what it was given, and ends it. What was
// not flushed is lost, and writing fails from then on.
func (b *behind) end() {
	if b.full != nil {
		close(b.full)
		b.full = nil
		for b.out > 0 {
			b.take()
		}
	}
	b.buf = nil
	if b.err == nil {
		b.err = os.ErrClosed
	}
}

// copyAhead is [io.Copy] that reads ahead: while dst takes one piece, the next ones
// are read.
func copyAhead(dst io.Writer, src io.Reader) (int64, error) {
	b := &behind{to: dst}
	defer b.end()
	n, err := b.ReadFrom(src)
	if flushed := b.Flush(); err == nil {
		err = flushed
	}
	return n, err
}
