// Package data imports, cleans, splits and describes the examples that a model
// is trained on and judged by.
//
// Whatever a file looks like, an [Example] comes out of it, and everything that
// consumes data (training, calibration, evaluation, recipes) consumes that one
// type. A supervised example is a list of messages whose last one is the reply
// to learn; an example for language modeling is plain text.
//
//	FILE              ROWS
//	.jsonl .ndjson    one JSON object a line, in one of the shapes below
//	.json             a list of such objects, or a line each; CLINC150's or SNIPS' own layout
//	.csv .tsv         a header, then rows; the columns are named like the keys
//	.txt              one example: the whole file as plain text, whose end [Holdout] takes
//
//	KEYS                        BECOMES
//	messages                    a conversation; the last message is the reply
//	prompt completion           a conversation of two messages
//	text intent slots           text and one JSON object, see [AppendReply]
//	text label (or intent)      text and its label
//	text                        plain text
//
// Further keys are ignored, except id, and a reply's weight: 0 says not to learn it. Every
// error names the file, the line, the column where there is one, and what was expected.
package data
