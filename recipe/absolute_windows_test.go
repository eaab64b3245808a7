package recipe

import "testing"

// A path of no volume is not looked for in the recipe's folder.
func TestAbsoluteOnWindows(t *testing.T) {
	r := &Recipe{Path: `C:\recipes\r.yaml`}
	for in, want := range map[File]string{
		`\models\m.gguf`: `\models\m.gguf`, "/models/m.gguf": `\models\m.gguf`, `D:\m.gguf`: `D:\m.gguf`,
		"m.gguf": `C:\recipes\m.gguf`,
	} {
		if got := r.Find(in); got != want {
			t.Errorf("%s is found at %s, want %s", in, got, want)
		}
	}
}
