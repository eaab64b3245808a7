//go:build !purego

package kernel

import "unsafe"

//go:generate sh -c "cd gen && go run ./x16amx -out ../x16_amx_amd64.s -stubs ../x16_amx_stubs_amd64.go -pkg kernel"

// A crowdTile multiplies any number of activation rows by groups, 256 columns of a group
// after the other: it unpacks them once for all rows. Strides are in bytes. Of a group it
// writes the outputs whose bit is set in lanes: all, where there are several groups.
type crowdTile func(y *float32, ldy int, x *byte, ldx int, w *byte, blocks, groups, rows int, lanes uint16)

const (
	// crowdFrom is how many activation rows a crowdTile multiplies faster than other tiles:
	// on a Xeon with AMX, 8 rows of q4_0 are multiplied as fast by VNNI, 10 a tenth slower.
	crowdFrom = 10

	// crowdBytes of activations stay in the second cache, of 2 MB in all processors with
	// AMX, while weights pass by.
	crowdBytes = 1 << 20
)

// crowd computes p where whole groups end at one.
func (p *product) crowd(tile crowdTile, whole int) {
	p.crowdGroups(tile, p.lo, whole, ^uint16(0))
	p.crowdGroups(tile, whole, p.hi, 1<<(p.rows%GroupRows)-1)
}

// crowdGroups computes the groups from lo to hi, with rows enough in each call to make up
// for unpacking.
func (p *product) crowdGroups(tile crowdTile, lo, hi int, lanes uint16) {
	if lo == hi {
		return
	}
	calls := (p.n*p.ldx*wordBytes + crowdBytes - 1) / crowdBytes
	for c := range calls {
		i, end := p.n*c/calls, p.n*(c+1)/calls
		y, x := &p.y[i*p.ldy+lo*GroupRows], (*byte)(unsafe.Pointer(&p.x[i*p.ldx]))
		tile(y, p.ldy*wordBytes, x, p.ldx*wordBytes, &p.w[lo*p.group], p.blocks, hi-lo, end-i, lanes)
	}
}
