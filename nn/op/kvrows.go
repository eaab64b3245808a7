package op

// kvRows is what layouts share whose values lie one position after another.
type kvRows struct{}

func (kvRows) putValue(strip, row []byte, pos int) { copy(strip[pos*len(row):], row) }
