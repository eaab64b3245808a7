package data

// Classes is how many labels there are to metrics, which take some spellings for one.
func (d Description) Classes() int { return len(spellings(d.Labels)) }

// Respelled counts the labels of several spellings that metrics take for one, and names
// two of one label.
func (d Description) Respelled() (labels int, one, other string) {
	spelled := spellings(d.Labels)
	for _, label := range d.Labels {
		of := spelled[Normalize(label)]
		if len(of) < 2 || of[0] != label {
			continue
		}
		if labels++; labels == 1 {
			one, other = of[0], of[1]
		}
	}
	return labels, one, other
}

// spellings returns distinct labels, in their order, by what they are normalized.
func spellings(labels []string) map[string][]string {
	of := map[string][]string{}
	for _, label := range labels {
		key := Normalize(label)
		of[key] = append(of[key], label)
	}
	return of
}
