package steps

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"limbeck/model"
	"limbeck/recipe/run"
)

// describe gives the step's model its name, and a line in its metadata that says
// how it came about.
func describe(w *run.Work, m *model.Model, made string) {
	history := slices.Clone(m.Meta.Strings(model.HistoryKey))
	if name := m.Meta.String(model.NameKey, ""); name != "" && len(history) == 0 {
		m.Meta.Set("general.base_model.count", uint32(1))
		m.Meta.Set("general.base_model.0.name", name)
	}
	m.Meta = m.Meta.Without(ofFile)
	m.Meta.Set(model.HistoryKey, append(history, made+sources(w)))
	if name := strings.TrimSuffix(w.Export(modelFile), ".gguf"); name != "" {
		m.Meta.Set(model.NameKey, name)
	}
	license := cmp.Or(m.Meta.String(model.LicenseKey, ""), givenLicense(w))
	if license != "" {
		m.Meta.Set(model.LicenseKey, license)
		w.Fact("license", license)
	}
	w.Fact("parameters", fmt.Sprint(m.Config().Params()))
}

// ofFile tells whether a key is about the file that a model was made from, and says
// nothing of what is made.
func ofFile(key string) bool {
	switch key {
	case model.NameKey, "general.basename", "general.finetune", "general.size_label", "general.quantization_version", "general.quantized_by":
		return true
	}
	return strings.HasPrefix(key, "quantize.") || strings.HasPrefix(key, "split.")
}

// sources names, for a model's history, the models and the data that a step's
// inputs were made from. Of the data that is what was learned from: examples that
// only chose or judged the model taught it nothing.
func sources(w *run.Work) string {
	var models, files []string
	own := ownStudent(w)
	for _, o := range w.Origins() {
		switch o.Key {
		case "teacher.from", "student.from":
			models = appendNew(models, "model "+cite(o, licenseOf(o, own)))
		case "data.train":
			if o.Input == "train" {
				files = appendNew(files, "data "+cite(o, "license: "+o.License, "labels: "+o.Labels))
			}
		}
	}
	all := append(models, files...)
	if len(all) == 0 {
		return ""
	}
	return "; from " + strings.Join(all, ", ")
}

// ownStudent tells whether a step's model does not come from the teacher, but is a
// student of its own.
func ownStudent(w *run.Work) bool {
	return slices.ContainsFunc(w.Origins(), func(o run.Origin) bool { return o.Key == "student.from" })
}

// licenseOf is what the recipe says of a model's license. What the model's own file
// states is in what comes from it, but not in a student of its own.
func licenseOf(o run.Origin, own bool) string {
	license := o.License
	if own && o.Key == "teacher.from" {
		license = cmp.Or(license, o.Stated)
	}
	if license == "" {
		return ""
	}
	return "license: " + license
}

// givenLicense is the license that the recipe gives the model from which the step's
// comes; "" if it gives none.
func givenLicense(w *run.Work) string {
	if ownStudent(w) {
		return ""
	}
	for _, o := range w.Origins() {
		if o.Key == "teacher.from" && o.License != "" {
			return o.License
		}
	}
	return ""
}

// cite names a file with the first digits of its digest and what else is said of
// it.
func cite(o run.Origin, more ...string) string {
	if slices.Contains(o.Through, "teacher") && o.Key == "teacher.from" {
		more = append([]string{"trained as the recipe says"}, more...)
	}
	said := []string{fmt.Sprintf("sha256 %.12s", o.Digest)}
	for _, m := range more {
		if m != "" {
			said = append(said, m)
		}
	}
	return fmt.Sprintf("%s (%s)", shown(o), strings.Join(said, "; "))
}

func appendNew(list []string, s string) []string {
	if slices.Contains(list, s) {
		return list
	}
	return append(list, s)
}

// shown is a file's name as the recipe has it. A path from the root is cut to its
// end: where something was made is nobody's business.
func shown(o run.Origin) string {
	if filepath.IsAbs(o.Name) {
		return filepath.Base(o.Name)
	}
	return filepath.ToSlash(o.Name)
}
