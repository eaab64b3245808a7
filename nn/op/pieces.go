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

// rowPieces returns how many pieces so many rows are.
func rowPieces(rows int) int { return (rows + pieceRows - 1) / pieceRows }

// rowPiece returns the rows of one piece.
func rowPiece(piece, rows int) (lo, hi int) {
	return piece * pieceRows, min((piece+1)*pieceRows, rows)
}

// briefPieces is [rowPieces] of a run that may be brief.
func briefPieces(rows int) int { return (rows + briefRows - 1) / briefRows }

// briefPiece returns the rows of one of them.
func briefPiece(piece, rows int) (lo, hi int) {
	return piece * briefRows, min((piece+1)*briefRows, rows)
}
