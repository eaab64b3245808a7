//go:build !purego

package kernel

//go:generate sh -c "cd gen && go run ./pack -out ../pack_amd64.s -stubs ../pack_stubs_amd64.go -pkg kernel"

// packHeadsFast is packHeads of all 16 rows of a group. It reports false if there
// is no assembly for the format's heads.
func (f *x16) packHeadsFast(group, rows []byte, width int) bool {
	blocks := width / f.fileBlock()
	if current < tierAVX2 || blocks == 0 || f.exponents {
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

// packQuantaFast is packQuanta of as many of the n rows as assembly takes. It
// returns how many that are.
func (f *x16) packQuantaFast(group, rows []byte, width, n int) int {
	const step = 4
	blocks := width / f.fileBlock()
	if current < tierAVX2 || blocks == 0 {
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

// packFast packs all 16 rows of a group, which are width bytes apart. It reports
// false if there is no assembly for it.
func (f *k16) packFast(group, rows []byte, width int) bool {
	blocks := width / f.file
	if current < tierAVX2 || blocks == 0 {
		return false
	}
	rows = rows[:GroupRows*width]
	packWordsAVX2(&group[0], &rows[0], width, f.block(), f.file, blocks, (*[3]int)(&f.fours[0]), len(f.fours))
	for i, from := range f.halves {
		packHalvesAVX2(&group[2*GroupRows*i], &rows[from], width, f.block(), f.file, blocks)
	}
	words := &group[f.wordsAt()]
	steps := &group[f.wordsAt()+64*f.scales]
	switch f.id {
	case idQ3_K:
		packBitsQ3_KAVX2(steps, &rows[f.raw], width, f.block(), f.file, blocks)
	case idQ5_K:
		packBitsQ5_KAVX2(steps, &rows[f.raw], width, f.block(), f.file, blocks)
	case idIQ4_XS:
		packScalesIQ4_XSAVX2(words, &rows[f.raw], width, f.block(), f.file, blocks)
	default:
		return f.make == nil
	}
	return true
}
