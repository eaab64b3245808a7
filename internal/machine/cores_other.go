//go:build !linux

package machine

import "runtime"

func online() int      { return runtime.NumCPU() }
func quota() float64   { return 0 }
func load() float64    { return 0 }
func readTimes() times { return times{} }
