//go:build !purego

package kernel

//go:generate sh -c "cd gen && go run ./f32 -out ../f32_amd64.s -stubs ../f32_stubs_amd64.go -pkg kernel"

// panelDepth is the number of rows of a panel that stay in the first-level
// cache while many rows of a pass: 16 KB.
const panelDepth = 256

func mulPanelAVX2(c []float32, ldc, cols int, a rowBlocks, panel []float32, add bool) {
	if a.cols == 0 {
		mulPanelGeneric(c, ldc, cols, a, panel, add)
		return
	}
	step := a.cols
	if a.rows > 2*BlockRows {
		step = panelDepth
	}
	for k := 0; k < a.cols; k += step {
		n := min(step, a.cols-k)
		for i, rows := 0, 0; i < a.rows; i += rows {
			rows = a.tileRows(i)
			at := i/BlockRows*a.block + i%BlockRows*a.row + k*a.col
			mulTileAVX2(&c[i*ldc], ldc, rows, cols, n, &a.data[at], a.row, a.col, &panel[k*PanelWidth], add || k > 0)
		}
	}
}

// tileRows returns how many rows to take from row i on: all of a block, but
// where blocks follow each other evenly the last 7 or 8 go as two tiles of 3 or
// 4 rows, since one or two rows alone cannot hide the latency of the FMA.
func (a *rowBlocks) tileRows(i int) int {
	left := a.rows - i
	if (left == 7 || left == 8) && a.block == BlockRows*a.row {
		return 4
	}
	return min(BlockRows, left)
}

func mulTileAVX2(c *float32, ldc, rows, cols, n int, a *float32, row, col int, panel *float32, add bool) {
	ldc, row, col = ldc*wordBytes, row*wordBytes, col*wordBytes
	switch rows {
	case 1:
		mulTile1AVX2(c, ldc, a, row, col, panel, n, cols, add)
	case 2:
		mulTile2AVX2(c, ldc, a, row, col, panel, n, cols, add)
	case 3:
		mulTile3AVX2(c, ldc, a, row, col, panel, n, cols, add)
	case 4:
		mulTile4AVX2(c, ldc, a, row, col, panel, n, cols, add)
	case 5:
		mulTile5AVX2(c, ldc, a, row, col, panel, n, cols, add)
	case 6:
		mulTile6AVX2(c, ldc, a, row, col, panel, n, cols, add)
	}
}

func packPanelsAVX2(dst []float32, b Mat) {
	whole := b.Cols / PanelWidth
	switch {
	case b.ColStride == 1 && whole > 0:
		size := b.Rows * PanelWidth
		copyRowsAVX2(&dst[0], size*wordBytes, &b.Data[0], b.RowStride*wordBytes, b.Rows, whole)
		if done := whole * PanelWidth; done < b.Cols {
			b.Data, b.Cols = b.Data[done:], b.Cols-done
			packPanelsGeneric(dst[whole*size:], b)
		}
	case b.RowStride == 1:
		transposePanelsAVX2(dst, b)
	default:
		packPanelsGeneric(dst, b)
	}
}

// transposePanelsAVX2 packs b where its columns are contiguous, by squares of 8.
func transposePanelsAVX2(dst []float32, b Mat) {
	full := b.Rows &^ 7
	for lo := 0; lo < b.Cols; lo += PanelWidth {
		panel := dst[lo*b.Rows:][:PanelWidth*b.Rows]
		hi := min(b.Cols, lo+PanelWidth)
		if hi-lo < PanelWidth {
			clear(panel)
		}
		j := lo
		for ; j+8 <= hi && full > 0; j += 8 {
			packColumnsAVX2(&panel[j-lo], &b.Data[j*b.ColStride], b.ColStride*wordBytes, full)
			packColumns(panel[j-lo:], b, j, j+8, full)
		}
		packColumns(panel[j-lo:], b, j, hi, 0)
	}
}

func packBlocksAVX2(dst []float32, a Mat) {
	whole := a.Rows / BlockRows
	switch size := BlockRows * a.Cols; {
	case whole == 0:
	case a.RowStride == 1:
		copyColumnsAVX2(&dst[0], size*wordBytes, &a.Data[0], a.ColStride*wordBytes, a.Cols, whole)
	case a.ColStride == 1 && a.Cols > 8:
		for q := range whole {
			transposeBlockAVX2(dst[q*size:][:size], a, q*BlockRows)
		}
	default:
		whole = 0
	}
	if done := whole * BlockRows; done < a.Rows {
		a.Data, a.Rows = a.Data[done*a.RowStride:], a.Rows-done
		packBlocksGeneric(dst[done*a.Cols:], a)
	}
}

// transposeBlockAVX2 packs the rows of a from row lo on, which are contiguous. The
// routine writes 2 floats too many: the last columns are left to Go, which comes after.
func transposeBlockAVX2(block []float32, a Mat, lo int) {
	full := (a.Cols - 1) &^ 7
	packRowsAVX2(&block[0], &a.Data[lo*a.RowStride], a.RowStride*wordBytes, full)
	packRows(block, a, lo, lo+BlockRows, full)
}
