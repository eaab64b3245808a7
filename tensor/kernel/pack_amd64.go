//go:build !purego

package kernel

//go:generate sh -c "cd gen && go run ./pack -out ../pack_amd64.s -stubs ../pack_stubs_amd64.go -pkg kernel"

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
