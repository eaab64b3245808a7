package recipe

import "reflect"

// Data says where the task's examples are and how to read them. Files are
// found from the recipe's folder.
type Data struct {
	Train      File     `json:"train" short:"yes" doc:"the examples to learn from"`
	Test       File     `json:"test" default:"" doc:"the examples of the comparison, which no model learns from or is chosen by; without it, those of validation"`
	Validation Holdout  `json:"validation" default:"10%" doc:"a share of train, chosen by hash of the normalized text, of few the one of the least hash (for a text file: its end), or a file; 0%: nothing but rows that their file assigns, for settings that are already chosen"`
	Format     string   `json:"format" default:"auto" one:"auto json jsonl csv tsv text" doc:"auto: by the ending of the file's name"`
	Columns    Columns  `json:"columns" doc:"the names of the columns, if they are not the usual ones"`
	System     string   `json:"system" default:"" doc:"a system prompt put before every prompt that has none of its own"`
	Limit      Count    `json:"limit" default:"0" doc:"reads this many examples at most; 0: all"`
	Augment    *Augment `json:"augment,omitempty" doc:"makes further training examples from those there are"`
	License    string   `json:"license" default:"unknown" doc:"the data's license, for the lineage"`
	Labels     string   `json:"labels" default:"unknown" doc:"where the labels came from (people, openai/gpt-4o-mini, …), for the lineage"`
}

// Columns name the fields of CSV, TSV and JSONL examples. An empty name means
// the usual one, which is the key's. Those that steps did not always know do not stand
// in the settings of one that names none, whose key so stays what it was.
type Columns struct {
	Prompt     string `json:"prompt" default:"" doc:"what the model is given"`
	Completion string `json:"completion" default:"" doc:"what it must reply"`
	Text       string `json:"text,omitempty" default:"" doc:"what has a label or an intent, or is to be learned as it is"`
	Label      string `json:"label" default:"" doc:"the class of the text, or of what prompt names"`
	Intent     string `json:"intent,omitempty" default:"" doc:"what the text asks for"`
	Slots      string `json:"slots,omitempty" default:"" doc:"the values that the text gives beside an intent, a list of {\"name\": …, \"value\": …}"`
	ID         string `json:"id,omitempty" default:"" doc:"what names the example in errors and reports"`
}

// Augment makes training examples out of training examples.
type Augment struct {
	ExchangeSlots float64 `json:"exchange_slots" default:"0" min:"0" max:"100" doc:"per example, copies whose slot values come from others with the same slot"`
	InventValues  float64 `json:"invent_values" default:"0" min:"0" max:"100" doc:"per example, copies with slot values that do not exist, blended of two words: they can only be copied"`
}

// idleData tells of what is said of judging though there are no examples that say what a
// right reply is, and so no comparison.
func (r *Recipe) idleData(at report) {
	if r.Data.Train != "" || r.Compare.Off {
		return
	}
	const text, allowed = "changes nothing: without data.train nothing is compared", "data.train beside it"
	if r.Data.Test != "" {
		at("data.test", text, allowed+", or no test")
	}
	if r.Data.Validation.File != "" {
		at("data.validation", text, allowed+", or no validation")
	}
	if !reflect.DeepEqual(r.Compare, *Default[Compare]()) {
		at("compare", text, allowed+", or no compare")
	}
}

func (d *Data) check(at report) {
	if d.Test != "" && d.Test == d.Train {
		at("test", "is the training file too: its figures would mean nothing", "a file of other examples")
	}
	if d.Validation.File != "" && d.Validation.File == d.Train {
		at("validation", "is the training file too", "a share of it, as 10%, or a file of other examples")
	}
}
