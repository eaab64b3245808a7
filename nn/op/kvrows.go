package op

// kvRows is what layouts share whose values lie one position after another.
type kvRows struct{}

func (kvRows) putValues(strip []byte, values encoded, pos int) {
	for i := range values.n {
		copy(strip[(pos+i)*values.size:], values.row(i))
	}
}
