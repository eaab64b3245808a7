//go:build !purego

package kernel

//go:generate sh -c "cd gen && go run ./pack -out ../pack_amd64.s -stubs ../pack_stubs_amd64.go -pkg kernel"

// packHeadsAVX2 reports false if there is no assembly for the format's heads.
func (f *x16) packHeadsAVX2(group, rows []byte, width int) bool {
	blocks := width / f.fileBlock()
	if blocks == 0 || f.exponents || f.bits == 5 {
		return false
	}
	_ = rows[:GroupRows*width]
	for at := 0; at < f.quanta()/GroupRows; at += 2 { // scales, then mins
		packHalvesAVX2(&group[GroupRows*at], &rows[at], width, f.block(), f.fileBlock(), blocks)
	}
	return true
}

// packQuantaAVX2 takes four rows at a time.
func (f *x16) packQuantaAVX2(group, rows []byte, width, n int) int {
	const step = 4
	blocks := width / f.fileBlock()
	if blocks == 0 {
		return 0
	}
	pack := packNibblesAVX2
	if f.bits == 8 {
		pack = packBytesAVX2
	}
	r := 0
	for ; r+step <= n; r += step {
		from := rows[r*width : (r+step)*width]
		pack(&group[f.quanta()+4*r], &from[f.quanta()/GroupRows], width, f.block(), f.fileBlock(), blocks)
	}
	return r
}
