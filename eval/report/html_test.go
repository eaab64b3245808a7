package report

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"html"
	"regexp"
	"strings"
	"testing"
)

func render(t *testing.T, r *Report) string {
	t.Helper()
	var b bytes.Buffer
	if err := r.WriteHTML(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestGoldenHTML(t *testing.T) {
	golden(t, "sample.html", []byte(render(t, sample())))
}

// TestSelfContained looks for anything that could make a browser fetch.
func TestSelfContained(t *testing.T) {
	page := render(t, sample())
	for _, pattern := range []string{`(?i)https?:`, `(?i)\bsrc\s*=`, `(?i)@import`, `(?i)url\(`, `(?i)<link\b`, `(?i)<iframe`, `(?i)\sstyle\s*=`, `(?i)\son[a-z]+\s*=\s*"`, `href="[^#]`} {
		if at := regexp.MustCompile(pattern).FindStringIndex(page); at != nil {
			t.Errorf("the page holds %q", page[max(0, at[0]-40):min(len(page), at[1]+40)])
		}
	}
}

// TestSecurityPolicy checks that the hashes are those of what the page holds:
// with a wrong one, browsers would drop the style without a word.
func TestSecurityPolicy(t *testing.T) {
	page := render(t, sample())
	m := regexp.MustCompile(`Content-Security-Policy" content="([^"]*)"`).FindStringSubmatch(page)
	if m == nil {
		t.Fatal("the page has no content security policy")
	}
	policy := html.UnescapeString(m[1])
	for _, tag := range []string{"style", "script"} {
		_, rest, _ := strings.Cut(page, "<"+tag+">")
		body, _, ok := strings.Cut(rest, "</"+tag+">")
		sum := sha256.Sum256([]byte(body))
		want := tag + "-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
		if !ok || !strings.Contains(policy, want) {
			t.Errorf("policy %q lacks %q", policy, want)
		}
	}
	if !strings.HasPrefix(policy, "default-src 'none';") {
		t.Errorf("policy %q allows by default", policy)
	}
}

// TestNesting checks that every element of the page is closed in order.
func TestNesting(t *testing.T) {
	for name, r := range map[string]*Report{"sample": sample(), "hostile": hostile(), "empty": {}} {
		page := render(t, r)
		page = regexp.MustCompile(`(?s)<(style|script)>.*?</(style|script)>`).ReplaceAllString(page, "")
		void := map[string]bool{"meta": true, "input": true, "!DOCTYPE": true}
		var stack []string
		for _, m := range regexp.MustCompile(`<(/?)([!a-zA-Z0-9]+)(?:\s[^<>]*?)?(/?)>`).FindAllStringSubmatch(page, -1) {
			switch {
			case m[1] == "/":
				if len(stack) == 0 || stack[len(stack)-1] != m[2] {
					t.Fatalf("%s: </%s> closes %v", name, m[2], stack)
				}
				stack = stack[:len(stack)-1]
			case m[3] == "" && !void[m[2]]:
				stack = append(stack, m[2])
			}
		}
		if len(stack) > 0 {
			t.Errorf("%s: %v left open", name, stack)
		}
	}
}

// evil tries to leave every context that text of a report may stand in: an
// element, attributes, the style, the script, a terminal, the line.
const evil = "</script></style><img src=x onerror=alert(1)>\"'`><svg/onload=alert(2)>\x1b[31m\x00\r\n\u202e\u2028{{.}}\xff"

// hostile is the sample with every string replaced.
func hostile() *Report {
	r := sample()
	r.Title, r.Created, r.Task, r.Data, r.Machine = evil, evil, evil, Data{evil, evil, evil, 3, evil}, Machine{evil, evil, -1}
	r.Interval.Method = evil
	for i := range r.Metrics {
		r.Metrics[i].Title = evil
	}
	for i := range r.Models {
		m := &r.Models[i]
		m.Name, m.Source, m.Digest, m.Architecture, m.Shape, m.License = evil, evil, evil, evil, evil, evil
		m.RecordedOn, m.Formats, m.Cost.Currency = evil, []string{evil}, evil
		for k := range m.Parts {
			m.Parts[k].Name = evil
		}
		for k := range m.Lineage {
			m.Lineage[k] = Origin{evil, evil}
		}
	}
	for i := range r.Pairs {
		r.Pairs[i].A, r.Pairs[i].B, r.Pairs[i].Verdict = evil, evil, evil
	}
	for i := range r.Curves {
		r.Curves[i].Name, r.Curves[i].Metric = evil, evil
	}
	for i := range r.Tables {
		tab := &r.Tables[i]
		tab.Title, tab.Note, tab.Columns[0].Name, tab.Rows[0][0].Text = evil, evil, evil, evil
	}
	r.Examples = []Example{{evil, evil, evil, []Reply{{evil, evil + evil, N(1), N(0)}}},
		{evil, evil, `{"a": "b"}`, []Reply{{evil, `{"` + "</code><script>" + `": ["<b>", {"x": [1]}]}`, Num{}, Num{}}}}}
	r.Notes = []Note{{evil, evil}}
	return r
}

func TestHostileHTML(t *testing.T) {
	clean, page := render(t, sample()), render(t, hostile())
	for _, bad := range []string{"<img", "<svg/", "onerror=alert(1)>", "\x1b", "\x00", "\u202e", "\u2028"} {
		if strings.Contains(page, bad) {
			t.Errorf("the page holds %q", bad)
		}
	}
	for _, tag := range []string{"<script", "</script", "<style", "</style"} {
		if got, want := strings.Count(page, tag), strings.Count(clean, tag); got != want {
			t.Errorf("%d times %q, want %d", got, tag, want)
		}
	}
}
