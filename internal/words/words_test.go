package words

import (
	"strings"
	"testing"
)

func TestNearest(t *testing.T) {
	known := []string{"temperature", "response", "lr"}
	for word, want := range map[string]string{"temprature": "temperature", "Response": "response", "rl": "lr", "epochs": "", "x": ""} {
		if got := Nearest(word, known); got != want {
			t.Errorf("Nearest(%q) = %q, want %q", word, got, want)
		}
	}
}

func TestUnknown(t *testing.T) {
	known := []string{"choice", "perplexity"}
	for word, want := range map[string]string{
		"chioce": `task "chioce" is not known; did you mean "choice"?; known are: choice, perplexity`,
		"slots":  `task "slots" is not known; known are: choice, perplexity`,
	} {
		if got := Unknown("task", word, known); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

// What is cut is cut between characters, and says so.
func TestQuote(t *testing.T) {
	for text, want := range map[string]string{
		"short": `"short"`, strings.Repeat("日", 60): `"` + strings.Repeat("日", 60) + `"`, strings.Repeat("日", 61): `"` + strings.Repeat("日", 60) + `"…`,
	} {
		if got := Quote(text); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}
