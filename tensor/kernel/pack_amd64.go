//go:build !purego

package kernel

import "slices"

//go:generate sh -c "cd gen && go run ./pack -out ../pack_amd64.s -stubs ../pack_stubs_amd64.go -pkg kernel"

// packHeadsAVX2 reports false if there is no assembly for the format's heads.
func (f *x16) packHeadsAVX2(group, rows []byte, width int) bool {
	blocks := width / f.fileBlock()
	if blocks == 0 || f.exponents {
		return false
	}
	_ = rows[:GroupRows*width]
	at := 0
	for ; at < f.fifths()/GroupRows; at += 2 { // scales, then mins
		packHalvesAVX2(&group[GroupRows*at], &rows[at], width, f.block(), f.fileBlock(), blocks)
	}
	if f.bits == 5 {
		packFifthsAVX2(&group[GroupRows*at], &rows[at], width, f.block(), f.fileBlock(), blocks)
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

// packAVX2 reports false if there is no assembly for words that the format makes.
func (f *k16) packAVX2(group, rows []byte, width int) bool {
	blocks := width / f.file
	if blocks == 0 || f.make != nil && f.asm.makes == nil {
		return false
	}
	rows = rows[:GroupRows*width]
	packWordsAVX2(&group[0], &rows[0], width, f.block(), f.file, blocks, (*[3]int)(&f.fours[0]), len(f.fours))
	for i, from := range f.halves {
		packHalvesAVX2(&group[2*GroupRows*i], &rows[from], width, f.block(), f.file, blocks)
	}
	if f.make != nil {
		first := &group[f.wordsAt()+64*slices.Index(f.words, made)]
		f.asm.makes(first, &rows[f.raw], width, f.block(), f.file, blocks)
	}
	return true
}
