package generate

import (
	"bytes"
	"unicode/utf8"
)

// A streamer turns the bytes of tokens into text, of which whole characters are
// ready to be sent: it holds back what may be the start of a stop string.
type streamer struct {
	stops []string
	text  []byte
	ready int // bytes of text that nothing to come can change
	sent  int // bytes that take has returned
}

// add takes the bytes of one token and reports whether a stop string ended the
// text.
func (s *streamer) add(piece []byte) (stopped bool) {
	from := len(s.text)
	s.text = append(s.text, piece...)
	end := len(s.text)
	for _, stop := range s.stops {
		if stop == "" {
			continue
		}
		start := max(0, from-len(stop)+1)
		if i := bytes.Index(s.text[start:], []byte(stop)); i >= 0 && start+i <= end {
			end, stopped = start+i, true
		}
	}
	s.text = s.text[:end]
	if stopped {
		return true
	}
	s.ready = max(s.ready, end-max(s.held(), partial(s.text)))
	return false
}

// held returns how many bytes at the end may begin a stop string.
func (s *streamer) held() int {
	most := 0
	for _, stop := range s.stops {
		for n := min(len(stop)-1, len(s.text)); n > most; n-- {
			if bytes.HasSuffix(s.text, []byte(stop[:n])) {
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
func (s *streamer) close() { s.ready = len(s.text) }

// take returns the text that got ready since its last call.
func (s *streamer) take() string {
	text := string(s.text[s.sent:s.ready])
	s.sent = s.ready
	return text
}
