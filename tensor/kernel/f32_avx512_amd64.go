//go:build !purego

package kernel

//go:generate sh -c "cd gen && go run ./f32avx512 -out ../f32_avx512_amd64.s -stubs ../f32_avx512_stubs_amd64.go -pkg kernel"

// mulPanelAVX512 is mulPanelAVX2 with tiles of 12 rows, which hide the latency
// of the FMA, and of 6. Fewer rows fill vectors of 8 as well as they fill 16.
func mulPanelAVX512(c []float32, ldc, cols int, a rowBlocks, panel []float32, add bool) {
	whole := a.rows / BlockRows * BlockRows
	if a.cols == 0 || a.rows < 2*BlockRows && whole < a.rows {
		mulPanelAVX2(c, ldc, cols, a, panel, add)
		return
	}
	for k := 0; k < a.cols; k += panelDepth {
		n := min(panelDepth, a.cols-k)
		for i, rows := 0, 0; i < whole; i += rows {
			tile := mulTile12AVX512
			if rows = 2 * BlockRows; whole-i < rows {
				tile, rows = mulTile6AVX512, BlockRows
			}
			at := i/BlockRows*a.block + k*a.col
			tile(&c[i*ldc], ldc*wordBytes, &a.data[at], a.block*wordBytes, a.row*wordBytes, a.col*wordBytes, &panel[k*PanelWidth], n, cols, add || k > 0)
		}
	}
	if whole < a.rows {
		mulPanelAVX2(c[whole*ldc:], ldc, cols, a.from(whole), panel, add)
	}
}

// twiceDepth is panelDepth for two panels.
const twiceDepth = 192

func mulPanelTwiceAVX512(c []float32, ldc int, a rowBlocks, panels []float32, apart int, add bool) int {
	const rows = 2 * BlockRows
	if a.cols == 0 {
		return 0
	}
	whole := a.rows / rows * rows
	for k := 0; k < a.cols; k += twiceDepth {
		n := min(twiceDepth, a.cols-k)
		for i := 0; i < whole; i += rows {
			at := i/BlockRows*a.block + k*a.col
			mulTile12x2AVX512(&c[i*ldc], ldc*wordBytes, &a.data[at], a.block*wordBytes, a.row*wordBytes, a.col*wordBytes,
				&panels[k*PanelWidth], n, add || k > 0, apart*wordBytes)
		}
	}
	return whole
}

func ropeScaledFast(dst, x, cos, sin []float32, scale float32) {
	ropeScaledAVX512(&dst[0], &x[0], &cos[0], &sin[0], len(x)/(2*len(cos)), len(cos), scale)
}

func expMaxRowsFast(x Mat, seen, group int, m, s []float32) {
	unseen := min(max(0, 1-seen)*group, x.Rows)
	done := unseen
	if x.Rows > unseen && x.Cols > 0 {
		done = x.Rows - expMaxRowsAVX512(&x.Data[unseen*x.RowStride], x.RowStride*wordBytes, x.Cols, x.Rows-unseen, seen+unseen/group, group, &m[unseen], &s[unseen])
	}
	for i := range unseen {
		expMaxRow(x, i, 0, m, s)
	}
	for i := done; i < x.Rows; i++ {
		expMaxRow(x, i, seen+i/group, m, s)
	}
}

func expToMaxAVX512(x []float32) (m, s float32) {
	if n := len(x); n == 0 || expMaxRowsAVX512(&x[0], 0, n, 1, n, 1, &m, &s) > 0 {
		return expToMaxGeneric(x)
	}
	return m, s
}
