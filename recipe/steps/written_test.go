package steps

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"limbeck/data"
	"limbeck/model"
	"limbeck/store/builtin"
)

// peerFolder is where TestWritePromptsForPeers leaves what
// testdata/written_prompts.py gives to other programs:
//
//	go test ./recipe/steps -run TestWritePromptsForPeers -written DIR
var peerFolder = flag.String("written", "", "write a model with each template that training leaves, and its prompts, to this folder")

// A peerPrompt is what Limbeck makes of a conversation.
type peerPrompt struct {
	Messages []data.Message `json:"messages"`
	Text     string         `json:"text"`
	IDs      []int          `json:"ids"`

	// Joined is set where the template leaves out the system message that the
	// conversation begins with: the prompt if that stood before the next message, a
	// line's end between.
	Joined *peerPrompt `json:"joined,omitempty"`
}

// TestWritePromptsForPeers writes the built-in teacher with each kind of template
// that training leaves a model, as NAME.gguf and as the folder NAME that the file
// converts to; and prompts.json, by NAME.
func TestWritePromptsForPeers(t *testing.T) {
	if *peerFolder == "" {
		t.Skip("no -written: make check-peers gives it")
	}
	own, err := os.ReadFile("../../model/chat/testdata/templates/smollm2.jinja")
	if err != nil {
		t.Fatal(err)
	}
	turns := data.Example{Messages: []data.Message{{Role: "user", Content: "a"}, {Role: "assistant", Content: "b"}, {Role: "user", Content: "c"}}}
	prompts := map[string][]peerPrompt{}
	for name, c := range map[string]struct {
		before  string // the template that the model had
		example data.Example
		want    string
	}{
		"bare":           {string(own), data.NewLabeled("lights on", "on"), bareTemplate},
		"roles":          {"", turns, rolesTemplate},
		"roles-system":   {"", briefed(hardBrief, "lights on"), withSystem(rolesTemplate, hardBrief)},
		"smollm2":        {string(own), data.NewChat("lights on", "ok"), string(own)},
		"smollm2-system": {string(own), briefed(hardBrief, "lights on"), withSystem(string(own), hardBrief)},
	} {
		m, err := Open(builtin.Prefix + builtin.HomeAssistant)
		if err != nil {
			t.Fatal(err)
		}
		template(t, m, c.before)
		examples := []data.Example{c.example}
		if err := adaptTemplate(m, examples); err != nil {
			t.Fatal(err)
		}
		if remark, err := speakAs(m, examples); remark != "" || err != nil {
			t.Fatalf("%s: %q, %v", name, remark, err)
		}
		if m.TemplateSource() != c.want {
			t.Errorf("%s: training leaves the template %q", name, m.TemplateSource())
		}
		prompts[name] = peerPrompts(t, m)
		path := filepath.Join(*peerFolder, name)
		if err := m.Save(path + ".gguf"); err != nil {
			t.Fatal(err)
		}
		if err := m.SaveFolder(path); err != nil {
			t.Fatal(err)
		}
	}
	text, err := json.Marshal(prompts)
	if err == nil {
		err = os.WriteFile(filepath.Join(*peerFolder, "prompts.json"), text, 0o666)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// peerPrompts are m's prompts of one turn and of several, with a system message and
// without, of plain text and of what a template or a tokenizer might change.
func peerPrompts(t *testing.T, m *model.Model) []peerPrompt {
	t.Helper()
	const hard = " \"It's\" {{ messages }} {% if %}\\n\r\n\t<|im_end|> 日本語 👩🏽‍🚀 \x04\U00040000 1234 \n"
	system := data.Message{Role: "system", Content: "Be short.\n\tBe kind."}
	chats := [][]data.Message{
		{{Role: "user", Content: "turn on the lights"}},
		{{Role: "user", Content: hard}},
		{{Role: "user", Content: "lights on"}, {Role: "assistant", Content: hard}, {Role: "user", Content: "and off"}},
	}
	for _, c := range chats[:len(chats):len(chats)] {
		chats = append(chats, append([]data.Message{system}, c...))
	}
	var out []peerPrompt
	for _, c := range chats {
		p := promptOf(t, m, c)
		if c[0].Role == "system" && !strings.Contains(p.Text, system.Content) {
			joined := append([]data.Message{{Role: c[1].Role, Content: system.Content + "\n" + c[1].Content}}, c[2:]...)
			j := promptOf(t, m, joined)
			p.Joined = &j
		}
		out = append(out, p)
	}
	return out
}

func promptOf(t *testing.T, m *model.Model, messages []data.Message) (p peerPrompt) {
	t.Helper()
	p.Messages = messages
	p.Text = prompt(t, m, data.Example{Messages: messages})
	ids, err := m.PromptIDs(data.Conversation(messages))
	if err != nil {
		t.Fatal(err)
	}
	p.IDs = ids
	return p
}
