// Command reference writes the page that lists every key of a recipe.
package main

import (
	"flag"
	"io"
	"log"

	"limbeck/internal/disk"
	"limbeck/recipe"
)

func main() {
	out := flag.String("o", "recipe.md", "the page")
	flag.Parse()
	if err := disk.Write(*out, func(w io.Writer) error { return recipe.Reference(w) }); err != nil {
		log.Fatal(err)
	}
}
