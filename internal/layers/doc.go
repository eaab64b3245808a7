// Package layers states, as tests, what the whole tree keeps: which package may
// import which, and the rules of style that a program can check. It holds no
// code of its own.
package layers
