package kernel

// assemblies are those of all formats that have one, by the names of their layouts.
var assemblies = map[string]*assembly{}

// A product is what a layout's MatMul has to do: n rows of x by row groups lo
// to hi of w.
type product struct {
	y      []float32
	ldy    int
	x      []float32
	ldx    int // floats a row of x
	n      int
	w      []byte
	group  int // bytes of a row group of w
	blocks int // of a row
	rows   int // of w
	lo, hi int
}

// check panics if x or y are short. w has been checked by the layout.
func (p *product) check() {
	if len(p.x) < p.n*p.ldx {
		panic("kernel: MatMul: x shorter than n rows")
	}
	if end := min(p.rows, p.hi*GroupRows); len(p.y) < (p.n-1)*p.ldy+end {
		panic("kernel: MatMul: y shorter than n rows")
	}
}

// run computes p by the assembly of a format. It reports false if there is none.
func (p *product) run(a *assembly) bool {
	if p.n == 0 || p.lo == p.hi {
		return true
	}
	p.check()
	return p.blocks > 0 && p.fast(a)
}

// out returns the outputs of activation row i and a row group, those that exist.
func (p *product) out(i, group int) []float32 {
	row := group * GroupRows
	return p.y[i*p.ldy+row : i*p.ldy+min(row+GroupRows, p.rows)]
}

// block returns block b of a row group.
func (p *product) block(group, b int) []byte {
	n := p.group / p.blocks
	at := group*p.group + b*n
	return p.w[at : at+n]
}
