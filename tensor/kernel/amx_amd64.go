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
// palette 1 (Intel SDM, vol. 1, sect. 18.2): of sums tiles 0 to 3, then two of rows of a,
// and two of b.
type tileShape struct {
	palette, start byte
	_              [14]byte
	rowBytes       [16]uint16
	rows           [16]byte
}

// tilesFor returns the shape of products of so many rows of a by so many columns of b,
// with so many words of 4 bytes along both.
func tilesFor(rows, cols, words int) (s tileShape) {
	s.palette = 1
	for t := range 4 {
		s.rows[t], s.rowBytes[t] = byte(rows), uint16(cols*wordBytes)
	}
	for t := range 2 {
		s.rows[4+t], s.rowBytes[4+t] = byte(rows), uint16(words*wordBytes)
		s.rows[6+t], s.rowBytes[6+t] = byte(words), uint16(cols*wordBytes)
	}
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
			s := tilesFor(i+1, PanelWidth, PairStep)
			s.rowBytes[5], s.rows[7] = uint16(max(1, rest)*wordBytes), byte(max(1, rest))
			all[i][rest] = s
		}
	}
	return all
})

func (s *tileShape) bytes() *[64]byte { return (*[64]byte)(unsafe.Pointer(s)) }
