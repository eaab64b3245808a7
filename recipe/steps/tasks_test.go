package steps_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"limbeck/data"
	"limbeck/eval"
	"limbeck/eval/report"
	"limbeck/recipe"
	"limbeck/recipe/steps"
	"limbeck/store/builtin"
)

// Recipes allow all tasks of package eval and their metrics, and reports have titles for
// these, though neither package knows it.
func TestTasksAreAllowed(t *testing.T) {
	// Accuracy is exact_match of labels.
	tasks, metrics := append([]string{"auto"}, eval.TaskNames()...), []string{"accuracy", "perplexity"}
	for _, task := range eval.Tasks {
		for _, m := range task.Metrics {
			metrics = append(metrics, m.Name)
			want := report.MetricInfo{Name: m.Name, Title: m.Title, Unit: report.Percent, LowerIsBetter: m.LowerIsBetter}
			if got := new(report.Report).Describe(m.Name); got != want {
				t.Errorf("a report describes %s as %+v, want %+v", m.Name, got, want)
			}
		}
	}
	checkAllowed(t, recipe.Recipe{}, "Task", tasks)
	checkAllowed(t, recipe.Compare{}, "Metrics", metrics)
}

// Models are judged by the home-assistant data with replies of up to 128 tokens, as are
// those that others have measured on it.
func TestHomeAssistantReplies(t *testing.T) {
	files, err := builtin.Files(builtin.HomeAssistant)
	if err != nil {
		t.Fatal(err)
	}
	f, err := files.Open("test.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	examples, err := data.Read(f, "test.jsonl", data.Options{})
	if err != nil {
		t.Fatal(err)
	}
	m, err := steps.Open(builtin.Prefix + builtin.HomeAssistant)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if got := eval.ReplyTokens(m, examples); got != 128 {
		t.Errorf("replies of up to %d tokens, want 128", got)
	}
}

// checkAllowed compares what a field's tag allows.
func checkAllowed(t *testing.T, section any, field string, want []string) {
	t.Helper()
	f, _ := reflect.TypeOf(section).FieldByName(field)
	got := strings.Fields(f.Tag.Get("one"))
	slices.Sort(got)
	slices.Sort(want)
	if want = slices.Compact(want); !slices.Equal(got, want) {
		t.Errorf("%T.%s allows %v, want %v", section, field, got, want)
	}
}
