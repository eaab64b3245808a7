package op

// pieceRows is the number of rows that a piece of an operation takes whose rows
// do not meet.
const pieceRows = 16

// rowPieces returns how many pieces so many rows are.
func rowPieces(rows int) int { return (rows + pieceRows - 1) / pieceRows }

// rowPiece returns the rows of one piece.
func rowPiece(piece, rows int) (lo, hi int) {
	return piece * pieceRows, min((piece+1)*pieceRows, rows)
}
