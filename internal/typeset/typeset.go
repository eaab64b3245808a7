// Package typeset writes numbers and texts as people read them on a terminal or a
// page: counts and sizes, columns, lines, and nothing that a text from outside could
// steer a terminal with.
package typeset
