// Package gen holds the programs that write package kernel's assembly, in a
// module of their own so that the product does not depend on them.
package gen
