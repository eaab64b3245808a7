package op

import "limbeck/internal/par"

// Kinds of runs that may be brief, and what their sizes count.
const (
	productRuns   par.Kind = iota // row groups times columns times rows
	attentionRuns                 // pairs of a query's head and a block of keys
	quantizeRuns                  // elements, here and below
	normRuns
	swiGLURuns
	addRuns
	embedRuns
)

// pieceRows is the number of rows that a piece of an operation takes whose rows do not
// meet; briefRows if it may be brief.
const (
	pieceRows = 16
	briefRows = 4
)

// rowPieces returns how many pieces of so many rows each the rows are, or columns.
func rowPieces(rows, each int) int { return (rows + each - 1) / each }

// rowPiece returns the rows of one piece.
func rowPiece(piece, rows, each int) (lo, hi int) {
	return piece * each, min((piece+1)*each, rows)
}
