package recipe

// Compare measures the student beside the teacher on the test examples.
type Compare struct {
	Metrics   []string `json:"metrics" default:"" one:"exact_match intent_accuracy slot_f1 invalid_json foreign_values accuracy perplexity" doc:"what is measured; empty: what the task asks for"`
	Baselines []string `json:"baselines" default:"classical" one:"classical round-to-nearest untouched" doc:"classical: a linear model; round-to-nearest: the student without imatrix; untouched: the teacher only quantized"`
	Limit     Count    `json:"limit" default:"0" doc:"uses this many test examples; 0: all"`
	Resamples int      `json:"resamples" default:"10000" min:"100" max:"1000000" doc:"bootstrap resamples behind an interval"`
	Rounds    int      `json:"rounds" default:"3" min:"0" max:"100" doc:"rounds in which the models' speed is measured in turn; 0: not measured"`
	Prompts   int      `json:"prompts" default:"50" min:"1" max:"100000" doc:"test prompts a round, each as often as 250 ms have room for all"`
	Examples  int      `json:"examples" default:"20" min:"0" max:"1000" doc:"the worst examples shown in the report"`
	Prices    Prices   `json:"prices" doc:"for the cost per 1,000 requests"`
	Recorded  File     `json:"recorded" default:"" doc:"models measured on an earlier day: a JSON file, as the models in report.json"`

	// Off is set by commands that make one step of a recipe: nothing is compared.
	Off bool `json:"-"`
}

// Prices are in one currency.
type Prices struct {
	Currency    string  `json:"currency" default:"USD" doc:"of the prices"`
	MachineHour float64 `json:"machine_hour" default:"0.05" min:"0" max:"1e6" doc:"one hour of the machine that runs the models"`
	Input       float64 `json:"input" default:"0" min:"0" max:"1e6" doc:"a million tokens read by the teacher, if it is rented"`
	Output      float64 `json:"output" default:"0" min:"0" max:"1e6" doc:"a million tokens written by the teacher, if it is rented"`
}

func (c *Compare) idle(at report) {
	usual := Default[Compare]()
	if c.Rounds > 0 {
		return
	}
	if c.Prompts != usual.Prompts {
		at("prompts", "changes nothing: so many are timed in a round, of which there are none", "rounds over 0, or no prompts")
	}
	if c.Prices.MachineHour != usual.Prices.MachineHour {
		at("prices.machine_hour", "changes nothing: it is the price of measured time, and rounds is 0", "rounds over 0, or no machine_hour")
	}
}
