//go:build !purego

package kernel

import (
	"sync"
	"unsafe"
)

// tilesPermitted reports whether the system lets this process use the tiles of AMX.
var tilesPermitted = sync.OnceValue(permitTiles)

// tileRows is the number of rows of a tile of AMX, each of 64 bytes.
const tileRows = 16

// A tileShape gives the tiles' rows and the bytes of each, as LDTILECFG wants them in
// palette 1 (Intel SDM, vol. 1, sect. 18.2): sums are tiles 0 to 3, those of the first
// rows before those of the second, then come two of rows of a, and two of b.
type tileShape struct {
	palette, start byte
	_              [14]byte
	rowBytes       [16]uint16
	rows           [16]byte
}

// tilesFor returns the shape of products of so many rows of a, at most 32, by so many
// columns of b a tile, with so many words of a row of a, 4 bytes each.
func tilesFor(rows, cols, words int) (s tileShape) {
	s.palette = 1
	upper, lower := byte(min(rows, tileRows)), byte(max(1, rows-tileRows))
	for t, n := range [8]byte{upper, upper, lower, lower, upper, lower, byte(words), byte(words)} {
		s.rows[t], s.rowBytes[t] = n, uint16(cols*wordBytes)
	}
	s.rowBytes[4], s.rowBytes[5] = uint16(words*wordBytes), uint16(words*wordBytes)
	return s
}

// stripShapes are those of products of few rows of a, less one, with up to four strips,
// whose sums are tiles 0 to 3: in tiles 4 and 6, whole steps of a and b, in 5 and 7 the
// pairs that are left. They are made beforehand: what was just written would hold
// LDTILECFG up.
var stripShapes = sync.OnceValue(func() *[tileRows][PairStep]tileShape {
	all := new([tileRows][PairStep]tileShape)
	for i := range all {
		for rest := range all[i] {
			s := &all[i][rest]
			*s = tilesFor(i+1, PanelWidth, PairStep)
			for t := range 6 {
				s.rows[t] = byte(i + 1)
			}
			s.rowBytes[5], s.rows[7] = uint16(max(1, rest)*wordBytes), byte(max(1, rest))
		}
	}
	return all
})

func (s *tileShape) bytes() *[64]byte { return (*[64]byte)(unsafe.Pointer(s)) }
