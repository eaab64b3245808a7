package generate

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// A streamer turns the bytes of tokens into text, of which whole characters are
// ready to be sent: it holds back what may be the start of a stop string. A text that
// outgrows its memory takes more for a share of what there is, and so ever more rarely:
// of n bytes, O(log n) times.
type streamer struct {
	stops []string
	text  strings.Builder // ready: nothing to come can change it
	sent  int             // bytes of text that take has returned
	rest  []byte          // after text; a stop string may cut it, or a character be unfinished
}

// grow makes room for so many bytes of text, and for what is held back of it.
func (s *streamer) grow(n int) {
	const piece = 64 // bytes of a long token
	longest := 0
	for _, stop := range s.stops {
		longest = max(longest, len(stop))
	}
	s.text.Grow(n)
	s.rest = make([]byte, 0, longest+piece)
}

// add takes the bytes of one token and reports whether a stop string ended the
// text.
func (s *streamer) add(piece []byte) (stopped bool) {
	from := len(s.rest)
	s.rest = append(s.rest, piece...)
	end := len(s.rest)
	for _, stop := range s.stops { // one that began in text would be held back
		at := max(0, from-len(stop)+1)
		// With bytes.Index, stop would have to be copied.
		for ; stop != "" && at < end && at+len(stop) <= len(s.rest); at++ {
			if string(s.rest[at:at+len(stop)]) == stop {
				end, stopped = at, true
			}
		}
	}
	s.rest = s.rest[:end]
	if !stopped {
		s.release(end - max(s.held(), partial(s.rest)))
	}
	return stopped
}

// release makes n bytes of what is held back ready.
func (s *streamer) release(n int) {
	s.text.Write(s.rest[:n])
	s.rest = s.rest[:copy(s.rest, s.rest[n:])]
}

// held returns how many bytes at the end may begin a stop string.
func (s *streamer) held() int {
	most := 0
	for _, stop := range s.stops {
		for n := min(len(stop)-1, len(s.rest)); n > most; n-- {
			if bytes.HasSuffix(s.rest, []byte(stop[:n])) {
				most = n
				break
			}
		}
	}
	return most
}

// partial returns the length of an unfinished character at the end of b.
func partial(b []byte) int {
	for n := 1; n <= min(utf8.UTFMax-1, len(b)); n++ {
		if c := b[len(b)-n]; utf8.RuneStart(c) {
			if c >= utf8.RuneSelf && !utf8.FullRune(b[len(b)-n:]) {
				return n
			}
			return 0
		}
	}
	return 0
}

// close makes all text ready: nothing is to come.
func (s *streamer) close() { s.release(len(s.rest)) }

// take returns the text that got ready since its last call: a part of the whole
// text's memory, to which later text is only appended.
func (s *streamer) take() string {
	text := s.text.String()[s.sent:]
	s.sent = s.text.Len()
	return text
}
