package chat

// Limits on what a template from outside may cost. What a piece of work costs stands
// where it is done.
const (
	maxSource = 1 << 20 // of a template [bytes]
	maxWork   = 1 << 23 // units; evaluating a node is one, as is making or reading 16 bytes of text
	maxOutput = 1 << 24 // of a rendered prompt [bytes]
	maxDepth  = 200     // of nested brackets, blocks, macro calls and values
	maxEval   = 20000   // of expressions that nest without brackets: a ~ b ~ c …
	maxRange  = 100000  // numbers of a range
	maxName   = 256     // of a variable, a member and the like [bytes]
)
