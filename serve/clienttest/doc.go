// Package clienttest lets the official OpenAI client talk to the server of
// package serve. It holds tests only, apart from that package's: the client is
// large, and would slow their fuzzing down.
package clienttest
