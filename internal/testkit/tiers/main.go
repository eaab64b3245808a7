// Command tiers names the tiers of kernels, one a line: those that make tiers tests.
package main

import (
	"fmt"

	"limbeck/tensor/kernel"
)

func main() {
	for _, name := range kernel.Tiers() {
		fmt.Println(name)
	}
}
